"""Streams of JavaScript's, read from Python."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js, background, in_thread, outcome, soon

from jsrun import (
    ConversionError,
    DeadlockError,
    JavaScriptError,
    JavaScriptTimeout,
    JsStream,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
    StreamEnded,
    StreamError,
)

# `counted(n)` is a stream of 0..n-1 that tells in `pulled` and `seen` what is done to it.
COUNTED = """
  globalThis.seen = []; globalThis.pulled = 0;
  globalThis.pause = (ms) => new Promise((r) => setTimeout(r, ms));
  globalThis.told = (why) => seen.push(why instanceof DOMException ? `${why.name}: ${why.message}` : why);
  globalThis.counted = (n) => new ReadableStream({
    pull(c) { if (pulled === n) c.close(); else c.enqueue(pulled++); }, cancel: told}, {highWaterMark: 0}); 0"""

KINDS = {
    "generator": "(async function* () { yield 1; yield {a: [2]}; yield 'three' })()",
    "readable": "ReadableStream.from([1, {a: [2]}, 'three'])",
    "iterable": """({[Symbol.asyncIterator]() { const all = [1, {a: [2]}, 'three'];
                    return {next: () => ({done: all.length === 0, value: all.shift()})} }})""",
    "transformed": "ReadableStream.from([1, {a: [2]}, 'three']).pipeThrough(new TransformStream())",
    "class": "new (class { async *[Symbol.asyncIterator]() { yield 1; yield {a: [2]}; yield 'three' }})",
}
CHUNKS = [1, {"a": [2]}, "three"]
STOPPED = "AbortError: the host stopped reading the stream"
DROPPED = "AbortError: the host dropped the stream"


async def everything(js: Js, stream: JsStream) -> list[Any]:
    """All chunks, by `async for` or by `for`."""
    return [chunk async for chunk in stream] if js.awaited else list(stream)


async def read(js: Js, stream: JsStream, **options: Any) -> Any:
    """One chunk."""
    return await stream.read(**options) if js.awaited else stream.read_blocking(**options)


async def end(js: Js, stream: JsStream, *reason: Any, **options: Any) -> None:
    """`aclose` or `close`."""
    if js.awaited:
        await stream.aclose(*reason, **options)
    else:
        stream.close(*reason, **options)


async def seen(js: Js, count: int = 1) -> list[Any]:
    """What JavaScript saw, as soon as that is `count` things."""
    while len(found := await js.eval("seen")) < count:
        await js.pause(0.005)
    return list(found)


# --- what comes out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", KINDS.values(), ids=KINDS)
async def test_streams_and_async_iterables_are_read(js: Js, code: str) -> None:
    stream = await js.eval(code)
    assert isinstance(stream, JsStream)
    assert await everything(js, stream) == CHUNKS
    assert await everything(js, stream) == []


@pytest.mark.parametrize("code", KINDS.values(), ids=KINDS)
async def test_every_way_out_gives_a_stream(js: Js, code: str) -> None:
    given: list[Any] = []
    js.rt.bind_function("take", lambda value: given.append(value))
    make = await js.eval(f"globalThis.make = () => ({code})")
    kept = await js.eval(f"({{method() {{}}, deep: {{stream: {code}}}}})")
    await js.eval("take(make())")
    nested = await js.eval("[make(), {a: make()}, new Map([['k', make()]])]")
    awaited = await js.eval("Promise.resolve(make())")
    streams = [
        await js.call(make),
        kept["deep"]["stream"],
        given[0],
        nested[0],
        nested[1]["a"],
        nested[2]["k"],
        awaited,
    ]
    assert [await everything(js, stream) for stream in streams] == [CHUNKS] * len(streams)


async def test_one_chunk_at_a_time(js: Js) -> None:
    stream = await js.eval(KINDS["generator"])
    assert [await read(js, stream) for _ in range(3)] == CHUNKS
    for _ in range(2):
        with pytest.raises(StreamEnded):
            await read(js, stream)
    assert issubclass(StreamEnded, EOFError)


@pytest.mark.parametrize(
    "chunk",
    [
        "undefined",
        "null",
        "new Uint8Array([1, 2])",
        "new Date(0)",
        "2n ** 70n",
        "new Map([[1, 2]])",
        "[[]]",
        "'\\ud800'",
    ],
)
async def test_chunks_are_values_like_any_other(js: Js, chunk: str) -> None:
    stream = await js.eval(f"(async function* () {{ yield {chunk}; yield {chunk} }})()")
    assert await everything(js, stream) == [await js.eval(chunk)] * 2


async def test_chunks_may_be_errors(js: Js) -> None:
    chunks = await everything(js, await js.eval("ReadableStream.from([1, new Error('a'), new Error('b'), [2]])"))
    assert [chunks[0], chunks[3]] == [1, [2]]
    assert [(type(chunk), chunk.message) for chunk in chunks[1:3]] == [(JavaScriptError, "a"), (JavaScriptError, "b")]


async def test_large_chunks_and_small_ones_keep_their_order(js: Js) -> None:
    chunks = await everything(
        js,
        await js.eval("ReadableStream.from([...Array(90).keys()].map((n) => (n % 3 ? {n} : String(n).repeat(9000))))"),
    )
    assert chunks == [{"n": n} if n % 3 else str(n) * 9000 for n in range(90)]


async def test_chunks_may_be_functions_promises_and_streams(js: Js) -> None:
    stream = await js.eval(
        "ReadableStream.from([(n) => n + 1, {p: new Promise((r) => setTimeout(r, 1, 7))}, ReadableStream.from([5])])"
    )
    function, later, inner = await everything(js, stream)
    assert await js.call(function, 1) == 2
    assert (await later["p"] if js.awaited else later["p"].wait()) == 7
    assert await everything(js, inner) == [5]


async def test_chunks_that_come_late_one_by_one_and_with_pauses_all_come(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("""(async function* () {
        await pause(20); yield 0; yield 1; await pause(20); for (let i = 2; i < 50; i++) { yield i; await null }
        await pause(5); yield 50; await pause(20) })()""")
    assert await everything(js, stream) == list(range(51))


async def test_a_slow_reader_gets_every_chunk_in_order(js: Js) -> None:
    await js.eval(COUNTED)
    stream, got = await js.eval("counted(100)"), []
    for _ in range(100):
        got.append(await read(js, stream))
        if len(got) % 10 == 0:
            await js.pause(0.005)
    assert got == list(range(100))
    assert await everything(js, stream) == []


async def test_an_empty_stream(js: Js) -> None:
    assert await everything(js, await js.eval("ReadableStream.from([])")) == []


# --- who is whose ---------------------------------------------------------------------------------------------------


async def test_passed_back_it_is_the_same_object(js: Js) -> None:
    is_same = await js.eval("globalThis.s = ReadableStream.from([1]); (x) => (x.in ?? x) === s")
    stream = await js.eval("s")
    assert await js.call(is_same, stream)
    assert await js.call(is_same, {"in": stream})
    assert await everything(js, stream) == [1]
    assert await js.call(is_same, stream)


async def test_a_stream_goes_from_one_runtime_to_another(js: Js, runtimes: Callable[..., Runtime]) -> None:
    other = Js(runtimes(), js.mode)
    total = await other.eval("async (s) => { let sum = 0; for await (const n of s) sum += n; return sum }")
    await js.eval(COUNTED)
    assert await js.call(total, await js.eval("counted(100)")) == 4950


async def test_what_the_other_runtime_cancels_is_cancelled(runtimes: Callable[..., Runtime]) -> None:
    one, other = runtimes(), runtimes()
    await one.eval_async(COUNTED)
    first = await other.eval_async("async (s) => { for await (const n of s) return n }")
    assert await first.call_async(await one.eval_async("counted(1e6)")) == 0
    assert await one.eval_async("seen") == [STOPPED]


# --- how far ahead --------------------------------------------------------------------------------------------------


async def test_a_stream_that_is_never_read_is_untouched(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(9)")
    await js.pause(0.02)
    assert await js.eval("[pulled, seen]") == [0, []]
    del stream
    gc.collect()
    await js.eval("0")
    assert await js.eval("[pulled, seen]") == [0, []]


@pytest.mark.parametrize("ahead", [1, 2, 7, 100])
async def test_javascript_is_no_further_ahead_than_the_mark(
    js: Js, runtimes: Callable[..., Runtime], ahead: int
) -> None:
    js = Js(runtimes(stream_high_water_mark=ahead), js.mode)
    await js.eval(COUNTED)
    stream = await js.eval("counted(1000)")
    for taken in range(1, 260):
        await read(js, stream)
        assert await js.eval("pulled") <= taken + ahead
    await js.pause(0.02)
    assert await js.eval("pulled") <= 259 + ahead
    await end(js, stream)


async def test_a_busy_stream_gives_other_work_a_turn(js: Js) -> None:
    stream = await js.eval("""globalThis.made = 0; new ReadableStream({
        pull(c) { for (const start = performance.now(); performance.now() - start < 5;); c.enqueue(made++) }})""")
    assert await read(js, stream) == 0
    assert await js.eval("made") < 250
    await end(js, stream)


async def test_what_a_loop_awaits_is_a_coroutine(rt: Runtime) -> None:
    await rt.eval_async(COUNTED)
    chunks: Any = aiter(await rt.eval_async("counted(100)"))
    assert await asyncio.create_task(chunks.__anext__()) == 0
    await asyncio.sleep(0.02)
    assert await asyncio.create_task(chunks.__anext__()) == 1
    assert await asyncio.wait_for(chunks.__anext__(), 10) == 2
    assert await asyncio.gather(chunks.__anext__()) == [3]
    # One that is never awaited, or ended before, takes nothing.
    chunks.__anext__().close()
    with pytest.raises(KeyError):
        chunks.__anext__().throw(KeyError("thrown"))
    with pytest.raises(KeyError):
        chunks.__anext__().throw(KeyError)
    once = chunks.__anext__()
    assert await once == 4
    with pytest.raises(RuntimeError, match="cannot reuse already awaited"):
        await once
    assert await chunks.__anext__() == 5


async def test_a_task_that_waits_for_a_chunk_in_a_loop_can_be_cancelled(rt: Runtime) -> None:
    stream = await rt.eval_async("new ReadableStream({pull: (c) => new Promise((r) => { globalThis.go = r })})")
    chunks: Any = aiter(stream)
    waiting = asyncio.create_task(chunks.__anext__())
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    waiting = chunks.__anext__()
    waiting.send(None)
    waiting.close()
    await stream.aclose()


@pytest.mark.parametrize("mark", [0, -1, 1.5, True, 1 << 63])
def test_a_mark_that_is_none(mark: object) -> None:
    with pytest.raises((TypeError, ValueError), match="stream_high_water_mark"):
        Runtime(stream_high_water_mark=mark)


# --- leaving --------------------------------------------------------------------------------------------------------


async def test_leaving_the_loop_early_cancels(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(1000)")
    if js.awaited:
        async for chunk in stream:
            if chunk == 2:
                break
    else:
        for chunk in stream:
            if chunk == 2:
                break
    assert await seen(js) == [STOPPED]
    assert await everything(js, stream) == []


async def test_a_generator_that_is_left_early_runs_its_finally(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("""(async function* () {
        try { for (let i = 0;; i++) yield i } finally { await pause(1); seen.push('finally') } })()""")
    assert await read(js, stream) == 0
    await end(js, stream)
    assert await js.eval("seen") == ["finally"]


async def test_cancelling_the_task_cancels(rt: Runtime) -> None:
    await rt.eval_async(COUNTED)
    stream = await rt.eval_async("new ReadableStream({cancel: told})")

    async def loop() -> None:
        async for _ in stream:
            pass

    task = asyncio.ensure_future(loop())
    await soon(lambda: rt.get_stats().active_async_ops == 1)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    assert await rt.eval_async("seen") == [STOPPED]


async def test_dropping_a_stream_that_was_read_cancels(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(1000)")
    assert await read(js, stream) == 0
    del stream
    gc.collect()
    assert await seen(js) == [DROPPED]
    await js.until(lambda: js.rt.get_stats().active_js_streams == 0)


async def test_closing_gives_a_reason(js: Js) -> None:
    await js.eval(COUNTED)
    for reason in ((), ("no room",), ({"code": 7},)):
        await end(js, await js.eval("counted(9)"), *reason)
    assert await js.eval("seen") == [STOPPED, "AbortError: no room", {"code": 7}]


async def test_closing_is_idempotent_and_ends_reading(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(1000)")
    assert await read(js, stream) == 0
    for _ in range(3):
        await end(js, stream, "enough")
    assert await js.eval("seen") == ["AbortError: enough"]
    assert await everything(js, stream) == []
    with pytest.raises(StreamEnded):
        await read(js, stream)


async def test_closing_after_the_end_is_nothing(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(2)")
    assert await everything(js, stream) == [0, 1]
    await end(js, stream)
    assert await js.eval("seen") == []


async def test_with(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(9)")
    with pytest.raises(KeyError):
        if js.awaited:
            async with stream as same:
                assert same is stream
                raise KeyError
        else:
            with stream as same:
                assert same is stream
                raise KeyError
    assert await js.eval("seen") == [STOPPED]


async def test_a_cancel_that_throws_is_told_to_who_waits_for_it(js: Js) -> None:
    stream = await js.eval("new ReadableStream({cancel() { throw new RangeError('not now') }})")
    with pytest.raises(JavaScriptError, match="not now"):
        await end(js, stream)
    await end(js, stream)


async def test_a_cancel_that_throws_after_a_drop_is_nobodys(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("new ReadableStream({pull(c) { c.enqueue(1) }, cancel() { seen.push('cancel'); throw 1 }})")
    assert await read(js, stream) == 1
    del stream
    gc.collect()
    assert await seen(js) == ["cancel"]


async def test_a_cancel_that_never_ends_has_its_timeout(js: Js) -> None:
    stream = await js.eval("new ReadableStream({cancel() { return new Promise((r) => { globalThis.r = r }) }})")
    with pytest.raises(JavaScriptTimeout):
        await end(js, stream, timeout=0.02)


async def test_closing_wakes_who_reads(js: Js) -> None:
    if js.awaited:
        stream = await js.eval("new ReadableStream({})")
        reading = asyncio.ensure_future(stream.read())
        await soon(lambda: js.rt.get_stats().active_async_ops == 1)
        await stream.aclose()
        assert isinstance(await outcome(reading), StreamEnded)
        return
    rest: list[int] = []
    stream = js.rt.eval("new ReadableStream({})")
    with background(lambda: rest.extend(stream)):
        await js.until(lambda: js.rt.get_stats().active_async_ops == 1)
        stream.close()
    assert rest == []


# --- failing --------------------------------------------------------------------------------------------------------


async def test_an_error_comes_at_its_chunk_and_stays(js: Js) -> None:
    stream = await js.eval("(async function* () { yield 1; yield 2; throw new RangeError('third') })()")
    assert [await read(js, stream), await read(js, stream)] == [1, 2]
    for _ in range(3):
        with pytest.raises(JavaScriptError, match="third") as caught:
            await read(js, stream)
    assert caught.value.name == "RangeError"
    assert len(caught.traceback) < 10
    await end(js, stream)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("({[Symbol.asyncIterator]() { return 5 }})", "not an object"),
        ("({[Symbol.asyncIterator]() { return {} }})", "next is not a function"),
        ("({[Symbol.asyncIterator]() { throw new Error('no iterator') }})", "no iterator"),
        ("({[Symbol.asyncIterator]() { return {next() { return 5 }} }})", "not an object"),
        ("({[Symbol.asyncIterator]() { return {next() { throw new Error('no next') }} }})", "no next"),
        ("({[Symbol.asyncIterator]() { return {next: () => ({get done() { throw new Error('done?') }})} }})", "done?"),
        ("({[Symbol.asyncIterator]() { return {next: () => ({get value() { throw new Error('val') }})} }})", "val"),
        ("({[Symbol.asyncIterator]() { return {get next() { throw new Error('getter') }} }})", "getter"),
        ("const r = new ReadableStream(); r.getReader(); r", "locked"),
        ("new ReadableStream({start(c) { c.error(new Error('from the start')) }})", "from the start"),
        ("new ReadableStream({pull() { return Promise.reject(new Error('pull')) }})", "pull"),
    ],
)
async def test_iterators_that_misbehave(js: Js, code: str, message: str) -> None:
    stream = await js.eval(code)
    for _ in range(2):
        with pytest.raises(JavaScriptError) as caught:
            await read(js, stream, timeout=5)
        assert message in caught.value.message


async def test_a_chunk_without_a_form_outside_is_named_and_cancels(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval(
        "new ReadableStream({pull(c) { c.enqueue(pulled++ < 2 ? 1 : {a: [Symbol()]}) }, cancel: told})"
    )
    assert [await read(js, stream), await read(js, stream)] == [1, 1]
    for _ in range(2):
        with pytest.raises(ConversionError, match=r"chunk 3 of the stream: \$\.a\[0\]"):
            await read(js, stream)
    assert await seen(js) == ["AbortError: a chunk cannot leave JavaScript"]


async def test_a_chunk_over_the_budget_fails_the_stream(js: Js, runtimes: Callable[..., Runtime]) -> None:
    js = Js(runtimes(max_serialization_bytes=1000), js.mode)
    stream = await js.eval("ReadableStream.from(['x', 'x'.repeat(2000), 'y'])")
    assert await read(js, stream) == "x"
    with pytest.raises(ConversionError, match="chunk 2"):
        await read(js, stream)


async def test_a_read_has_its_timeout_and_loses_nothing(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("(async function* () { yield 1; await pause(150); yield 2; yield 3 })()")
    assert await read(js, stream, timeout=5) == 1
    timeouts = 0
    while True:
        try:
            assert await read(js, stream, timeout=0.02) == 2
            break
        except JavaScriptTimeout:
            timeouts += 1
    assert timeouts > 0
    assert await everything(js, stream) == [3]


async def test_cancelling_a_read_loses_nothing(rt: Runtime) -> None:
    await rt.eval_async(COUNTED)
    stream = await rt.eval_async("(async function* () { for (let i = 0; i < 30; i++) { await pause(2); yield i } })()")
    got: list[int] = []
    while len(got) < 30:
        reading = asyncio.ensure_future(stream.read())
        done, _ = await asyncio.wait([reading], timeout=0.001)
        if not done:
            reading.cancel()
        result = await outcome(reading)
        if not isinstance(result, asyncio.CancelledError):
            got.append(result)
    assert got == list(range(30))


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "x", True])
async def test_a_timeout_that_is_none_leaves_the_stream_as_it_is(js: Js, timeout: Any) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(20)")
    with pytest.raises((TypeError, ValueError), match="timeout"):
        await read(js, stream, timeout=timeout)
    assert await read(js, stream) == 0
    with pytest.raises((TypeError, ValueError), match="timeout"):
        await end(js, stream, timeout=timeout)
    assert await everything(js, stream) == list(range(1, 20))


async def test_a_reason_without_a_form_leaves_the_stream_as_it_is(js: Js) -> None:
    await js.eval(COUNTED)
    stream = await js.eval("counted(1000)")
    assert await read(js, stream) == 0
    with pytest.raises(ConversionError):
        await end(js, stream, object())
    assert await read(js, stream) == 1
    await end(js, stream, "now")
    assert await js.eval("seen") == ["AbortError: now"]


# --- several at once ------------------------------------------------------------------------------------------------


async def test_two_tasks_cannot_read_at_once(rt: Runtime) -> None:
    await rt.eval_async(COUNTED)
    stream = await rt.eval_async("(async function* () { await pause(30); yield 1; yield 2 })()")
    first = asyncio.ensure_future(stream.read())
    await soon(lambda: rt.get_stats().active_async_ops == 1)
    for attempt in (stream.read, lambda: aiter(stream).__anext__(), stream.__anext__):
        with pytest.raises(StreamError, match="one at a time"):
            await attempt()
    assert await first == 1


def test_two_threads_cannot_read_at_once(rt: Runtime) -> None:
    rt.eval(COUNTED)
    stream = rt.eval("new ReadableStream({start(c) { globalThis.c = c }})")
    got: list[int] = []
    with background(lambda: got.append(stream.read_blocking())) as thread:
        while rt.get_stats().active_async_ops == 0:
            thread.join(0.005)
        with pytest.raises(StreamError, match="one at a time"):
            stream.read_blocking()
        rt.eval("c.enqueue(5)")
    assert got == [5]


def test_a_stream_may_be_read_on_several_threads_in_turn(rt: Runtime) -> None:
    rt.eval(COUNTED)
    stream = rt.eval("counted(3)")
    assert [in_thread(stream.read_blocking) for _ in range(3)] == [0, 1, 2]


def test_a_stream_may_be_read_on_several_loops_in_turn(rt: Runtime) -> None:
    rt.eval(COUNTED)
    stream = rt.eval("counted(40)")
    got = [asyncio.run(stream.read()) for _ in range(20)]
    assert [*got, *stream] == list(range(40))


async def test_two_handles_of_one_stream_are_two_readers(js: Js) -> None:
    await js.eval(COUNTED)
    await js.eval("globalThis.s = counted(5); 0")
    one, two = (await js.eval("s"), await js.eval("s"))
    assert await read(js, one) == 0
    with pytest.raises(JavaScriptError, match="locked"):
        await read(js, two)
    assert await read(js, one) == 1


async def test_many_streams_side_by_side(js: Js) -> None:
    await js.eval(COUNTED)
    streams = await js.eval(
        "Array.from({length: 50}, (_, k) => (async function* () { for (let i = 0; i < 40; i++) yield [k, i] })())"
    )
    got: list[list[Any]] = [[] for _ in streams]
    for _ in range(40):
        for k, stream in enumerate(streams):
            got[k].append(await read(js, stream))
    assert got == [[[k, i] for i in range(40)] for k in range(50)]


# --- the runtime's end ----------------------------------------------------------------------------------------------


async def test_closing_the_runtime_ends_reads(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()
    waiting, unread = await rt.eval_async("[new ReadableStream({}), new ReadableStream({})]")
    reading = asyncio.ensure_future(waiting.read())
    await soon(lambda: rt.get_stats().active_async_ops == 1)
    await rt.aclose()
    assert isinstance(await outcome(reading), RuntimeClosed)
    for stream in (waiting, unread):
        with pytest.raises(RuntimeClosed):
            await stream.read()
        with pytest.raises(RuntimeClosed):
            stream.read_blocking()


async def test_what_arrived_before_the_runtime_was_closed_is_still_there(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()
    stream = await rt.eval_async("ReadableStream.from([1, 2, 3])")
    assert await stream.read() == 1
    await rt.eval_async("0")
    await rt.aclose()
    got = [await outcome(stream.read()) for _ in range(4)]
    arrived = [chunk for chunk in got if not isinstance(chunk, BaseException)]
    assert arrived == [2, 3][: len(arrived)]
    assert all(isinstance(error, (RuntimeClosed, StreamEnded)) for error in got[len(arrived) :])


async def test_terminating_the_runtime_ends_reads(rt: Runtime) -> None:
    stream = await rt.eval_async("new ReadableStream({})")
    reading = asyncio.ensure_future(stream.read())
    await soon(lambda: rt.get_stats().active_async_ops == 1)
    rt.terminate()
    assert isinstance(await outcome(reading), RuntimeTerminated)


async def test_closing_a_stream_of_a_closed_runtime(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()
    stream = await rt.eval_async("new ReadableStream({})")
    await rt.aclose()
    await stream.aclose()
    stream.close()


# --- what can never come --------------------------------------------------------------------------------------------


async def test_a_blocking_read_that_needs_the_loop_it_blocks(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()

    async def numbers() -> Any:
        for i in range(3):
            await asyncio.sleep(0.001)
            yield i

    through = await rt.eval_async("(s) => s")
    stream = await through.call_async(numbers())
    with pytest.raises(DeadlockError, match="loop"):
        stream.read_blocking()
    assert [chunk async for chunk in stream] == [0, 1, 2]


def test_reads_inside_a_host_function(rt: Runtime) -> None:
    rt.bind_function("total", lambda stream: sum(stream))
    assert rt.eval("total(ReadableStream.from([1, 2, 3]))") == 6


async def test_reads_inside_an_async_host_function(js: Js) -> None:
    async def total(stream: JsStream) -> int:
        return sum([chunk async for chunk in stream])

    js.rt.bind_function("total", total)
    assert await js.eval("total((async function* () { yield 1; yield 2 })())") == 3


async def test_its_repr_says_how_it_is(js: Js) -> None:
    stream = await js.eval("ReadableStream.from([1, 2])")
    states = [repr(stream)]
    await read(js, stream)
    states.append(repr(stream))
    await everything(js, stream)
    assert [*states, repr(stream)] == ["<JsStream unread>", "<JsStream being read>", "<JsStream ended>"]


def test_threads_that_read_different_streams(rt: Runtime) -> None:
    streams = rt.eval(
        "Array.from({length: 8}, (_, k) => (async function* () { for (let i = 0; i < 300; i++) yield i })())"
    )
    sums: list[int] = []
    threads = [threading.Thread(target=lambda stream=stream: sums.append(sum(stream))) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sums == [44850] * 8
