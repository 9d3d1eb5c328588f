"""Writable streams: JavaScript's from Python, and Python objects as JavaScript's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from modes import MODES, Js, outcome, soon

from jsrun import ConversionError, JavaScriptError, JavaScriptTimeout, JsWritable, Runtime, RuntimeClosed

# `sink(strategy)` is a stream that tells in `seen` what is done to it.
SINK = """
  globalThis.seen = [];
  globalThis.words = (why) => why instanceof Error || why instanceof DOMException ? `${why.name}: ${why.message}` : why;
  globalThis.sink = (more) => new WritableStream({ write(c) { seen.push(c) }, close() { seen.push('closed') },
    abort(why) { seen.push(['aborted', words(why)]) }, ...more}); 0"""


async def write(js: Js, stream: JsWritable, chunk: object, **options: Any) -> None:
    if js.awaited:
        await stream.write(chunk, **options)
    else:
        stream.write_blocking(chunk, **options)


async def close(js: Js, stream: JsWritable) -> None:
    if js.awaited:
        await stream.aclose()
    else:
        stream.close()


async def sink(js: Js, more: str = "{}") -> JsWritable:
    await js.eval(SINK)
    stream = await js.eval(f"globalThis.s = sink({more}); s")
    assert isinstance(stream, JsWritable)
    return stream


# --- JavaScript's, from Python --------------------------------------------------------------------------------------


async def test_chunks_arrive_in_order_and_then_the_end(js: Js) -> None:
    stream = await sink(js)
    chunks = [1, "two", {"three": [3]}, b"4", None]
    for chunk in chunks:
        await write(js, stream, chunk)
    assert await js.eval("seen") == chunks
    for _ in range(2):
        await close(js, stream)
    assert await js.eval("seen") == [*chunks, "closed"]


async def test_writing_waits_for_a_slow_stream(js: Js) -> None:
    stream = await sink(js, "{async write(c) { await new Promise((r) => setTimeout(r, 5)); seen.push(c) }}")
    for i in range(4):
        await write(js, stream, i)
        assert await js.eval("seen.length") == i + 1
    await close(js, stream)


async def test_closing_waits_for_everything(js: Js) -> None:
    stream = await sink(js, "{async close() { await new Promise((r) => setTimeout(r, 10)); seen.push('late') }}")
    await write(js, stream, 1)
    await close(js, stream)
    assert await js.eval("seen") == [1, "late"]


async def test_several_writes_at_once_keep_their_order(rt: Runtime) -> None:
    js = Js(rt, MODES[-1])
    stream = await sink(js)
    await asyncio.gather(*[stream.write(i) for i in range(100)])
    assert await js.eval("seen") == list(range(100))


async def test_with(js: Js) -> None:
    stream = await sink(js)
    if js.awaited:
        async with stream as same:
            await same.write(1)
    else:
        with stream as same:
            same.write_blocking(1)
    assert same is stream
    assert await js.eval("seen") == [1, "closed"]


async def test_an_exception_inside_with_aborts(js: Js) -> None:
    stream = await sink(js)
    with pytest.raises(KeyError):
        if js.awaited:
            async with stream:
                await stream.write(1)
                raise KeyError("lost")
        else:
            with stream:
                stream.write_blocking(1)
                raise KeyError("lost")
    assert await js.eval("seen") == [1, ["aborted", "AbortError: 'lost'"]]


async def test_abort_gives_a_reason(rt: Runtime) -> None:
    js = Js(rt, MODES[-1])
    for reason, told in (
        ((), "AbortError: the host aborted the stream"),
        (("why",), "AbortError: why"),
        (({"code": 1},), {"code": 1}),
    ):
        stream = await sink(js)
        for _ in range(2):
            await stream.abort(*reason)
        await stream.aclose()
        assert await js.eval("seen") == [["aborted", told]]


async def test_an_error_of_the_stream_reaches_the_writer(js: Js) -> None:
    stream = await sink(js, "{write(c) { if (c === 2) throw new RangeError('no twos'); seen.push(c) }}")
    await write(js, stream, 1)
    for chunk in (2, 3):
        with pytest.raises(JavaScriptError, match="no twos"):
            await write(js, stream, chunk)
    with pytest.raises(JavaScriptError):
        await close(js, stream)
    assert await js.eval("seen") == [1]


async def test_a_chunk_without_a_form_leaves_the_stream_as_it_is(js: Js) -> None:
    stream = await sink(js)
    with pytest.raises(ConversionError):
        await write(js, stream, object())
    await write(js, stream, 1)
    if js.awaited:
        with pytest.raises(ConversionError):
            await stream.abort(object())
    await close(js, stream)
    assert await js.eval("seen") == [1, "closed"]


async def test_a_write_has_its_timeout(js: Js) -> None:
    stream = await sink(js, "{write() { return new Promise((r) => setTimeout(r, 200)) }}")
    with pytest.raises(JavaScriptTimeout):
        await write(js, stream, 1, timeout=0.02)
    await write(js, stream, 2, timeout=10)


@pytest.mark.parametrize("timeout", [0, -1, "x"])
async def test_a_timeout_that_is_none(js: Js, timeout: Any) -> None:
    stream = await sink(js)
    for attempt in (stream.write_blocking, stream.close):
        with pytest.raises((TypeError, ValueError), match="timeout"):
            attempt(*([1] if attempt == stream.write_blocking else []), timeout=timeout)
    await write(js, stream, 1)
    await close(js, stream)
    assert await js.eval("seen") == [1, "closed"]


async def test_writing_after_the_end(js: Js) -> None:
    stream = await sink(js)
    await close(js, stream)
    with pytest.raises(JavaScriptError) as caught:
        await write(js, stream, 1)
    assert caught.value.name == "TypeError"


async def test_a_stream_that_javascript_writes_to_is_locked(js: Js) -> None:
    stream = await sink(js)
    await js.eval("globalThis.w = s.getWriter(); 0")
    with pytest.raises(JavaScriptError, match="locked"):
        await write(js, stream, 1)


async def test_passed_back_it_is_the_same_object(js: Js) -> None:
    stream = await sink(js)
    assert await js.call(await js.eval("(x) => x === s"), stream)


async def test_the_writable_of_a_transform(js: Js) -> None:
    ends = await js.eval("const {readable, writable} = new TextDecoderStream(); [readable, writable]")
    readable, writable = ends
    if js.awaited:
        text, _ = await asyncio.gather(everything(readable), feed(writable))
    else:
        await js.call(
            await js.eval("(r) => { globalThis.t = ''; (async () => { for await (const c of r) t += c })() }"), readable
        )
        for byte in "é!".encode():
            writable.write_blocking(bytes([byte]))
        writable.close()
        text = await js.eval("t")
    assert text == "é!"


async def everything(stream: Any) -> str:
    return "".join([chunk async for chunk in stream])


async def feed(stream: JsWritable) -> None:
    async with stream:
        for byte in "é!".encode():
            await stream.write(bytes([byte]))


async def test_closing_the_runtime_ends_writes(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()
    stream = await rt.eval_async("new WritableStream({write() { return new Promise(() => {}) }})")
    writing = asyncio.ensure_future(stream.write(1))
    await soon(lambda: rt.get_stats().active_async_ops == 1)
    await rt.aclose()
    assert isinstance(await outcome(writing), RuntimeClosed)
    for attempt in (stream.write(2), stream.aclose()):
        assert isinstance(await outcome(attempt), RuntimeClosed)


async def test_its_repr_says_how_it_is(js: Js) -> None:
    stream = await sink(js)
    before = repr(stream)
    await close(js, stream)
    assert (before, repr(stream)) == ("<JsWritable open>", "<JsWritable closed>")


# --- Python's, from JavaScript --------------------------------------------------------------------------------------


class Target:
    """Takes chunks, and tells what is done to it."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.loops: set[Any] = set()

    async def write(self, chunk: Any) -> None:
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        self.events.append(chunk)

    async def aclose(self) -> None:
        self.events.append("aclose")

    async def abort(self, reason: Any) -> None:
        self.events.append(["abort", str(reason)])


class Plain:
    """What files and `asyncio.StreamWriter` look like."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def write(self, chunk: Any) -> int:
        self.events.append(chunk)
        return 1

    async def drain(self) -> None:
        self.events.append("drain")

    def close(self) -> None:
        self.events.append("close")


FEED = """async (w) => { const x = w.getWriter(); for (const c of [1, {a: 2}, 'x']) await x.write(c);
  await x.close(); return 7 }"""


@pytest.fixture(params=[mode for mode in MODES if mode.awaited or mode.loop is None], ids=lambda mode: mode.name)
def free(request: pytest.FixtureRequest, rt: Runtime) -> Js:
    """A mode in which the loop that the Python object needs is not blocked."""
    return Js(rt, request.param)


async def test_an_async_object_is_written_to(free: Js) -> None:
    target = Target()
    assert await free.call(await free.eval(FEED), free.rt.writable_from_python(target)) == 7
    assert target.events == [1, {"a": 2}, "x", "aclose"]
    if free.awaited:
        assert target.loops == {asyncio.get_running_loop()}


async def test_a_plain_object_is_written_to(free: Js) -> None:
    target = Plain()
    assert await free.call(await free.eval(FEED), free.rt.writable_from_python(target)) == 7
    assert target.events == [1, "drain", {"a": 2}, "drain", "x", "drain", "close"]


async def test_an_object_that_only_writes(free: Js) -> None:
    events: list[Any] = []
    only = type("Only", (), {"write": lambda self, chunk: events.append(chunk)})()
    assert await free.call(await free.eval(FEED), free.rt.writable_from_python(only)) == 7
    assert events == [1, {"a": 2}, "x"]


async def test_streams_are_piped_into_python(free: Js) -> None:
    target = Target()
    pipe = await free.eval("(w) => ReadableStream.from([1, 2, 3]).pipeTo(w)")
    await free.call(pipe, free.rt.writable_from_python(target))
    assert target.events == [1, 2, 3, "aclose"]


async def test_a_slow_object_holds_javascript_back(free: Js) -> None:
    class Slow(Target):
        async def write(self, chunk: Any) -> None:
            await asyncio.sleep(0.005)
            self.events.append(chunk)

    target = Slow()
    free.rt.bind_function("taken", lambda: len(target.events))
    pipe = await free.eval("""async (w) => { let made = 0, most = 0;
        await new ReadableStream({pull(c) { made++; most = Math.max(most, made - taken());
          if (made > 20) c.close(); else c.enqueue(made) }}, {highWaterMark: 0}).pipeTo(w); return most }""")
    assert await free.call(pipe, free.rt.writable_from_python(target)) <= 3
    assert target.events == [*range(1, 21), "aclose"]


async def test_an_exception_errors_the_stream_and_keeps_its_identity(free: Js) -> None:
    boom = OSError("disk full")

    class Full(Target):
        async def write(self, chunk: Any) -> None:
            raise boom

    with pytest.raises(JavaScriptError, match="disk full") as caught:
        await free.call(await free.eval(FEED), free.rt.writable_from_python(Full()))
    assert caught.value.__cause__ is boom


async def test_abort_reaches_the_object(free: Js) -> None:
    abort = await free.eval("(w) => w.abort('why')")
    target, plain = Target(), Plain()
    await free.call(abort, free.rt.writable_from_python(target))
    await free.call(abort, free.rt.writable_from_python(plain))
    assert (target.events, plain.events) == ([["abort", "why"]], ["close"])


async def test_a_writable_goes_from_one_runtime_to_another(rt: Runtime, runtimes: Callable[..., Runtime]) -> None:
    other = runtimes()
    await rt.eval_async(SINK)
    feeding = await other.eval_async(FEED)
    assert await feeding.call_async(await rt.eval_async("sink()")) == 7
    assert await rt.eval_async("seen") == [1, {"a": 2}, "x", "closed"]


@pytest.mark.parametrize("thing", [5, None, object(), [], type("W", (), {"write": 5})()])
def test_what_cannot_be_written_to(rt: Runtime, thing: object) -> None:
    with pytest.raises(TypeError, match="write"):
        rt.writable_from_python(thing)
