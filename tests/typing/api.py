"""The public types as a user's checker sees them: checked by mypy in strict mode, never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import jsrun
from jsrun import (
    ConversionError,
    DeadlockError,
    FunctionTime,
    HeapLimitExceeded,
    InspectorConfig,
    InspectorEndpoints,
    InterruptStats,
    JavaScriptError,
    JavaScriptTimeout,
    JsFunction,
    JsMap,
    JsRegExp,
    JsrunError,
    JsStream,
    JsUndefined,
    JsWritable,
    PermissionDenied,
    PoolStats,
    PyStreamSource,
    ReactorStats,
    Runtime,
    RuntimeClosed,
    RuntimeConfig,
    RuntimePool,
    RuntimeStats,
    RuntimeTerminated,
    get_reactor_stats,
    undefined,
)


def report(error: JavaScriptError) -> None:
    print(error.name, error.message)


def configuration() -> RuntimeConfig:
    RuntimeConfig(timeout=timedelta(seconds=1))
    return RuntimeConfig(
        max_heap_size=1 << 26,
        initial_heap_size=1 << 20,
        max_buffer_bytes=1 << 26,
        bootstrap="globalThis.ready = true",
        timeout=1.5,
        max_serialization_depth=50,
        max_serialization_bytes=1 << 20,
        permissions=("fs",),
        on_unhandled_rejection=report,
    )


def debugging() -> RuntimeConfig:
    InspectorConfig("localhost", 0)
    return RuntimeConfig(inspector=InspectorConfig(port=0, wait_for_connection=True, display_name="app"))


async def profiling(rt: Runtime) -> None:
    assert_type(rt.inspector_endpoints(), InspectorEndpoints | None)
    async with rt.cpu_profile(interval=0.01) as profile:
        pass
    with rt.cpu_profile() as profile, rt.coverage() as coverage:
        assert_type(profile, jsrun.CpuProfile)
    assert_type(profile.top(3), list[FunctionTime])
    assert_type(profile.save("a.cpuprofile"), Path)
    assert_type(coverage.scripts, list[jsrun.ScriptCoverage])
    assert_type(await rt.heap_snapshot("a.heapsnapshot"), Path)
    assert_type(rt.heap_snapshot(Path("a")).wait(), Path)


def blocking() -> None:
    with Runtime(configuration(), timeout=2) as rt:
        assert_type(rt, Runtime)
        answer: int = rt.eval("1 + 1", timeout=timedelta(seconds=1), filename="a.js")
        print(answer)
        assert_type(rt.is_closed(), bool)
        assert_type(rt.get_stats(), RuntimeStats)
        assert_type(rt.get_stats().heap_used_bytes, int)
        assert_type(rt.get_stats().interrupts, InterruptStats)
        assert_type(get_reactor_stats(), ReactorStats)
        assert_type(get_reactor_stats().isolates, int)
        rt.terminate()
        rt.close()


async def awaited() -> None:
    rt = await Runtime.create(configuration(), timeout=2)
    assert_type(rt, Runtime)
    async with Runtime.create() as other:
        assert_type(other, Runtime)
    async with rt as same:
        assert_type(same, Runtime)
    value: str = await rt.eval_async("'a'", timeout=1)
    task = asyncio.create_task(rt.eval_async("1"))
    both = await asyncio.gather(rt.eval_async("1"), rt.eval_async("2"))
    limited = await asyncio.wait_for(rt.eval_async("1"), 1)
    guarded = await asyncio.shield(rt.eval_async("1"))
    print(value, await task, both, limited, guarded)
    await rt.aclose()


def run() -> None:
    with Runtime() as rt:
        print(asyncio.run(rt.eval_async("1")))


def bindings(rt: Runtime) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    async def later(text: str) -> str:
        return text

    rt.bind_function("add", add)
    rt.bind_function("later", later, inline=False)

    @rt.bind
    def plain(n: int) -> int:
        return n

    @rt.bind(name="other", inline=True)
    def named(n: int) -> str:
        return str(n)

    assert_type(plain(1), int)
    assert_type(named(1), str)
    assert_type(rt.bind(add, name="plus")(1, 2), int)
    table: Mapping[str, object] = {"add": add, "deep": {"n": 1}}
    rt.bind_object("table", table)
    rt.bind_object("service", object(), attributes=True)
    assert_type(rt.register_op("add", add, mode="sync", permissions=["fs"]), int)
    assert_type(rt.register_op("later", later, mode="async"), int)


async def functions(rt: Runtime) -> None:
    function: JsFunction = rt.eval("n => n")
    print(function(1, "a", timeout=1), function.name)
    pending: Awaitable[Any] = function.call_async(1, timeout=timedelta(seconds=1))
    print(await pending)
    function.close()
    await function.close()
    call: Callable[..., Any] = function
    print(call())


def values() -> None:
    assert_type(undefined, JsUndefined)
    assert_type(bool(undefined), bool)
    pattern = JsRegExp("a+", "g")
    assert_type(pattern.source, str)
    assert_type(pattern.flags, str)


def maps(table: JsMap) -> None:
    print(len(table), table.get("k"), list(table.items()), list(table))


async def streams(rt: Runtime, stream: JsStream, sink: JsWritable, source: AsyncIterator[bytes]) -> None:
    async for chunk in stream:
        print(chunk)
    async with stream as same:
        assert_type(same, JsStream)
        print(await same.read(timeout=1.0))
    for chunk in stream:
        print(chunk, stream.read_blocking())
    assert_type(await stream.aclose("why", timeout=1), None)
    stream.close()
    async with sink:
        assert_type(await sink.write(1), None)
    await sink.abort("why")
    assert_type(await rt.create_js_stream_from_python([1]), int)
    assert_type(rt.stream_from_async_iterable(source, byte_stream=True, high_water_mark=4), PyStreamSource)
    rt.writable_from_python(sink)
    assert_type(rt.get_stats().active_js_streams, int)


def errors(error: JavaScriptError) -> None:
    assert_type(error.name, "str | None")
    assert_type(error.message, str)
    assert_type(error.stack, "str | None")
    for frame in error.frames:
        print(frame["function_name"], frame["file_name"], frame["line_number"], frame["column_number"])
    print(error.cause, error.value)


def tree(rt: Runtime) -> None:
    try:
        rt.eval("1")
    except (JavaScriptTimeout, HeapLimitExceeded, RuntimeTerminated, RuntimeClosed) as error:
        parent: JsrunError = error
        print(parent)
    except (ConversionError, DeadlockError, PermissionDenied) as other:
        also: RuntimeError = other
        print(also)


async def module_level() -> None:
    number: int = jsrun.eval("1", timeout=1)
    text: str = await jsrun.eval_async("'a'")
    jsrun.bind_function("print", print)
    jsrun.bind_object("o", {"a": 1})
    assert_type(jsrun.get_default_runtime(), Runtime)
    jsrun.close_default_runtime()
    print(number, text)


async def pools() -> None:
    async def setup(rt: Runtime) -> None:
        await rt.eval_async("1")

    async with RuntimePool(size=(1, 4), config=configuration(), setup=setup, max_idle=timedelta(minutes=1)) as pool:
        assert_type(pool, RuntimePool)
        async with pool.runtime(timeout=1.5) as rt:
            assert_type(rt, Runtime)
        value: int = await pool.eval_async("1", timeout=1, filename="a.js")
        assert_type(pool.get_stats(), PoolStats)
        print(value, pool.is_closed())
        await pool.aclose()


def blocking_pools() -> None:
    with RuntimePool(2, setup=lambda rt: rt.eval("1"), reuse=True, reset="0", max_uses=10) as pool:
        assert_type(pool, RuntimePool)
        with pool.runtime() as rt:
            assert_type(rt, Runtime)
        value: str = pool.eval("'a'", timeout=timedelta(seconds=1))
        print(value)
        pool.close()
    RuntimePool(setup=b"snapshot")
