"""Hostile inputs 65 to 75: modules, signals, forks, exits, lack of resources, damaged data, crowds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import leaks
import pytest
from modes import background, outcome

import jsrun
from jsrun import (
    JavaScriptError,
    JavaScriptTimeout,
    ModuleError,
    Runtime,
    SnapshotBuilder,
    SnapshotError,
)

Survives = Callable[[str], str]


@pytest.mark.parametrize(
    ("sources", "fails"),
    [
        ({"m": "import 'n'; export default 1", "n": "import 'm'"}, False),
        ({"m": "import 'm'; export default 1"}, False),
        ({"m": "await 0; import 'n'; export default 1", "n": "await 0; import 'm'"}, False),
        ({"m": "import 'gone'"}, True),
        ({"m": "syntax error"}, True),
        ({"m": 5}, True),
        ({"m": b"\xff\xfe"}, True),
        ({"m": b"\xef\xbb\xbfexport default 1"}, False),
        ({"m": "import j from 'j'; export default j", "j": "{}"}, True),
    ],
)
def test_65_module_graphs(rt: Runtime, sources: dict[str, Any], fails: bool) -> None:
    def loader(name: str) -> Any:
        return sources[name]

    rt.set_module_loader(loader)
    if not fails:
        assert rt.eval_module("m", timeout=20).default == 1
        return
    with pytest.raises((ModuleError, JavaScriptError)):
        rt.eval_module("m", timeout=20)
    # Mended, it can be imported.
    sources.update({"m": "export default 2"})
    assert rt.eval_module("m", timeout=20).default == 2


def test_65_a_deep_chain_of_modules(rt: Runtime) -> None:
    deep = 2000
    rt.set_module_loader(lambda name: f"import '{int(name) + 1}'" if int(name) < deep else "export {}")
    try:
        rt.eval_module("0", timeout=50)
    except JavaScriptError as error:
        assert error.name == "RangeError"


def test_66_signals(survives: Survives) -> None:
    survives("66_signals")


@pytest.mark.blocks_loop
async def test_67_blocking_calls_that_wait_for_themselves(rt: Runtime) -> None:
    async def later() -> str:
        await asyncio.sleep(0.05)
        return "slept"

    rt.bind_function("later", later)
    rt.bind_function("nested", lambda: rt.eval("6 * 7"))
    await rt.eval_async("globalThis.waiting = later(); 0")
    with pytest.raises(jsrun.DeadlockError, match="eval_async"):
        rt.eval("waiting", timeout=50)
    assert await rt.eval_async("waiting") == "slept"
    assert await rt.eval_async("nested()") == 42


def test_68_forks(survives: Survives) -> None:
    survives("68_fork")


def test_69_exits(survives: Survives) -> None:
    survives("69_exit")


def test_70_many_runtimes_and_none_left() -> None:
    before = leaks.Census.take()
    for _ in range(40):
        with Runtime() as rt:
            assert rt.eval("1") == 1
    crowd = [Runtime() for _ in range(40)]
    assert [rt.eval("1") for rt in crowd] == [1] * 40
    for rt in crowd:
        rt.close()
    assert not leaks.settle(before).exceeds(before)


def test_70_resources_that_run_out(survives: Survives) -> None:
    survives("70_resources")


def test_71_damaged_snapshots() -> None:
    builder = SnapshotBuilder()
    builder.execute_script("a.js", "globalThis.answer = 42")
    good = builder.build()
    with Runtime(snapshot=good) as rt:
        assert rt.eval("answer") == 42
    step = max(1, len(good) // 40)
    bad = [b"", b"x" * 100, good[: len(good) // 2], good[:-1], good + b"x"]
    bad += [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good), step)]
    for data in bad:
        with pytest.raises(SnapshotError):
            Runtime(snapshot=data)


def test_72_debugger_statements_pause_nothing(rt: Runtime) -> None:
    assert rt.eval("debugger; 6 * 7", timeout=20) == 42


def test_73_a_panic_is_contained() -> None:
    """Panics cannot be caused from outside: `hostile_73` in the core's run.rs and thread.rs cause them. What it becomes is typed."""
    assert issubclass(jsrun.JsrunError, RuntimeError)
    assert not issubclass(jsrun.JsrunError, JavaScriptError)


@pytest.mark.may_leak  # the loop's helper threads and their descriptors
async def test_74_many_busy_runtimes_meet_their_deadlines(other: Runtime) -> None:
    crowd = await asyncio.gather(*(Runtime.create() for _ in range(60)))
    ended = await asyncio.gather(*(outcome(rt.eval_async("for (;;);", timeout=0.3)) for rt in crowd))
    assert all(isinstance(error, JavaScriptTimeout) for error in ended)
    assert await other.eval_async("1") == 1
    await asyncio.gather(*(rt.aclose() for rt in crowd))


def test_75_one_runtime_and_many_threads() -> None:
    rt = Runtime()
    shared: dict[str, Any] = {"a": 1}
    unexpected: list[BaseException] = []
    echo, stop = rt.eval("x => x"), threading.Event()

    def mutate() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared[f"k{number % 500}"] = number
            shared.pop(f"k{(number * 7) % 500}", None)

    def work() -> None:
        for _ in range(30):
            try:
                assert isinstance(echo(shared), dict)
                rt.eval("for (;;);", timeout=0.005)
            except (jsrun.JsrunError, RuntimeError):
                pass
            except BaseException as error:
                unexpected.append(error)

    with background(mutate):
        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        enders = [threading.Timer(1.0, rt.close) for _ in range(3)]
        for thread in [*enders]:
            thread.start()
        for thread in [*threads, *enders]:
            thread.join(40)
            assert not thread.is_alive(), "a thread hangs"
        stop.set()
    assert unexpected == []
    assert rt.state == "closed"
