"""Modes, leak check, loop-blocking check: every test runs under these."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import leaks
import pytest
from hypothesis import settings
from modes import MODES, Js, Mode, loop_kinds, run_on, run_plain

import jsrun

failed = pytest.StashKey[bool]()
# For `nox -s schedules`.
settings.register_profile("schedules", max_examples=1500)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--isolation", choices=["thread", "process", "confined"], help="where runtimes are that do not say it"
    )


def pytest_configure(config: pytest.Config) -> None:
    # In the background of a shell without job control Ctrl-C is ignored, also by what the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "blocks_loop: this awaited test may block its loop")
    config.addinivalue_line("markers", "loops(*kinds): run this coroutine test only on these loops")
    config.addinivalue_line("markers", "may_leak: this test keeps something on purpose")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A coroutine test without `js` runs once on each loop."""
    if inspect.iscoroutinefunction(metafunc.function) and "js" not in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("loops")
        metafunc.fixturenames.append("loop_kind")
        metafunc.parametrize("loop_kind", marker.args if marker else loop_kinds())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests in the mode of their parameters."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    js: Js | None = arguments.get("js")
    kind = js.mode.loop if js else pyfuncitem.callspec.params["loop_kind"]
    if kind is None:
        run_plain(pyfuncitem.obj(**arguments))
        return True
    may_block = (js is not None and not js.awaited) or pyfuncitem.get_closest_marker("blocks_loop") is not None
    run_on(kind, lambda: pyfuncitem.obj(**arguments), may_block=may_block)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[failed] = report.failed
    return report


@pytest.fixture(scope="session", autouse=True)
def warm() -> None:
    """Once-only threads and descriptors exist before the first count."""
    leaks.warm_up()
    for kind in loop_kinds():
        with jsrun.Runtime() as rt:
            run_on(kind, lambda rt=rt: Js(rt, Mode("warm", kind, True)).eval("1"))


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest, warm: None) -> Iterator[None]:
    """Isolate threads, descriptors and runtimes are back where they were when a test has passed."""
    before = leaks.Census.take()
    files = leaks.open_files()
    yield
    if request.node.stash.get(failed, True) or request.node.get_closest_marker("may_leak"):
        return
    after = leaks.settle(before)
    more = sorted(set(leaks.open_files().items()) - set(files.items()))
    assert not after.exceeds(before), f"leaked: {before} became {after}; new descriptors: {more}"


@pytest.fixture(autouse=True)
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``--isolation process``, tests run on child processes where they name nothing else."""
    if request.config.getoption("isolation") == "process":
        monkeypatch.setitem(jsrun.RuntimeConfig.__init__.__kwdefaults__, "isolation", "process")  # type: ignore[arg-type]


@pytest.fixture
def runtimes() -> Iterator[Callable[..., jsrun.Runtime]]:
    """Makes runtimes with the given options and closes them after the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(jsrun.Runtime(*args, **options))


@pytest.fixture
def rt() -> Iterator[jsrun.Runtime]:
    """A runtime with default options."""
    with jsrun.Runtime() as runtime:
        yield runtime


@pytest.fixture(params=MODES, ids=lambda mode: mode.name)
def js(request: pytest.FixtureRequest, rt: jsrun.Runtime) -> Js:
    """The runtime of `rt`, blocking and awaited, on every loop."""
    return Js(rt, request.param)


@pytest.fixture
def messages() -> list[jsrun.ConsoleMessage]:
    """What `heard` heard."""
    return []


@pytest.fixture
def heard(js: Js, runtimes: Callable[..., jsrun.Runtime], messages: list[jsrun.ConsoleMessage]) -> Js:
    """A runtime whose console goes to `messages`."""
    return Js(runtimes(on_console=messages.append), js.mode)
