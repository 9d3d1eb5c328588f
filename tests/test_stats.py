"""What runtimes and the process say of themselves in figures: counters, stops by cause, what is there right now."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cdp import Client
from modes import Js, background, outcome, soon, wait_until

import jsrun
from jsrun import HeapLimitExceeded, JavaScriptTimeout, Runtime, RuntimeCrashed
from jsrun._stats import are_sound

TIERS = ["thread", "process"]


@pytest.fixture(params=TIERS)
def either(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A runtime of either tier."""
    with Runtime(isolation=request.param) as runtime:
        yield runtime


def test_figures_are_frozen(rt: Runtime) -> None:
    for stats in (rt.get_stats(), rt.get_stats().interrupts, jsrun.get_reactor_stats()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(stats, dataclasses.fields(stats)[0].name, 1)


def test_operations_are_counted_by_kind(either: Runtime) -> None:
    rt = either
    assert rt.get_stats().last_execution_kind is None
    rt.add_static_module("m", "export default 1")

    def last() -> str | None:
        return rt.get_stats().last_execution_kind

    async def awaited() -> None:
        function = await rt.eval_async("() => 1")
        assert last() == "eval_async"
        await function.call_async()
        assert last() == "call_function_async"
        await rt.eval_module_async("m")
        assert last() == "eval_module_async"
        await (await rt.eval_async("({p: Promise.resolve(1)})"))["p"]
        assert last() == "await_promise_async"

    rt.eval("() => 1")()
    assert last() == "call_function_sync"
    rt.eval_module("m")
    assert last() == "eval_module_sync"
    rt.eval("({p: Promise.resolve(1)})")["p"].wait()
    assert last() == "await_promise_sync"
    asyncio.run(awaited())
    stats = rt.get_stats()
    assert (stats.eval_sync_count, stats.eval_async_count) == (2, 2)
    assert (stats.call_function_sync_count, stats.call_function_async_count) == (1, 1)
    assert (stats.eval_module_sync_count, stats.eval_module_async_count) == (1, 1)
    assert (stats.await_promise_sync_count, stats.await_promise_async_count) == (1, 1)
    assert stats.operations >= 10


BUSY = "{ const end = performance.now() + 30; while (performance.now() < end); }"


def test_time_in_javascript_is_counted_once(rt: Runtime) -> None:
    rt.bind_function("again", lambda: rt.eval(BUSY))
    before, start = rt.get_stats().total_execution_time, time.perf_counter()
    rt.eval(f"again(); {BUSY}")
    stats, wall = rt.get_stats(), time.perf_counter() - start
    assert 0.06 <= stats.total_execution_time - before <= wall
    assert 0.06 <= stats.last_execution_time <= wall
    assert stats.total_execution_time_ms == stats.total_execution_time * 1e3


def test_time_after_a_wait_is_counted(rt: Runtime) -> None:
    before = rt.get_stats()
    rt.eval(f"await new Promise(r => setTimeout(r, 1)); {BUSY}")
    rt.eval("0")
    assert rt.get_stats().total_execution_time - before.total_execution_time >= 0.03


async def test_timers_and_intervals_that_are_set(js: Js) -> None:
    def figures() -> tuple[int, int]:
        stats = js.rt.get_stats()
        return stats.timers, stats.intervals

    assert figures() == (0, 0)
    await js.eval(
        "globalThis.once = setTimeout(() => {}, 1e6); globalThis.often = setInterval(() => {}, 1e6);"
        "setTimeout(() => {}, 1e6); 0"
    )
    assert figures() == (2, 1)
    await js.eval("clearTimeout(once); clearInterval(often); clearTimeout(once); clearTimeout(77); 0")
    assert figures() == (1, 0)
    await js.eval("new Promise(done => { const id = setInterval(() => { clearInterval(id); done(); }, 1); })")
    await js.eval("new Promise(done => setTimeout(done, 1))")
    assert figures() == (1, 0)


def test_timers_are_counted_in_runtimes_from_snapshots(runtimes: Callable[..., Runtime]) -> None:
    builder = jsrun.SnapshotBuilder()
    builder.execute_script("a.js", "globalThis.arm = () => setTimeout(() => {}, 1e6); clearTimeout(arm());")
    one, two = (runtimes(snapshot=snapshot) for snapshot in [builder.build()] * 2)
    one.eval("arm()")
    assert (one.get_stats().timers, two.get_stats().timers) == (1, 0)


def test_javascript_cannot_reach_the_counters(rt: Runtime) -> None:
    rt.eval("Object.defineProperty(Uint32Array.prototype, 0, {set() { throw 1; }}); setTimeout(() => {}, 1e6); 0")
    assert rt.get_stats().timers == 1


async def test_modules_that_are_known(js: Js) -> None:
    js.rt.add_static_module("a", "import 'b'; export default 1")
    js.rt.add_static_module("b", "export default 2")
    js.rt.add_static_module("unused", "")
    assert js.rt.get_stats().modules == 0
    await js.eval_module("a")
    assert js.rt.get_stats().modules == 2


async def test_host_calls_and_operations_in_flight(rt: Runtime) -> None:
    gate = asyncio.Event()
    seen = []
    rt.bind_function("later", gate.wait)
    rt.bind_function("now", lambda: seen.append(rt.get_stats()))
    waiting = asyncio.ensure_future(rt.eval_async("Promise.all([later(), later()])"))
    await soon(lambda: rt.get_stats().host_calls == 2)
    stats = rt.get_stats()
    assert (stats.active_operations, stats.active_async_ops) == (1, 1)
    await rt.eval_async("now()")
    assert (seen[0].host_calls, seen[0].active_operations) == (3, 2)
    gate.set()
    await waiting
    stats = rt.get_stats()
    assert (stats.host_calls, stats.active_operations, stats.active_async_ops) == (0, 0, 0)


def test_memory_of_buffers(either: Runtime) -> None:
    before = either.get_stats()
    assert before.heap_limit_bytes == 512 << 20
    either.eval("globalThis.kept = new ArrayBuffer(1 << 20); 0")
    assert (1 << 20) <= either.get_stats().buffer_bytes - before.buffer_bytes < (2 << 20)


def test_figures_do_not_wait_for_javascript(either: Runtime) -> None:
    with background(lambda: pytest.raises(jsrun.JsrunError, either.eval, "for (;;);")):
        wait_until(lambda: either.get_stats().active_operations == 1)
        either.terminate()


async def test_stops_by_cause(rt: Runtime) -> None:
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("for (;;);", timeout=0.05)
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("for (;;);", cpu_timeout=0.05)
    task = asyncio.ensure_future(rt.eval_async("for (;;);"))
    await soon(lambda: rt.get_stats().active_operations == 1)
    task.cancel()
    await outcome(task)
    with pytest.raises(jsrun.DeadlockError):
        await rt.eval_async("new Promise(() => {})")
    expected = {"timeout": 1, "cpu_timeout": 1, "cancel": 1, "unreachable": 1}
    stats = rt.get_stats()
    assert {name: count for name, count in dataclasses.asdict(stats.interrupts).items() if count} == expected
    assert stats.interrupts.total == 4
    assert (stats.timeouts, stats.cancellations) == (2, 1)


def test_full_heaps_are_counted(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(max_heap_size=16 << 20)
    with pytest.raises(HeapLimitExceeded):
        rt.eval("const all = []; for (;;) all.push(new Array(1000).fill(7))")
    assert (rt.get_stats().interrupts.heap_limit, rt.get_stats().heap_limit_hits) == (1, 1)


def test_what_terminate_stopped_is_counted(rt: Runtime) -> None:
    def never(code: str) -> None:
        with pytest.raises(jsrun.RuntimeTerminated):
            rt.eval(code)

    with background(lambda: never("new Promise(r => globalThis.open = r)")):
        wait_until(lambda: rt.get_stats().active_async_ops == 1)
        with background(lambda: never("for (;;);")):
            wait_until(lambda: rt.get_stats().active_operations == 2)
            rt.terminate()
    assert rt.get_stats().interrupts.terminate == 2


def test_signals_that_raise_are_counted(rt: Runtime) -> None:
    class Stop(Exception):
        pass

    def handler(*_: object) -> None:
        raise Stop

    main = threading.main_thread().ident
    assert main is not None
    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        with background(
            lambda: (
                wait_until(lambda: rt.get_stats().active_operations == 1),
                signal.pthread_kill(main, signal.SIGUSR1),
            )
        ):
            with pytest.raises(Stop):
                rt.eval("for (;;);")
    finally:
        signal.signal(signal.SIGUSR1, previous)
    stats = rt.get_stats()
    assert (stats.interrupts.signal, stats.interrupts.cancel, stats.cancellations) == (1, 0, 1)


def test_a_stop_by_cpu_time_makes_a_pool_replace_the_runtime() -> None:
    with jsrun.RuntimePool(size=1, reuse=True) as pool:
        with pool.runtime() as first:
            number = first.eval("globalThis.mark = 1")
            with pytest.raises(JavaScriptTimeout):
                first.eval("for (;;);", cpu_timeout=0.02)
        with pool.runtime() as second:
            assert second.eval("typeof mark") == "undefined"
        assert number == 1


@pytest.mark.parametrize(
    "change",
    [
        {"operations": "many"},
        {"operations": -1},
        {"operations": True},
        {"stops": [1]},
        {"kinds": 3},
        {"extra": 1},
        {"timers": [1, None]},
    ],
    ids=str,
)
def test_figures_of_a_child_are_looked_at(rt: Runtime, change: dict[str, Any]) -> None:
    figures: dict[str, Any] = dict(rt._native.stats())
    assert are_sound(figures)
    assert not are_sound({**figures, **change})
    assert not are_sound(None)
    figures.popitem()
    assert not are_sound(figures)


def test_a_child_that_lies_about_its_figures_is_killed(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(isolation="process")
    native: Any = rt._native
    native.ask = lambda *_: {"operations": "many"}
    with pytest.raises(RuntimeCrashed, match="malformed figures"):
        rt.get_stats()
    del native.ask
    with pytest.raises(RuntimeCrashed):
        rt.eval("1")


# --- the process ------------------------------------------------------------------------------------------------


def test_isolates_and_their_threads_are_counted(runtimes: Callable[..., Runtime]) -> None:
    before = jsrun.get_reactor_stats()
    one, _ = runtimes(), runtimes()
    after = jsrun.get_reactor_stats()
    threads = [stats.native_threads - stats.isolates_ahead for stats in (before, after)]
    assert (after.isolates - before.isolates, threads[1] - threads[0]) == (2, 2)
    assert after.reactor_tasks >= before.reactor_tasks + 2
    one.close()
    assert jsrun.get_reactor_stats().isolates == before.isolates + 1


def test_child_processes_are_counted(runtimes: Callable[..., Runtime]) -> None:
    before = jsrun.get_reactor_stats()
    rt = runtimes(isolation="process")
    after = jsrun.get_reactor_stats()
    assert (after.child_processes - before.child_processes, after.isolates - before.isolates) == (1, 0)
    assert after.python_threads - before.python_threads == 1
    rt.close()
    assert jsrun.get_reactor_stats().child_processes == before.child_processes


async def test_deadlines_are_counted(rt: Runtime) -> None:
    before = jsrun.get_reactor_stats().pending_deadlines
    waiting = asyncio.ensure_future(rt.eval_async("new Promise(r => globalThis.open = r)", timeout=1000))
    await soon(lambda: rt.get_stats().active_async_ops == 1)
    assert jsrun.get_reactor_stats().pending_deadlines == before + 1
    await rt.eval_async("open(); 0")
    await waiting
    assert jsrun.get_reactor_stats().pending_deadlines == before


def test_queues_are_counted(rt: Runtime) -> None:
    rt.eval("1")
    gc.collect()
    before = jsrun.get_reactor_stats().completion_queues
    inside = []

    async def main() -> None:
        await rt.eval_async("1")
        inside.append(jsrun.get_reactor_stats().completion_queues)

    asyncio.run(main())
    assert inside == [before + 1]
    gc.collect()
    wait_until(lambda: jsrun.get_reactor_stats().completion_queues == before)


def test_messages_are_counted(rt: Runtime) -> None:
    with background(lambda: pytest.raises(jsrun.RuntimeTerminated, rt.eval, "for (;;);")):
        wait_until(lambda: rt.get_stats().active_operations == 1)
        with background(lambda: pytest.raises(jsrun.RuntimeTerminated, rt.eval, "1")):
            wait_until(lambda: jsrun.get_reactor_stats().messages >= 1)
            rt.terminate()


def test_debuggers_are_counted(runtimes: Callable[..., Runtime]) -> None:
    before = jsrun.get_reactor_stats()
    rt = runtimes(inspector=jsrun.InspectorConfig(port=0))
    with Client(rt):
        wait_until(lambda: jsrun.get_reactor_stats().inspector_connections == before.inspector_connections + 1)
        assert jsrun.get_reactor_stats().inspector_listeners == before.inspector_listeners + 1
    wait_until(lambda: jsrun.get_reactor_stats().inspector_connections == before.inspector_connections)
    rt.close()
    assert jsrun.get_reactor_stats().inspector_listeners == before.inspector_listeners


def test_spare_buffers_are_counted(rt: Runtime) -> None:
    assert len(rt.eval("new Uint8Array(200_000)")) == 200_000
    assert jsrun.get_reactor_stats().spare_buffer_bytes >= 200_000
