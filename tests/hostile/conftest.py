"""What every hostile input is held against: another runtime that must not notice, and scripts in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import jsrun

SCRIPTS = Path(__file__).parent / "crash"
NOISE = ("Traceback", "panicked", "Fatal", "never awaited", "Exception ignored", "was destroyed", "Segmentation")


TIERS: dict[str, Any] = {
    "thread": "thread",
    "process": "process",
    "confined": jsrun.ProcessIsolation(seccomp=True, landlock=True, memory=4 << 30),
}
#: What the ordinary run puts to the killable tiers too. `nox -s hostile` puts everything to each.
KILLABLE = re.compile(
    r"test_(01_a_loop|02_|08_the|12|15_a_heap_that_stays|18_what|25_mess|28|30_deep_arg|34|39_buf|46|50_f|55|60|61|67|79)"
)
CONFINED = re.compile(r"test_(01_a_loop|06_web|13|15_a_heap_that_stays|18_what|22_a_flood_of_mod|45)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The same bodies, with every runtime in a thread, in a child process, or in one that may do nothing else."""
    name, chosen = metafunc.function.__name__, metafunc.config.getoption("isolation")
    short = {"thread": True, "process": KILLABLE.match(name), "confined": CONFINED.match(name)}
    tiers = [tier for tier in TIERS if (tier == chosen if chosen else short[tier])]
    metafunc.parametrize("tier", tiers, indirect=True)


@pytest.fixture(autouse=True)
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where runtimes are that do not say it themselves."""
    chosen: str = request.param
    monkeypatch.setitem(jsrun.RuntimeConfig.__init__.__kwdefaults__, "isolation", TIERS[chosen])  # type: ignore[arg-type]
    return chosen


@pytest.fixture(scope="session")
def other() -> Iterator[jsrun.Runtime]:
    """A runtime that lives beside all the others."""
    with jsrun.Runtime() as runtime:
        runtime.eval(
            "globalThis.secret = [1, 2, 3]; globalThis.names = Object.getOwnPropertyNames(Array.prototype).join()"
        )
        yield runtime


@pytest.fixture(autouse=True)
def bystander(other: jsrun.Runtime) -> Iterator[None]:
    """The other runtime works and is as it was, whatever a test did."""
    yield
    assert other.state == "open"
    assert other.eval("[secret, names === Object.getOwnPropertyNames(Array.prototype).join(), {}.polluted]") == [
        [1, 2, 3],
        True,
        jsrun.undefined,
    ]


@pytest.fixture
def max_heap_size() -> int:
    """The heap limit of `rt`, in bytes; a test's parameter of that name takes its place."""
    return 64 << 20


@pytest.fixture
def rt(max_heap_size: int) -> Iterator[jsrun.Runtime]:
    """A runtime with small limits; whoever attacks it leaves it usable, or cleanly condemned or closed."""
    options = {"max_heap_size": max_heap_size, "max_buffer_bytes": 64 << 20}
    with jsrun.Runtime(on_unhandled_rejection=lambda error: None, **options) as runtime:
        yield runtime
        try:
            check(runtime)
        except jsrun.RuntimeCrashed as error:
            # A child whose V8 did not come back within a second is given up.
            assert error.exit_code == 70 and runtime.state == "condemned"


def check(runtime: jsrun.Runtime) -> None:
    """It works, or it says that it does not."""
    if runtime.state == "open":
        # What an attack left on the heap may stop the one that comes after it; never two.
        with contextlib.suppress(jsrun.HeapLimitExceeded):
            runtime.eval("1", timeout=50)
        assert runtime.eval("6 * 7", timeout=50) == 42
        assert runtime.state == "open"
    elif runtime.state == "condemned":
        with pytest.raises((jsrun.HeapLimitExceeded, jsrun.RuntimeCrashed), match="condemned|child process"):
            runtime.eval("1")
    elif runtime.state == "draining":
        # Behind a builtin that has not come back: then it is open, or condemned.
        with contextlib.suppress(jsrun.HeapLimitExceeded):
            assert runtime.eval("6 * 7", timeout=50) == 42
        assert runtime.state in {"open", "condemned"}
    else:
        with pytest.raises((jsrun.RuntimeClosed, jsrun.RuntimeTerminated)):
            runtime.eval("1")


@pytest.fixture
def drained(tier: str) -> Callable[..., Any]:
    """After the block the runtime is open; or, where there is a child, it may have been given up after a second."""

    @contextlib.contextmanager
    def block(runtime: jsrun.Runtime) -> Iterator[None]:
        try:
            yield
        except jsrun.RuntimeCrashed as error:
            assert tier != "thread" and error.exit_code == 70
        else:
            assert runtime.state == "open"

    return block


@pytest.fixture(params=["blocking", "awaited"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`eval` or `eval_async`, to be called alike."""

    def awaited(runtime: jsrun.Runtime, code: str, **options: Any) -> Any:
        async def main() -> Any:
            return await runtime.eval_async(code, **options)

        return asyncio.run(main())

    return awaited if request.param == "awaited" else lambda runtime, code, **options: runtime.eval(code, **options)


@pytest.fixture
def survives(tier: str) -> Callable[[str], str]:
    """Runs a script of `crash/` in a process of its own, which must end well and silently."""
    runner = [] if tier == "thread" else [SCRIPTS / "tier.py"]

    def script(name: str) -> str:
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", *runner, SCRIPTS / f"{name}.py"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=110,
            env={**os.environ, "PYTHONWARNINGS": "always", "PYTHONPATH": str(Path(jsrun.__file__).parent.parent)},
        )
        report = f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert done.returncode == 0, report
        assert "ok" in done.stdout.split(), report
        assert not any(noise in done.stderr for noise in NOISE), report
        return done.stdout

    return script
