"""Large strings and buffers on their way to Python: lent by the isolate, read at once or copied, and always whole."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from modes import Js, background, in_threads

from jsrun import ConversionError, JavaScriptTimeout, Runtime, RuntimeClosed

MakeRuntime = Callable[..., Runtime]
#: From half a mebibyte on, a result is lent.
LARGE = 1 << 20
TEXT = f"'0123456789abcdef'.repeat({LARGE // 16})"
BYTES = f"new Uint8Array({LARGE}).map((_, i) => i % 251)"


def pattern(size: int = LARGE) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


# --- what comes out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1 << 19) - 1, 1 << 19, (1 << 19) + 1, 3 * LARGE + 7])
async def test_a_string_is_whole(js: Js, size: int) -> None:
    got = await js.eval(f"'x'.repeat({size - 3}) + 'end'")
    assert type(got) is str
    assert got.isascii()
    assert got == "x" * (size - 3) + "end"
    assert hash(got) == hash("x" * (size - 3) + "end")


@pytest.mark.parametrize("where", [0, LARGE // 2, LARGE - 1])
@pytest.mark.parametrize("character", ["\x00", "\x7f", "\x80", "é", "ÿ", "€", "\ud800", "\U0001f600"], ids=ascii)
async def test_a_character_anywhere_is_kept(js: Js, character: str, where: int) -> None:
    units = memoryview(character.encode("utf-16-le", "surrogatepass")).cast("H")
    got = await js.eval(
        f"'x'.repeat({where}) + String.fromCharCode({', '.join(map(str, units))}) + 'y'.repeat({LARGE - where})"
    )
    assert got == "x" * where + character + "y" * (LARGE - where)


STRINGS = [
    f"{TEXT}.slice(3)",
    f"{TEXT}.slice(0, -1) + 'last'",
    f"[{TEXT}].join()",
    f"JSON.parse(JSON.stringify({TEXT}))",
    f"(() => {{ const text = {TEXT} + 'key'; const o = {{[text]: 1}}; return Object.keys(o)[0]; }})()",
    f"(() => {{ const text = {TEXT} + 'key'; ({{}})[text]; return text; }})()",
    f"new TextDecoder().decode(new TextEncoder().encode({TEXT}))",
]


@pytest.mark.parametrize("code", STRINGS)
async def test_strings_of_every_make_are_whole(js: Js, code: str) -> None:
    text = "0123456789abcdef" * (LARGE // 16)
    expected = {0: text[3:], 1: text[:-1] + "last", 4: text + "key", 5: text + "key"}.get(STRINGS.index(code), text)
    assert await js.eval(code) == expected


async def test_a_string_of_the_hosts_comes_back(js: Js) -> None:
    text = "".join(["lent", "x" * LARGE])
    assert await js.call(await js.eval("(s) => s"), text) == text


BUFFERS = {
    BYTES: pattern(),
    f"{BYTES}.buffer": pattern(),
    f"new DataView({BYTES}.buffer, 5)": pattern()[5:],
    f"{BYTES}.subarray(7, {LARGE - 9})": pattern()[7:-9],
    f"new Uint8Array(new SharedArrayBuffer({LARGE})).fill(7)": b"\x07" * LARGE,
    f"new Uint8Array(new ArrayBuffer({LARGE}, {{maxByteLength: {2 * LARGE}}})).fill(7)": b"\x07" * LARGE,
    f"new Uint8Array(new WebAssembly.Memory({{initial: {LARGE >> 16}}}).buffer).fill(7)": b"\x07" * LARGE,
    f"structuredClone({BYTES})": pattern(),
    f"{BYTES}.buffer.transfer()": pattern(),
}


@pytest.mark.parametrize("code", BUFFERS)
async def test_buffers_of_every_make_are_whole(js: Js, code: str) -> None:
    got = await js.eval(code)
    assert type(got) is bytes
    assert got == BUFFERS[code]


@pytest.mark.parametrize(
    ("kind", "letter"), [("Float64Array", "d"), ("Int16Array", "h"), ("Uint8ClampedArray", "B"), ("BigInt64Array", "q")]
)
async def test_typed_arrays_keep_their_kind(js: Js, kind: str, letter: str) -> None:
    one = "3n" if kind.startswith("Big") else "3"
    got = await js.eval(f"new {kind}({LARGE}).fill({one})")
    assert (type(got), got.format, len(got), got[0], got[-1]) == (memoryview, letter, LARGE, 3, 3)


async def test_a_detached_buffer_is_empty(js: Js) -> None:
    assert (
        await js.eval(f"(() => {{ const a = {BYTES}; structuredClone(a, {{transfer: [a.buffer]}}); return a; }})()")
        == b""
    )


async def test_results_are_independent_of_javascript(js: Js) -> None:
    first = await js.eval(f"globalThis.a = {BYTES}")
    await js.eval("a.fill(9); 0")
    assert first == pattern()
    assert await js.eval("a") == b"\x09" * LARGE


@pytest.mark.parametrize("code", [BYTES, TEXT])
async def test_every_way_to_a_result_has_it(js: Js, code: str) -> None:
    expected = await js.eval(code)
    assert await js.eval(f"Promise.resolve({code})") == expected
    assert await js.eval(f"await 0; {code}") == expected
    assert await js.eval(f"new Promise((resolve) => setTimeout(() => resolve({code}), 5))") == expected
    assert await js.call(await js.eval(f"() => {code}")) == expected
    assert await js.call(await js.eval(f"async () => {code}")) == expected
    assert await js.eval(f"[{code}]") == [expected]


async def test_a_host_function_reads_it_while_javascript_waits(js: Js) -> None:
    rt = js.rt
    rt.bind_function("size", lambda: len(rt.eval(BYTES)))
    assert await js.eval("size()") == LARGE


# --- limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [BYTES, f"{BYTES}.buffer", TEXT])
async def test_the_budget_holds(js: Js, runtimes: MakeRuntime, code: str) -> None:
    rt = runtimes(max_serialization_bytes=LARGE - 1)
    with pytest.raises(ConversionError, match="max_serialization_bytes"):
        await Js(rt, js.mode).eval(code)
    assert await Js(rt, js.mode).eval("1") == 1


async def test_a_stop_leaves_nothing_lent(js: Js) -> None:
    with pytest.raises(JavaScriptTimeout):
        await js.eval(f"globalThis.kept = {BYTES}; while (true) {{}}", timeout=0.05)
    assert await js.eval("kept") == pattern()


# --- who reads late, or never -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [BYTES, TEXT])
async def test_a_busy_loop_finds_a_copy(rt: Runtime, code: str) -> None:
    expected = rt.eval(code)
    rt.eval(f"globalThis.kept = {code}; 0")
    for _ in range(20):
        operation = rt.eval_async("kept")
        changed = rt.eval_async("if (kept.fill) kept.fill(1); 0")
        time.sleep(0.01)
        assert await operation == expected
        await changed
        await rt.eval_async(f"globalThis.kept = {code}; 0")


@pytest.mark.parametrize("code", [BYTES, TEXT])
async def test_many_at_once_are_all_whole(rt: Runtime, code: str) -> None:
    expected = rt.eval(code)
    rt.eval(f"globalThis.kept = {code}; 0")
    assert all(got == expected for got in await asyncio.gather(*(rt.eval_async("kept") for _ in range(40))))


async def test_an_abandoned_result_keeps_nobody(rt: Runtime) -> None:
    rt.eval(f"globalThis.kept = {BYTES}; 0")
    for pause in [0, 0, 0.001, 0.002, 0.005]:
        task = asyncio.ensure_future(rt.eval_async("kept"))
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await rt.eval_async("kept") == pattern()


def test_a_closed_loop_keeps_nobody(rt: Runtime) -> None:
    rt.eval(f"globalThis.kept = {BYTES}; 0")

    async def leave() -> None:
        rt.eval_async("kept")

    for _ in range(5):
        asyncio.run(leave())
        assert rt.eval("kept") == pattern()


def test_threads_read_one_runtime(rt: Runtime) -> None:
    rt.eval(f"globalThis.kept = {BYTES}; globalThis.text = {TEXT}; 0")
    text = rt.eval("text")

    def read() -> None:
        for _ in range(20):
            assert rt.eval("kept") == pattern()
            assert rt.eval("text") == text

    in_threads(read)


def test_a_thread_that_computes_delays_nothing_for_ever(rt: Runtime) -> None:
    rt.eval(f"globalThis.kept = {BYTES}; 0")
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(1000))

    with background(compute):
        try:
            for _ in range(10):
                assert rt.eval("kept") == pattern()
        finally:
            done.set()


def test_closing_meanwhile_ends_both(runtimes: MakeRuntime) -> None:
    for pause in [0, 0.0005, 0.001, 0.002]:
        rt = runtimes()
        rt.eval(f"globalThis.kept = {BYTES}; 0")
        closer = threading.Timer(pause, rt.close)
        closer.start()
        try:
            while True:
                assert rt.eval("kept") == pattern()
        except RuntimeClosed:
            pass
        closer.join()
