"""Python iterables as streams of JavaScript's."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import queue
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from modes import MODES, PY311, PY312, Js, Mode, background, outcome, running_loop, soon, wait_until

from jsrun import ConversionError, DeadlockError, JavaScriptError, JavaScriptTimeout, JsStream, Runtime, undefined

ALL = "async (s) => { const all = []; for await (const c of s) all.push(c); return all }"
# `reader = open(stream)`; then `take(n)` gives the next n chunks, and "done" at the end.
READER = """
  globalThis.open = (s, how) => { globalThis.reader = s.getReader(how); return true };
  globalThis.take = async (n) => { const l = [];
    for (let i = 0; i < n; i++) { const {done, value} = await reader.read(); l.push(done ? 'done' : value) } return l };
  globalThis.pause = (ms) => new Promise((r) => setTimeout(r, ms)); 0"""


@pytest.fixture(params=[mode for mode in MODES if mode.awaited or mode.loop is None], ids=lambda mode: mode.name)
def js(request: pytest.FixtureRequest, rt: Runtime) -> Js:
    """As elsewhere, but without a blocking call on the loop that the iterators need: see the test of that."""
    return Js(rt, request.param)


class Numbers:
    """Numbers 0..n-1, and what happens to them."""

    def __init__(self, n: float = float("inf"), pause: float | None = None) -> None:
        self.n = n
        self.pause = pause
        self.taken = 0
        self.events: list[str] = []
        self.tasks: set[Any] = set()
        self.loops: set[Any] = set()

    def note(self) -> None:
        self.tasks.add(asyncio.current_task())
        self.loops.add(asyncio.get_running_loop())

    async def __aiter__(self) -> AsyncIterator[int]:
        self.note()
        try:
            while self.taken < self.n:
                if self.pause is not None:
                    await asyncio.sleep(self.pause)
                self.taken += 1
                self.note()
                yield self.taken - 1
            self.events.append("end")
        except (GeneratorExit, asyncio.CancelledError) as error:
            self.events.append(type(error).__name__)
            raise
        finally:
            await asyncio.sleep(0)
            self.note()
            self.events.append("finally")


async def opened(js: Js, source: object, how: object = None) -> None:
    """Get a reader of the stream, for `take`."""
    await js.eval(READER)
    await js.call(await js.eval("open"), source, *([how] if how else []))


async def take(js: Js, count: int, **options: Any) -> Any:
    return await js.eval(f"take({count})", **options)


# --- every way in ---------------------------------------------------------------------------------------------------


async def test_an_async_iterable_as_an_argument(js: Js) -> None:
    read_all = await js.eval(ALL)
    assert await js.call(read_all, Numbers(3)) == [0, 1, 2]
    assert await js.call(read_all, aiter(Numbers(3))) == [0, 1, 2]


async def test_an_async_iterable_inside_an_argument(js: Js) -> None:
    first = await js.eval(f"([{{s}}]) => ({ALL})(s)")
    assert await js.call(first, [{"s": Numbers(3)}]) == [0, 1, 2]


async def test_it_is_a_real_readable_stream(js: Js) -> None:
    js.rt.bind_function("numbers", lambda: Numbers(3))
    code = """const s = numbers(); const kinds = [s instanceof ReadableStream, s.locked, `${s}`];
        [...kinds, await Array.fromAsync(s)]"""
    assert await js.eval(code) == [True, False, "[object ReadableStream]", [0, 1, 2]]


async def test_a_stream_that_is_asked_for(js: Js) -> None:
    read_all = await js.eval(ALL)
    for iterable in ([1, 2], (1, 2), range(1, 3), iter([1, 2]), {1: "a", 2: "b"}, (n for n in (1, 2)), Each([1, 2])):
        assert await js.call(read_all, js.rt.stream_from_async_iterable(iterable)) == [1, 2]


class Each:
    """An async iterator that is no generator."""

    def __init__(self, items: list[Any]) -> None:
        self.items = list(items)

    def __aiter__(self) -> Each:
        return self

    async def __anext__(self) -> Any:
        if not self.items:
            raise StopAsyncIteration
        return self.items.pop(0)


async def test_a_plain_iterable_stays_what_it_is_unless_asked_for(js: Js) -> None:
    kind = await js.eval("(x) => x instanceof ReadableStream ? 'stream' : Array.isArray(x) ? 'array' : typeof x")
    assert await js.call(kind, [1]) == "array"
    assert await js.call(kind, js.rt.stream_from_async_iterable([1])) == "stream"
    assert await js.call(kind, Numbers(1)) == "stream"


async def test_by_number(rt: Runtime) -> None:
    numbers = [await rt.create_js_stream_from_python(source) for source in (Numbers(3), [7], "ab")]
    assert len(set(numbers)) == 3
    for number, expected in zip(numbers, ([0, 1, 2], [7], ["a", "b"]), strict=True):
        assert await rt.eval_async(f"({ALL})(__jsrun_get_stream__({number}))") == expected


@pytest.mark.parametrize("number", ["99", "undefined", "'1'", "{}", "Symbol()", "-1", "NaN"])
async def test_a_number_that_names_no_stream(rt: Runtime, number: str) -> None:
    await rt.create_js_stream_from_python([1])
    with pytest.raises(JavaScriptError, match="no stream of the host") as caught:
        await rt.eval_async(f"__jsrun_get_stream__({number})")
    assert caught.value.name == "TypeError"


async def test_a_stream_is_fetched_once(rt: Runtime) -> None:
    number = await rt.create_js_stream_from_python([1])
    await rt.eval_async(f"globalThis.s = __jsrun_get_stream__({number}); 0")
    with pytest.raises(JavaScriptError, match="fetched before"):
        await rt.eval_async(f"__jsrun_get_stream__({number})")


async def test_streams_that_are_bound(js: Js) -> None:
    js.rt.bind_object("api", {"numbers": Numbers(3), "deep": {"list": js.rt.stream_from_async_iterable([1, 2])}})
    assert await js.eval(f"({ALL})(api.numbers)") == [0, 1, 2]
    assert await js.eval(f"({ALL})(api.deep.list)") == [1, 2]


async def test_streams_that_host_functions_return(js: Js) -> None:
    async def later() -> Numbers:
        await asyncio.sleep(0)
        return Numbers(2)

    def generate() -> AsyncIterator[int]:
        return aiter(Numbers(2))

    js.rt.bind_object("api", {"plain": lambda: Numbers(2), "later": later, "generate": generate})
    js.rt.bind_function("nested", lambda: {"all": [Numbers(2)]})
    js.rt.bind_function("listed", lambda: js.rt.stream_from_async_iterable([0, 1]))
    for code in ("api.plain()", "await api.later()", "api.generate()", "nested().all[0]", "listed()"):
        assert await js.eval(f"await ({ALL})({code})") == [0, 1], code


async def test_there_and_back_again(js: Js) -> None:
    stream = await js.call(await js.eval("(s) => s"), js.rt.stream_from_async_iterable(range(200)))
    assert isinstance(stream, JsStream)
    assert ([c async for c in stream] if js.awaited else list(stream)) == list(range(200))


async def test_a_blocking_call_that_needs_the_loop_it_blocks(rt: Runtime) -> None:
    await rt.eval_async(READER)
    await (await rt.eval_async("open")).call_async(Numbers(3))
    with pytest.raises(DeadlockError, match="loop"):
        rt.eval("take(3)")
    assert await rt.eval_async("take(1)") in ([0], [1], ["done"])


@pytest.mark.parametrize("thing", [5, None, object(), len])
def test_what_cannot_be_iterated(rt: Runtime, thing: Any) -> None:
    with pytest.raises(TypeError, match="iterable"):
        rt.stream_from_async_iterable(thing)


@pytest.mark.parametrize("mark", [0, -1, 1.5, True, "1", 1 << 30])
def test_a_mark_that_is_none(rt: Runtime, mark: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="high_water_mark"):
        rt.stream_from_async_iterable([1], high_water_mark=mark)


async def test_a_source_is_handed_over_once(js: Js) -> None:
    source = js.rt.stream_from_async_iterable([1, 2])
    read_all = await js.eval(ALL)
    assert await js.call(read_all, source) == [1, 2]
    with pytest.raises(ConversionError, match="handed to JavaScript already"):
        await js.call(read_all, source)


async def test_a_source_that_was_closed(js: Js) -> None:
    source = js.rt.stream_from_async_iterable([1, 2])
    source.close()
    source.close()
    with pytest.raises(ConversionError, match="closed"):
        await js.call(await js.eval(ALL), source)


# --- every way to read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ALL, [0, 1, 2]),
        ("(s) => Array.fromAsync(s)", [0, 1, 2]),
        ("(s) => Array.fromAsync(ReadableStream.from(s))", [0, 1, 2]),
        (
            """async (s) => { const r = s.getReader(); await r.read(); r.releaseLock();
                              return await Array.fromAsync(s) }""",
            [1, 2],
        ),
        (
            """async (s) => { const l = []; await s.pipeTo(new WritableStream({write(c) { l.push(c) }}));
                              return l }""",
            [0, 1, 2],
        ),
        (
            "(s) => Array.fromAsync(s.pipeThrough(new TransformStream({transform(n, c) { c.enqueue(n * 2) }})))",
            [0, 2, 4],
        ),
        (
            "async (s) => { const [a, b] = s.tee(); return [await Array.fromAsync(a), await Array.fromAsync(b)] }",
            [[0, 1, 2], [0, 1, 2]],
        ),
        (
            """async (s) => { const r = s.getReader();
                              return await Promise.all([1, 2, 3, 4].map(async () => (await r.read()).value)) }""",
            [0, 1, 2, undefined],
        ),
        ("async (s) => { for await (const n of s) if (n == 1) return n }", 1),
        (
            """async (s) => { for await (const n of s.values({preventCancel: true})) if (n == 0) break;
                              return await Array.fromAsync(s) }""",
            [1, 2],
        ),
    ],
)
@pytest.mark.parametrize("pause", [None, 0.002], ids=["at-once", "late"])
async def test_reading(js: Js, code: str, expected: Any, pause: float | None) -> None:
    assert await js.call(await js.eval(code), Numbers(3, pause)) == expected


@pytest.mark.parametrize("code", ["new TextDecoderStream()", "new DecompressionStream('gzip')"])
async def test_bytes_go_through_transforms_of_the_platform(js: Js, code: str) -> None:
    import gzip

    text = "Ångström " * 5000
    data = gzip.compress(text.encode()) if "gzip" in code else text.encode()
    chunks = [data[i : i + 7] for i in range(0, len(data), 7)]
    decode = "" if "Text" in code else ".pipeThrough(new TextDecoderStream())"
    read = await js.eval(
        f"async (s) => {{ let t = ''; for await (const c of s.pipeThrough({code}){decode}) t += c; return t }}"
    )
    assert await js.call(read, js.rt.stream_from_async_iterable(chunks)) == text


BYOB = """async (s) => { const r = s.getReader({mode: 'byob'}); const l = [];
  for (let b = new Uint8Array(4);;) { const {done, value} = await r.read(b); if (done) return [l, value.byteLength];
    l.push(value.slice()); b = new Uint8Array(value.buffer) } }"""


@pytest.mark.parametrize("pause", [False, True])
async def test_a_reader_brings_its_own_buffer(js: Js, pause: bool) -> None:
    async def pieces() -> AsyncIterator[Any]:
        for piece in (b"hello", b"", bytearray(b"ab"), memoryview(b"xyz")):
            if pause:
                await asyncio.sleep(0.001)
            yield piece

    source = js.rt.stream_from_async_iterable(pieces(), byte_stream=True)
    parts, rest = await js.call(await js.eval(BYOB), source)
    assert (b"".join(parts), rest) == (b"helloabxyz", 0)
    assert max(map(len, parts)) <= 4


async def test_a_byte_stream_is_read_by_default_readers_too(js: Js) -> None:
    source = js.rt.stream_from_async_iterable([b"ab", b"", b"c"], byte_stream=True)
    assert await js.call(await js.eval(ALL), source) == [b"ab", b"c"]
    source = js.rt.stream_from_async_iterable([b"ab"] * 500, byte_stream=True)
    tee = await js.eval(f"async (s) => {{ const [a, b] = s.tee(); return [await ({ALL})(a), await ({ALL})(b)] }}")
    assert [b"".join(half) for half in await js.call(tee, source)] == [b"ab" * 500] * 2


@pytest.mark.parametrize("chunk", ["text", 5, None, [1]])
async def test_a_byte_stream_has_bytes_only(js: Js, chunk: object) -> None:
    numbers = Numbers(1)
    await opened(js, js.rt.stream_from_async_iterable([b"ab", chunk, b"c"], byte_stream=True))
    assert await take(js, 1) == [b"ab"]
    with pytest.raises(JavaScriptError, match="chunk 2 of the stream"):
        await take(js, 1)
    assert numbers.taken == 0


async def test_a_stream_of_values_has_no_byob_reader(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await opened(js, Numbers(3), {"mode": "byob"})
    assert caught.value.name == "TypeError"


async def test_large_chunks(js: Js) -> None:
    data = bytes(range(256)) * 4096
    read = await js.eval(
        "async (s) => { let n = 0, sum = 0; for await (const c of s) { n++; sum += c[77] } return [n, sum] }"
    )
    assert await js.call(read, js.rt.stream_from_async_iterable([data] * 20)) == [20, 20 * 77]


# --- demand drives --------------------------------------------------------------------------------------------------


async def test_nothing_is_taken_before_somebody_reads(js: Js) -> None:
    numbers = Numbers()
    js.rt.bind_object("api", {"numbers": numbers})
    await js.pause(0.02)
    assert numbers.taken == 0


@pytest.mark.parametrize("ahead", [1, 2, 16])
async def test_no_more_is_taken_than_the_reader_and_the_mark_allow(js: Js, ahead: int) -> None:
    numbers = Numbers()
    await opened(js, js.rt.stream_from_async_iterable(numbers, high_water_mark=ahead))
    for read in (1, 2, 5, 30):
        await take(js, read)
    await js.pause(0.02)
    assert 38 <= numbers.taken <= 38 + ahead + ahead // 2
    await js.eval("reader.cancel()")


async def test_bytes_are_bounded_too(js: Js) -> None:
    taken = 0

    async def blocks() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1 << 19)

    await opened(js, js.rt.stream_from_async_iterable(blocks(), high_water_mark=1000))
    await js.eval("take(1).then(() => 1)")
    await js.pause(0.02)
    assert taken <= 5
    await js.eval("reader.cancel()")


@pytest.mark.parametrize(("count", "ahead"), [(200, 64), (1000, 256)])
async def test_a_slow_reader_holds_a_fast_iterator_back(js: Js, count: int, ahead: int) -> None:
    numbers = Numbers(count)
    js.rt.bind_function("taken", lambda: numbers.taken)
    code = """async (s) => { let most = 0, read = 0;
        for await (const n of s) { if (++read % 20 == 0) await new Promise((r) => setTimeout(r, 2));
          most = Math.max(most, taken() - read) } return [read, most] }"""
    source = numbers if ahead == 256 else js.rt.stream_from_async_iterable(numbers, high_water_mark=ahead)
    read, most = await js.call(await js.eval(code), source)
    assert read == count
    assert most <= ahead


async def test_a_busy_iterator_gives_its_loop_a_turn_and_its_chunks_go_out(js: Js) -> None:
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            time.sleep(0.005)
            taken += 1
            yield number

    await opened(js, js.rt.stream_from_async_iterable(numbers()))
    assert await take(js, 1) == [0]
    assert taken < 250
    await js.eval("reader.cancel()")


async def test_what_is_there_goes_out_while_the_iterator_waits(js: Js) -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2
        await asyncio.sleep(60)

    await opened(js, numbers())
    assert await take(js, 2, timeout=10) == [1, 2]
    await js.eval("reader.cancel()")


# --- one task, one loop, one context --------------------------------------------------------------------------------


async def test_an_iterator_runs_in_one_task_to_its_end(js: Js) -> None:
    numbers = Numbers(100, 0)
    assert len(await js.call(await js.eval(ALL), numbers)) == 100
    await js.until(lambda: numbers.events == ["end", "finally"])
    assert len(numbers.tasks) == 1
    if js.awaited:
        assert numbers.loops == {asyncio.get_running_loop()}


@pytest.mark.parametrize("read", [0, 1, 5])
async def test_cancelling_runs_finally_there_and_waits_for_it(js: Js, read: int) -> None:
    numbers = Numbers()
    await opened(js, numbers)
    await take(js, read)
    await js.eval("reader.cancel('enough')")
    assert numbers.events[-1:] == (["finally"] if numbers.taken else [])
    assert len(numbers.tasks) <= 1
    assert await take(js, 1) == ["done"]


async def test_cancelling_while_the_iterator_waits(js: Js) -> None:
    numbers = Numbers(pause=60)
    await opened(js, numbers)
    await js.eval("globalThis.r = take(1); 0")
    await js.until(lambda: numbers.tasks)
    await js.eval("reader.cancel()")
    assert numbers.events == ["CancelledError", "finally"]
    assert await js.eval("r") == ["done"]


async def test_finally_has_its_time(js: Js) -> None:
    events = []

    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0.03)
            events.append("slept")

    await opened(js, numbers())
    await take(js, 1)
    await js.eval("Promise.all([reader.cancel(), reader.cancel()])")
    assert events == ["slept"]


async def test_what_finally_raises_reaches_who_cancels(js: Js) -> None:
    boom = LookupError("in finally")

    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            raise boom

    async def waiting() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            raise boom

    for source in (numbers(), waiting()):
        await opened(js, source)
        await take(js, 1)
        with pytest.raises(JavaScriptError, match="in finally") as caught:
            await js.eval("reader.cancel()")
        assert caught.value.__cause__ is boom


@pytest.mark.parametrize(
    "code",
    [
        "async (s) => { for await (const n of s) if (n == 3) break }",
        "async (s) => { await s.pipeTo(new WritableStream({write(n) { if (n == 3) throw 1 }})).catch(() => {}) }",
        """async (s) => { const [a, b] = s.tee(); const r = a.getReader(); await r.read();
                          await Promise.all([r.cancel(), b.cancel()]) }""",
        "async (s) => { const r = s.pipeThrough(new TransformStream()).getReader(); await r.read(); await r.cancel() }",
        """async (s) => { const a = new AbortController(); const sink = new WritableStream({write() { a.abort() }});
                          await s.pipeTo(sink, {signal: a.signal}).catch(() => {}) }""",
    ],
)
async def test_every_way_to_leave_closes_the_iterator(js: Js, code: str) -> None:
    numbers = Numbers()
    await js.call(await js.eval(code), numbers)
    await js.until(lambda: "finally" in numbers.events)
    assert len(numbers.tasks) == 1
    await js.until(lambda: js.rt.get_stats().active_py_streams == 0)


async def test_a_stream_that_nobody_holds_closes_its_iterator(js: Js) -> None:
    numbers = Numbers()
    await opened(js, numbers)
    await take(js, 1)
    await js.eval("delete globalThis.reader; 0")
    for _ in range(200):
        await js.eval("for (let i = 0; i < 20; i++) new Uint8Array(32 << 20); 0")
        await js.pause(0.005)
        if "finally" in numbers.events:
            break
    assert "finally" in numbers.events


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")


async def test_an_iterator_has_the_context_of_its_maker(rt: Runtime) -> None:
    async def names() -> AsyncIterator[str]:
        yield variable.get()
        variable.set("inside")
        yield variable.get()

    await rt.eval_async(READER)
    variable.set("maker")
    number = await rt.create_js_stream_from_python(names(), high_water_mark=1)
    variable.set("later")
    assert await rt.eval_async(f"({ALL})(__jsrun_get_stream__({number}))") == ["maker", "inside"]
    assert variable.get() == "later"


async def test_an_iterator_may_use_the_runtime_it_feeds(rt: Runtime) -> None:
    async def numbers() -> AsyncIterator[Any]:
        for i in range(5):
            yield await rt.eval_async(f"{i} * 2")

    read_all = await rt.eval_async(ALL)
    assert await read_all.call_async(numbers()) == [0, 2, 4, 6, 8]


async def test_an_iterator_that_cancels_its_own_stream(rt: Runtime) -> None:
    events = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            await rt.eval_async("reader.cancel()")
        finally:
            events.append("finally")

    js = Js(rt, OWN)
    await opened(js, rt.stream_from_async_iterable(numbers(), high_water_mark=1))
    assert await take(js, 2, timeout=5) == [1, "done"]
    await soon(lambda: events == ["finally"])


OWN = Mode("awaited", "asyncio", True)


@pytest.mark.skipif(not PY311, reason="asyncio.timeout")
@pytest.mark.parametrize("code", ["sleep", "yield"])
async def test_a_timeout_inside_the_iterator_is_its_own(rt: Runtime, code: str) -> None:
    events = []

    async def numbers() -> AsyncIterator[int]:
        try:
            async with asyncio.timeout(0.03):
                while True:
                    yield len(events)
                    if code == "sleep":
                        await asyncio.sleep(60)
        except TimeoutError:
            events.append("timeout")
        yield 7

    js = Js(rt, OWN)
    await opened(js, numbers())
    assert await take(js, 1) == [0]
    await soon(lambda: events == ["timeout"])
    rest = await rt.eval_async(
        "(async () => { const l = []; for (let c; (c = (await take(1))[0]) !== 'done';) l.push(c); return l })()"
    )
    assert rest[-1] == 7
    assert set(rest) <= {0, 7}


@pytest.mark.skipif(not PY312, reason="eager tasks")
@pytest.mark.loops("asyncio")
async def test_eager_tasks(rt: Runtime) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    read_all = await rt.eval_async(ALL)
    assert await read_all.call_async(Numbers(40)) == list(range(40))
    assert await read_all.call_async(Numbers(3, 0.001)) == [0, 1, 2]
    numbers = Numbers()
    js = Js(rt, OWN)
    await opened(js, numbers)
    await take(js, 1)
    await rt.eval_async("reader.cancel()")
    assert numbers.events[-1] == "finally"
    assert len(numbers.tasks) == 1


# --- other loops ----------------------------------------------------------------------------------------------------


@contextmanager
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop on a thread of its own."""
    started: queue.Queue[asyncio.AbstractEventLoop] = queue.Queue()

    def run() -> None:
        with running_loop("asyncio") as loop:
            loop.call_soon(started.put, loop)
            loop.run_forever()

    with background(run):
        loop = started.get(timeout=10)
        yield loop
        loop.call_soon_threadsafe(loop.stop)


def made_on(loop: asyncio.AbstractEventLoop, rt: Runtime, source: object) -> Any:
    async def make() -> Any:
        return rt.stream_from_async_iterable(source)  # type: ignore[arg-type]

    return asyncio.run_coroutine_threadsafe(make(), loop).result(10)


async def test_an_iterator_stays_on_the_loop_where_its_stream_was_made(js: Js) -> None:
    with other_loop() as loop:
        numbers = Numbers(30, 0)
        assert await js.call(await js.eval(ALL), made_on(loop, js.rt, numbers)) == list(range(30))
        assert numbers.loops == {loop}
        numbers = Numbers()
        await opened(js, made_on(loop, js.rt, numbers))
        await take(js, 3)
        await js.eval("reader.cancel()")
        assert numbers.loops == {loop}
        assert len(numbers.tasks) == 1
        assert numbers.events[-1] == "finally"


def test_a_stream_whose_loop_is_gone_fails(rt: Runtime) -> None:
    async def make() -> Any:
        return rt.stream_from_async_iterable(Numbers(3))

    source = asyncio.run(make())
    with pytest.raises(JavaScriptError, match="loop"):
        rt.eval(ALL)(source, timeout=10)


def test_a_loop_that_ends_while_its_stream_is_read(rt: Runtime) -> None:
    numbers = Numbers(pause=0.001)

    async def begin() -> Any:
        await opened(Js(rt, OWN), numbers)
        return await take(Js(rt, OWN), 2)

    assert asyncio.run(begin()) == [0, 1]
    assert numbers.events == ["CancelledError", "finally"]
    with pytest.raises(JavaScriptError):
        rt.eval("(async () => { for (;;) if ((await take(1))[0] === 'done') throw new Error('ended') })()", timeout=10)


# --- failing --------------------------------------------------------------------------------------------------------


async def test_an_exception_keeps_its_identity(js: Js) -> None:
    boom = ValueError("half-way")

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise boom

    await opened(js, numbers())
    assert await take(js, 2) == [1, 2]
    for _ in range(2):
        with pytest.raises(JavaScriptError, match="half-way") as caught:
            await take(js, 1)
        assert caught.value.__cause__ is boom
    name, message = await js.eval("take(1).catch((e) => [e.name, e.message])")
    assert (name, message) == ("ValueError", "half-way")


async def test_an_exception_of_a_plain_iterator(js: Js) -> None:
    boom = ValueError("plain")

    def numbers() -> Iterator[int]:
        yield 1
        raise boom

    with pytest.raises(JavaScriptError) as caught:
        await js.call(await js.eval(ALL), js.rt.stream_from_async_iterable(numbers()))
    assert caught.value.__cause__ is boom


@pytest.mark.parametrize("error", [StopIteration, asyncio.CancelledError, GeneratorExit, JavaScriptTimeout])
async def test_odd_exceptions_end_the_stream_too(js: Js, error: Any) -> None:
    class Odd:
        def __aiter__(self) -> Odd:
            return self

        async def __anext__(self) -> int:
            raise error("odd")

    await opened(js, Odd())
    with pytest.raises(JavaScriptError):
        await take(js, 1, timeout=10)


async def test_a_chunk_without_a_form_is_named_and_closes_the_iterator(js: Js) -> None:
    events = []

    async def things() -> AsyncIterator[object]:
        try:
            yield 1
            yield {"a": [object()]}
        finally:
            events.append("finally")

    await opened(js, things())
    assert await take(js, 1) == [1]
    with pytest.raises(JavaScriptError, match=r"chunk 2 of the stream: \$\.a\[0\]") as caught:
        await take(js, 1)
    assert isinstance(caught.value.__cause__, ConversionError)
    await js.until(lambda: events == ["finally"])


async def test_a_read_that_times_out_does_not_break_the_stream(js: Js) -> None:
    await opened(js, Numbers(5, 0.1))
    with pytest.raises(JavaScriptTimeout):
        await js.eval("reader.read()", timeout=0.03)
    # That read is under way in JavaScript, and gets the first chunk.
    assert await take(js, 2, timeout=10) == [1, 2]
    await js.eval("reader.cancel()")


async def test_one_mutable_object_as_every_chunk(js: Js) -> None:
    async def same(thing: Any) -> AsyncIterator[Any]:
        for i in range(5):
            thing[0] = i
            yield thing

    read_all = await js.eval(ALL)
    assert await js.call(read_all, same({0: None})) == [{0: i} for i in range(5)]
    assert await js.call(read_all, same([None])) == [[i] for i in range(5)]
    assert await js.call(read_all, same(bytearray(1))) == [bytes([i]) for i in range(5)]


async def test_chunks_that_are_more_than_data(js: Js) -> None:
    async def later() -> int:
        return 4

    async def things() -> AsyncIterator[Any]:
        yield lambda n: n + 1
        yield later()
        yield Numbers(2)
        yield [1, [2]]

    code = f"""async (s) => {{ const [f, p, inner, list] = await ({ALL})(s);
        return [await f(1), await p, await ({ALL})(inner), list] }}"""
    assert await js.call(await js.eval(code), things()) == [2, 4, [0, 1], [1, [2]]]


# --- sources that people have ---------------------------------------------------------------------------------------


async def test_an_asyncio_queue(rt: Runtime) -> None:
    numbers: asyncio.Queue[int | None] = asyncio.Queue(2)

    async def produce() -> None:
        for i in range(20):
            await numbers.put(i)
        await numbers.put(None)

    async def consume() -> AsyncIterator[int]:
        while (item := await numbers.get()) is not None:
            yield item

    read_all = await rt.eval_async(ALL)
    chunks, _ = await asyncio.gather(read_all.call_async(consume()), produce())
    assert chunks == list(range(20))


def test_a_thread_that_feeds_a_plain_iterator(rt: Runtime) -> None:
    numbers: queue.Queue[int] = queue.Queue()
    for i in range(5):
        numbers.put(i)
    assert rt.eval(ALL)(rt.stream_from_async_iterable(iter(numbers.get_nowait, 4))) == [0, 1, 2, 3]


def test_a_file_is_read_and_not_closed(rt: Runtime, tmp_path: Any) -> None:
    path = tmp_path / "lines"
    path.write_text("a\nb\n")
    with path.open() as lines:
        assert rt.eval(ALL)(rt.stream_from_async_iterable(lines)) == ["a\n", "b\n"]
        assert not lines.closed


async def test_closing_the_runtime_closes_iterators(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()
    busy, idle, unread = Numbers(pause=60), Numbers(), Numbers()
    await rt.eval_async(READER)
    hold = await rt.eval_async("""(busy, idle, unread) => { globalThis.kept = unread;
        globalThis.read = busy.getReader().read(); return idle.getReader().read() }""")
    await hold.call_async(busy, idle, unread)
    await soon(lambda: busy.tasks)
    await rt.aclose()
    await soon(lambda: busy.events == ["CancelledError", "finally"] and "finally" in idle.events)
    assert unread.events == []


def test_closing_the_runtime_closes_iterators_of_the_portal(runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes()
    numbers = Numbers()
    rt.eval("(s) => s.getReader().read()")(numbers)
    rt.close()
    wait_until(lambda: "finally" in numbers.events)


async def test_a_runtime_that_is_collected_closes_iterators(runtimes: Callable[..., Runtime]) -> None:
    rt = await Runtime.create()
    numbers = Numbers()
    first = await rt.eval_async("(s) => { globalThis.r = s.getReader(); return r.read() }")
    await first.call_async(numbers)
    del rt, first
    gc.collect()
    await soon(lambda: "finally" in numbers.events)


async def test_an_argument_that_fails_after_a_stream(js: Js) -> None:
    numbers = Numbers()
    with pytest.raises(ConversionError):
        await js.call(await js.eval("() => 0"), numbers, object())
    await js.eval("0")
    assert js.rt.get_stats().active_py_streams == 0


async def test_an_operation_that_is_stopped_does_not_keep_its_stream(rt: Runtime) -> None:
    numbers = Numbers(pause=0.001)
    forever = await rt.eval_async("async (s) => { for await (const n of s) globalThis.n = n }")
    result = await outcome(asyncio.wait_for(forever.call_async(numbers), 0.05))
    assert isinstance(result, (asyncio.TimeoutError, TimeoutError))
    assert await rt.eval_async("6 * 7") == 42
