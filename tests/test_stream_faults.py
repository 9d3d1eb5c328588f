"""Streams when something goes wrong: races, loops that close, thousands at once, a fast side and a slow one."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from modes import MODES, Js, background, loop_kinds, new_loop, outcome, soon

from jsrun import JavaScriptError, JsrunError, JsStream, Runtime, SnapshotBuilder, StreamEnded

READ_ALL = "async (s) => { let n = 0; for await (const c of s) n++; return n }"


def idle(rt: Runtime) -> None:
    """Nothing of any stream is left."""
    stats = rt.get_stats()
    assert (stats.active_js_streams, stats.active_py_streams, stats.active_async_ops) == (0, 0, 0)


async def settled(rt: Runtime) -> None:
    """No task but this one, no stream, no handle is left, as soon as everybody has let go."""

    def done() -> bool:
        gc.collect()
        stats = rt.get_stats()
        left = (stats.active_js_streams, stats.active_py_streams, stats.active_async_ops, stats.handles)
        return left == (0, 0, 0, 0) and len(asyncio.all_tasks()) == 1

    for _ in range(100):
        # JavaScript's collector runs when it must.
        await rt.eval_async("for (let i = 0; i < 20; i++) new Uint8Array(1 << 20); 0")
        await asyncio.sleep(0)
        if done():
            return
    raise AssertionError(f"left: {rt.get_stats()}, {len(asyncio.all_tasks())} tasks")


# --- races ----------------------------------------------------------------------------------------------------------

#: How many times from JavaScript and from Python; `nox -s races` says more.
RACES = int(os.environ.get("JSRUN_STREAM_RACES", "15000"))
RACES_FROM_PYTHON = int(os.environ.get("JSRUN_STREAM_RACES", "3000"))


async def test_cancelling_races_with_the_last_chunk_from_javascript(rt: Runtime) -> None:
    """A read is cancelled, or the stream closed, about when its last chunk comes."""
    make = await rt.eval_async("""globalThis.ends = [];
        globalThis.wait = (n) => n ? Promise.resolve().then(() => wait(n - 1)) : 0;
        (turns) => new ReadableStream({async pull(c) { await wait(turns); c.enqueue('last'); c.close() },
                                       cancel() { ends.push(1) }}, {highWaterMark: 0})""")
    chance = random.Random(4)
    outcomes = {"last": 0, "cancelled": 0, "ended": 0}
    for _ in range(RACES):
        stream = await make.call_async(chance.randrange(60))
        reading = asyncio.ensure_future(stream.read())
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        how = chance.randrange(3)
        if how == 0:
            reading.cancel()
            await stream.aclose()
        elif how == 1:
            await stream.aclose()
        result = await outcome(reading)
        assert result == "last" or isinstance(result, (asyncio.CancelledError, StreamEnded)), repr(result)
        assert how != 2 or result == "last"
        kind = "last" if result == "last" else "cancelled" if isinstance(result, asyncio.CancelledError) else "ended"
        outcomes[kind] += 1
        if how != 2:
            assert isinstance(await outcome(stream.read()), StreamEnded)
        elif await outcome(stream.read()) == "last":
            raise AssertionError("the last chunk came twice")
    assert all(outcomes.values()), outcomes
    assert await rt.eval_async("ends.length") <= RACES
    del make, stream, reading, result
    await settled(rt)


async def test_cancelling_races_with_the_last_chunk_from_python(rt: Runtime) -> None:
    """`cancel()` comes about when the iterator ends: its finally runs once, and `cancel()` is answered once."""
    race = await rt.eval_async("""async (s, turns) => { const reader = s.getReader(); const first = reader.read();
        for (let i = 0; i < turns; i++) await null;
        const [chunk, cancelled] = await Promise.all([first, reader.cancel('race').then(() => 'cancelled')]);
        return [chunk.done ? 'done' : chunk.value, cancelled, (await reader.read()).done] }""")
    chance = random.Random(5)
    finals = 0

    async def last(turns: int) -> AsyncIterator[str]:
        nonlocal finals
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
            yield "last"
        finally:
            await asyncio.sleep(0)
            finals += 1

    started = 0
    for _ in range(RACES_FROM_PYTHON):
        before = finals
        chunk, cancelled, done = await race.call_async(
            last(chance.randrange(3)), chance.choice((0, 1, 100, 3000, 30000))
        )
        assert chunk in {"last", "done"}
        assert (cancelled, done) == ("cancelled", True)
        assert finals - before <= 1
        started += finals - before
    assert started > 0
    del race
    await settled(rt)


def test_closing_the_runtime_races_with_streams() -> None:
    """Whatever is under way when the runtime closes ends with a typed error, and in time."""
    chance = random.Random(6)

    async def body() -> None:
        rt = await Runtime.create()
        read_all = await rt.eval_async(READ_ALL)
        streams = await rt.eval_async(
            "Array.from({length: 3}, () => (async function* () { for (let i = 0;; i++) yield i })())"
        )

        async def numbers() -> AsyncIterator[int]:
            while True:
                await asyncio.sleep(0)
                yield 1

        async def consume(stream: JsStream) -> None:
            async for _ in stream:
                await asyncio.sleep(0)

        jobs = [asyncio.ensure_future(outcome(work)) for work in map(consume, streams)]
        jobs += [asyncio.ensure_future(outcome(read_all.call_async(numbers()))) for _ in range(3)]
        for _ in range(chance.randrange(200)):
            await asyncio.sleep(0)
        await rt.aclose()
        for result in await asyncio.wait_for(asyncio.gather(*jobs), 10):
            assert isinstance(result, JsrunError), repr(result)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    for _ in range(25):
        asyncio.run(body())


# --- loops that close -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", loop_kinds())
def test_a_loop_closed_while_a_read_waits(rt: Runtime, kind: str) -> None:
    stream = rt.eval("new ReadableStream({start(c) { globalThis.c = c }})")
    loop = new_loop(kind)
    waiting = loop.create_task(stream.read())
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(asyncio.sleep(0.02))
    loop.close()
    del waiting
    gc.collect()
    rt.eval("c.enqueue(1); c.enqueue(2); c.close()")
    assert list(stream) == [1, 2]
    idle(rt)


@pytest.mark.parametrize("kind", loop_kinds())
def test_a_loop_closed_while_an_iterator_runs_on_it(rt: Runtime, kind: str) -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(60)
        yield 2

    loop = new_loop(kind)

    async def begin() -> object:
        await (await rt.eval_async("(s) => { globalThis.r = s.getReader(); return 0 }")).call_async(numbers())
        await rt.eval_async("r.read()")
        await rt.eval_async("globalThis.next = r.read().catch((e) => e.name); 0")
        return await asyncio.sleep(0.02)

    loop.run_until_complete(begin())
    loop.close()
    gc.collect()
    assert rt.eval("next", timeout=10) in {"CancelledError", "GeneratorExit"}


def test_an_iterator_whose_items_come_from_another_loop(rt: Runtime) -> None:
    """Its own loop drives it; that of its items is another thread's."""
    items: asyncio.Queue[int] = asyncio.Queue()
    ready = threading.Event()
    other: list[asyncio.AbstractEventLoop] = []

    def run() -> None:
        loop = new_loop("asyncio")
        other.append(loop)
        loop.call_soon(ready.set)
        loop.run_forever()
        loop.close()

    async def numbers() -> AsyncIterator[int]:
        for _ in range(3):
            yield await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(items.get(), other[0]))

    async def body() -> Any:
        for i in range(3):
            other[0].call_soon_threadsafe(items.put_nowait, i)
        return await (await rt.eval_async(READ_ALL)).call_async(numbers())

    with background(run):
        ready.wait(10)
        assert asyncio.run(body()) == 3
        other[0].call_soon_threadsafe(other[0].stop)


async def test_an_iterator_that_awaits_a_future_of_another_loop(rt: Runtime) -> None:
    stranger = new_loop("asyncio")

    async def numbers() -> AsyncIterator[int]:
        yield await stranger.create_future()

    result = await outcome((await rt.eval_async(READ_ALL)).call_async(numbers(), timeout=10))
    assert isinstance(result, JavaScriptError)
    assert isinstance(result.__cause__, RuntimeError)
    stranger.close()


# --- producers and consumers that misbehave -------------------------------------------------------------------------


async def test_both_ends_in_javascript(rt: Runtime) -> None:
    """A stream through Python and back is still that of JavaScript: nothing crosses."""
    stream = await rt.eval_async("ReadableStream.from([1, 2, 3])")
    assert await (await rt.eval_async(READ_ALL)).call_async(stream) == 3
    stats = rt.get_stats()
    assert (stats.chunks_streamed_js_to_py, stats.chunks_streamed_py_to_js) == (0, 0)
    result = await outcome(stream.read())
    assert isinstance(result, (JavaScriptError, StreamEnded))


async def test_a_stream_around_python_and_back(rt: Runtime) -> None:
    """JavaScript to Python to JavaScript to Python, every chunk once."""

    async def doubled(stream: JsStream) -> AsyncIterator[int]:
        async for chunk in stream:
            yield chunk * 2

    source = await rt.eval_async("(async function* () { for (let i = 0; i < 500; i++) yield i })()")
    back = await (await rt.eval_async("(s) => s.pipeThrough(new TransformStream())")).call_async(doubled(source))
    assert [chunk async for chunk in back] == [2 * i for i in range(500)]
    del source, back
    await settled(rt)


async def test_a_producer_that_never_ends_stops_with_its_consumer(rt: Runtime) -> None:
    stopped = asyncio.Event()

    async def forever() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            stopped.set()

    first = await rt.eval_async("async (s) => { for await (const n of s) return n }")
    assert await first.call_async(forever()) == 1
    await asyncio.wait_for(stopped.wait(), 10)
    endless = await rt.eval_async(
        "(async function* () { try { for (;;) yield 1 } finally { globalThis.over = true } })()"
    )
    async for _ in endless:
        break
    assert await rt.eval_async("over")


async def test_a_producer_that_never_yields_can_be_given_up(rt: Runtime) -> None:
    stream = await rt.eval_async("(async function* () { try { await new Promise(() => {}) } finally { } })()")
    assert isinstance(await outcome(stream.read(timeout=0.02)), TimeoutError)
    # A generator that waits cannot be made to return before it yields.
    assert isinstance(await outcome(stream.aclose(timeout=0.02)), TimeoutError)
    assert isinstance(await outcome(stream.read()), StreamEnded)


async def test_an_iterator_that_will_not_stop(rt: Runtime) -> None:
    release = asyncio.Event()

    async def stubborn() -> AsyncIterator[int]:
        yield 1
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                pass
        yield 2

    leave = await rt.eval_async(
        "async (s) => { const r = s.getReader(); await r.read(); globalThis.gone = r.cancel(); return 0 }"
    )
    await leave.call_async(stubborn())
    assert isinstance(await outcome(rt.eval_async("gone", timeout=0.05)), TimeoutError)
    release.set()
    await rt.eval_async("gone")


def test_an_open_stream_in_a_snapshot() -> None:
    builder = SnapshotBuilder()
    builder.execute_script(
        "s.js",
        """globalThis.n = 0; globalThis.reader = new ReadableStream({
        pull(c) { c.enqueue(n++) }}).getReader(); reader.read().then((c) => { globalThis.first = c.value })""",
    )
    with Runtime(snapshot=builder.build()) as rt:
        assert rt.eval("first") == 0
        assert rt.eval("(await reader.read()).value") == 1
        stream = rt.eval(
            "reader.releaseLock(); reader.constructor; new ReadableStream({start(c) { c.enqueue(5); c.close() }})"
        )
        assert list(stream) == [5]


# --- many -----------------------------------------------------------------------------------------------------------

MANY = 10_000


def cpu() -> float:
    """Processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def rests(rt: Runtime) -> bool:
    """Whether the process soon spends a while without using the processor: V8 tidies up after it has worked."""
    await rt.eval_async("0")
    for _ in range(20):
        before = cpu()
        await asyncio.sleep(0.2)
        if cpu() - before < 0.02:
            return True
    return False


async def test_ten_thousand_streams_of_javascript(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(max_serialization_bytes=64 << 20)
    streams = await rt.eval_async(f"""globalThis.controllers = [];
        Array.from({{length: {MANY}}}, () => new ReadableStream({{start(c) {{ controllers.push(c) }}}}))""")
    assert rt.get_stats().active_js_streams == MANY
    reads = [asyncio.ensure_future(stream.read()) for stream in streams]
    await soon(lambda: rt.get_stats().active_async_ops == MANY, 20)
    assert await rests(rt), "idle streams use the processor"
    await rt.eval_async(f"for (let i = 0; i < {MANY}; i += 100) controllers[i].enqueue(i); 0")
    assert await asyncio.gather(*reads[::100]) == list(range(0, MANY, 100))
    await rt.eval_async("for (const c of controllers) c.close(); 0")
    rest = await asyncio.gather(*reads, return_exceptions=True)
    assert sum(isinstance(chunk, StreamEnded) for chunk in rest) == MANY - MANY // 100
    del streams, reads, rest
    await settled(rt)
    assert rt.get_stats().total_js_streams == MANY


@pytest.mark.blocks_loop
async def test_ten_thousand_streams_of_python(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(max_serialization_bytes=64 << 20)
    gate = asyncio.Event()

    async def numbers(i: int) -> AsyncIterator[int]:
        yield i
        await gate.wait()
        yield i + 1

    hold = await rt.eval_async("""async (all) => { globalThis.readers = all.map((s) => s.getReader()); let sum = 0;
        for (const r of readers) sum += (await r.read()).value; return sum }""")
    assert await hold.call_async([numbers(i) for i in range(MANY)]) == MANY * (MANY - 1) // 2
    assert rt.get_stats().active_py_streams == MANY
    assert await rests(rt), "idle streams use the processor"
    assert await rt.eval_async("globalThis.rest = readers.map((r) => r.read()); rest.length") == MANY
    gate.set()
    assert await rt.eval_async("(await Promise.all(rest)).reduce((a, b) => a + b.value, 0)") == MANY * (MANY + 1) // 2
    assert await rt.eval_async("(await Promise.all(readers.map((r) => r.read()))).every((c) => c.done)")
    await rt.eval_async("delete globalThis.readers; delete globalThis.rest; 0")
    del hold
    await settled(rt)
    assert rt.get_stats().total_py_streams == MANY


# --- a fast side and a slow side ------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_fast_producer_in_javascript_and_a_slow_reader(rt: Runtime) -> None:
    stream = rt.eval("""globalThis.made = 0;
        new ReadableStream({pull(c) { made++; c.enqueue(new Uint8Array(1 << 16)) }}, {highWaterMark: 0})""")
    most = 0
    before = 0
    for taken, chunk in enumerate(stream, 1):
        assert len(chunk) == 1 << 16
        if taken == 200:
            before = resident()
        if taken % 100 == 0:
            time.sleep(0.01)
            most = max(most, rt.eval("made") - taken)
        if taken == 1500:
            break
    assert most <= 17
    assert resident() - before < 48 << 20


async def test_a_fast_iterator_in_python_and_a_slow_reader(rt: Runtime) -> None:
    made = 0

    async def blocks() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield bytes(1 << 16)

    await (await rt.eval_async("(s) => { globalThis.r = s.getReader(); return 0 }")).call_async(blocks())
    take = await rt.eval_async("async (n) => { for (let i = 0; i < n; i++) await r.read(); return n }")
    before = taken = most = 0
    for turn in range(20):
        taken += await take.call_async(100)
        await asyncio.sleep(0.005)
        most = max(most, made - taken)
        if turn == 5:
            before = resident()
    assert most <= 33
    assert resident() - before < 48 << 20
    await rt.eval_async("r.cancel()")


# --- figures --------------------------------------------------------------------------------------------------------


async def test_streams_are_counted(rt: Runtime) -> None:
    def numbers(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(1000)

    one, two, unread = await rt.eval_async("""const make = () => (async function* () {
        for (let i = 0; i < 5; i++) yield new Uint8Array(1000) })(); [make(), make(), make()]""")
    assert len([chunk async for chunk in one]) == 5
    await two.read()
    await two.aclose()
    read_all = await rt.eval_async(READ_ALL)
    assert await read_all.call_async(rt.stream_from_async_iterable(numbers(7))) == 7
    await (await rt.eval_async("(s) => { globalThis.kept = s }")).call_async(rt.stream_from_async_iterable(numbers(1)))
    stats = rt.get_stats()
    assert (stats.active_js_streams, stats.total_js_streams) == (1, 3)
    assert (stats.active_py_streams, stats.total_py_streams) == (1, 2)
    assert 6 <= stats.chunks_streamed_js_to_py <= 10
    assert stats.chunks_streamed_py_to_js == 7
    assert 1000 * stats.chunks_streamed_js_to_py <= stats.bytes_streamed_js_to_py < 11_000
    assert 7_000 <= stats.bytes_streamed_py_to_js < 8_000
    assert repr(unread) == "<JsStream unread>"


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.loop is None], ids=lambda mode: mode.name)
async def test_nothing_is_left_of_many_short_streams(runtimes: Callable[..., Runtime], mode: Any) -> None:
    js = Js(runtimes(), mode)
    read_all = await js.eval(READ_ALL)
    for i in range(300):
        assert await js.call(read_all, js.rt.stream_from_async_iterable(range(i % 20))) == i % 20
        for chunk in await js.eval("(async function* () { yield 1; yield 2; yield 3 })()"):
            if chunk == i % 4:
                break
    gc.collect()
    await js.until(lambda: js.rt.eval("0") == 0 and js.rt.get_stats().active_js_streams == 0)
    assert js.rt.get_stats().active_py_streams == 0
    assert js.rt.get_stats().handles <= 1
