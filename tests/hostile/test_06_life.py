"""Hostile inputs 53 to 64: promises, timers, tasks, loops and streams that end at the wrong moment."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from modes import in_thread, new_loop, outcome, soon, wait_until

from jsrun import (
    JavaScriptError,
    JavaScriptTimeout,
    JsrunError,
    ModuleError,
    Runtime,
    RuntimeClosed,
    StreamError,
)


async def test_53_a_rejection_that_nobody_handles_is_nobody_elses(rt: Runtime) -> None:
    waiting = [asyncio.ensure_future(rt.eval_async(f"new Promise(r => setTimeout(r, 30, {n}))")) for n in range(5)]
    assert await rt.eval_async("Promise.reject(new Error('stray')); 'done'") == "done"
    assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4]


async def test_54_floods_of_rejections() -> None:
    seen: list[JavaScriptError] = []
    async with Runtime.create(on_unhandled_rejection=seen.append, max_unhandled_rejections=100) as rt:
        assert await rt.eval_async("for (let i = 0; i < 1e5; i++) Promise.reject(i); 'done'") == "done"
        await rt.eval_async("Promise.reject(new Proxy({}, { get() { throw 1 } })); 0")
        await rt.eval_async("const p = Promise.reject(1); p.catch(() => { }); 0")
        assert await rt.eval_async("await new Promise(r => setTimeout(r, 20)); 6 * 7") == 42
        assert len(seen) <= 101
        assert len(seen) + rt.get_stats().reports_dropped == 100_001


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_54_a_handler_that_raises() -> None:
    def handler(error: JavaScriptError) -> None:
        raise ValueError(error)

    with Runtime(on_unhandled_rejection=handler) as rt:
        for _ in range(5):
            assert rt.eval("Promise.reject(1); 'done'") == "done"


async def test_55_nothing_runs_after_close() -> None:
    ran: list[int] = []

    async def wait() -> None:
        await asyncio.sleep(3600)

    rt = await Runtime.create()
    rt.bind_function("mark", lambda: ran.append(1))
    rt.bind_function("wait", wait)
    waiting = [
        asyncio.ensure_future(outcome(rt.eval_async(code)))
        for code in (
            "wait()",
            "new Promise(r => setTimeout(r, 1e6))",
            "setInterval(mark, 1); new Promise(r => globalThis.r = r)",
        )
    ]
    await soon(lambda: ran)
    await rt.aclose()
    count = len(ran)
    assert all(isinstance(ended, RuntimeClosed) for ended in await asyncio.gather(*waiting))
    await asyncio.sleep(0.05)
    assert len(ran) == count


def test_56_close_from_anywhere() -> None:
    inside = Runtime()
    inside.bind_function("close", inside.close)
    with pytest.raises(JsrunError):
        inside.eval("close(); for (;;);")
    wait_until(lambda: inside.state == "closed")
    loading = Runtime()
    loading.set_module_loader(lambda name: loading.close())  # type: ignore[arg-type, return-value, func-returns-value]
    with pytest.raises(JsrunError):
        loading.eval_module("m")
    busy = Runtime()
    operation = in_thread(lambda: (busy.close(), busy.close()))
    assert operation == (None, None)
    with pytest.raises(RuntimeClosed):
        busy.eval("1")


async def test_56_close_twice_at_once_while_busy() -> None:
    rt = await Runtime.create()
    loop = asyncio.ensure_future(outcome(rt.eval_async("for (;;);")))
    await asyncio.sleep(0.05)
    await asyncio.gather(rt.aclose(), rt.aclose(), asyncio.to_thread(rt.close))
    assert isinstance(await loop, RuntimeClosed)


def test_57_cycles_with_the_host_are_collected() -> None:
    rt = Runtime()
    rt.bind_function("host", lambda: rt)
    seen = weakref.ref(rt)
    del rt
    gc.collect()
    assert seen() is None
    dropped = Runtime()
    in_thread(lambda runtimes=[dropped]: runtimes.clear())  # type: ignore[misc]
    del dropped


@pytest.mark.parametrize(
    "code", ["for (;;);", "slow()", "new Promise(r => globalThis.r = r)", "1", "Array(1e5).fill([1])"]
)
async def test_58_a_task_cancelled_anywhere(rt: Runtime, code: str) -> None:
    async def slow() -> None:
        await asyncio.sleep(3600)

    rt.bind_function("slow", slow)
    for delay in (0, 0.001, 0.02):
        task = asyncio.ensure_future(rt.eval_async(code))
        await asyncio.sleep(delay)
        task.cancel()
        task.cancel()
        ended = await outcome(task)
        assert not isinstance(ended, Exception)
    assert await rt.eval_async("6 * 7") == 42
    assert rt.get_stats().active_async_ops == 0


async def test_59_deadlines_of_asyncio(rt: Runtime) -> None:
    with pytest.raises((asyncio.TimeoutError, TimeoutError)):
        await asyncio.wait_for(rt.eval_async("for (;;);"), 0)
    with pytest.raises((asyncio.TimeoutError, TimeoutError)):
        await asyncio.wait_for(asyncio.wait_for(rt.eval_async("for (;;);"), 5), 0.05)
    fails = asyncio.gather(rt.eval_async("throw new Error('x')"), rt.eval_async("new Promise(r => setTimeout(r, 20))"))
    with pytest.raises(JavaScriptError):
        await fails


def test_60_loops_that_close_and_begin_again(rt: Runtime) -> None:
    loop = new_loop("asyncio")

    async def leave() -> None:
        rt.eval_async("new Promise(r => setTimeout(r, 5000))").add_done_callback(lambda _: None)  # type: ignore[attr-defined]

    loop.run_until_complete(leave())
    loop.close()
    for _ in range(2):
        assert asyncio.run(rt.eval_async("1 + 1")) == 2
    assert in_thread(lambda: asyncio.run(rt.eval_async("2 + 2"))) == 4


class Nasty(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


async def test_61_what_host_coroutines_raise(rt: Runtime) -> None:
    async def cancels() -> None:
        raise asyncio.CancelledError

    async def nasty() -> None:
        raise Nasty

    rt.bind_function("cancels", cancels)
    rt.bind_function("nasty", nasty)
    assert await rt.eval_async("cancels().catch(e => 'caught')") == "caught"
    assert await rt.eval_async("nasty().catch(e => e.name)") == "Nasty"
    with pytest.raises(JavaScriptError):
        await rt.eval_async("nasty()")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_61_what_ends_the_program_is_let_through(rt: Runtime, kind: type[BaseException]) -> None:
    def leave() -> None:
        raise kind

    rt.bind_function("leave", leave)
    with pytest.raises(kind):
        rt.eval("leave()")


async def test_62_what_host_functions_return(rt: Runtime) -> None:
    rt.bind_function("strange", object)
    rt.bind_function("huge", lambda: "x" * (11 << 20))
    rt.bind_function("closing", lambda: asyncio.sleep(0, [object()]))
    for name in ("strange", "huge"):
        assert await rt.eval_async(f"try {{ {name}() }} catch (e) {{ e.name }}") == "ConversionError"
    assert await rt.eval_async("(async () => { try { await closing() } catch (e) { return e.name } })()") in {
        "TypeError",
        "ConversionError",
    }


async def test_63_host_functions_after_the_end_and_in_parallel() -> None:
    calls: list[int] = []

    async def host(number: int) -> int:
        calls.append(number)
        return number

    async with Runtime.create() as rt:
        rt.bind_function("host", host)
        code = "Promise.all(Array.from({ length: 2e4 }, (_, i) => host(i))).then(all => all.length)"
        assert await rt.eval_async(code) == 20_000
        function = await rt.eval_async("() => host(1)")
    with pytest.raises(RuntimeClosed):
        await function.call_async()
    assert len(calls) == 20_000


async def test_63_generators_that_never_end_or_will_not_close(rt: Runtime) -> None:
    closed: list[str] = []

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append("closed")
            raise ValueError("in aclose")

    number = await rt.create_js_stream_from_python(endless())
    code = f"const s = __jsrun_get_stream__({number}); const r = s.getReader(); await r.read(); await r.cancel().catch(() => 0); 'left'"
    assert await rt.eval_async(code) == "left"
    await soon(lambda: closed)


async def test_64_streams_that_are_left(rt: Runtime) -> None:
    make = "new ReadableStream({ pull(c) { c.enqueue(1) }, cancel() { globalThis.cancelled = (globalThis.cancelled ?? 0) + 1 } })"
    stream = await rt.eval_async(make)
    async for _ in stream:
        break
    await stream.aclose()
    assert await rt.eval_async("cancelled") == 1
    dropped = await rt.eval_async(make)
    assert await dropped.read() == 1
    del dropped, stream
    gc.collect()
    for _ in range(200):
        if await rt.eval_async("cancelled") == 2:
            break
        await asyncio.sleep(0.01)
    assert await rt.eval_async("cancelled") == 2
    fails = await rt.eval_async(
        "let n = 0; new ReadableStream({ pull(c) { if (n++) throw new Error('midway'); c.enqueue(0) } })"
    )
    with pytest.raises((JavaScriptError, StreamError), match="midway"):
        async for _ in fails:
            pass


async def test_79_a_runtime_that_drains_serves_who_came_meanwhile(drained: Callable[..., Any]) -> None:
    """Not on the list: requests that arrive while a builtin does not yield are neither lost nor refused."""
    async with Runtime.create() as rt:
        with pytest.raises(JavaScriptTimeout):
            await rt.eval_async("new Array(2 ** 24).fill(0).sort(); 0", timeout=0.1)
        assert rt.state == "draining"
        with drained(rt):
            assert await asyncio.gather(*(rt.eval_async(f"{n}", timeout=50) for n in range(10))) == list(range(10))


def test_80_a_module_that_never_ends(rt: Runtime) -> None:
    """Not on the list: limits hold while a module runs, too."""
    rt.add_static_module("loops", "for (;;);")
    for limit in ("timeout", "cpu_timeout"):
        with pytest.raises((JavaScriptTimeout, ModuleError)):
            rt.eval_module("loops", **{limit: 0.15})  # type: ignore[arg-type]
