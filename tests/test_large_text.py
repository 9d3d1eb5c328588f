"""Large strings on their way into JavaScript, which reads them where Python has them; large buffers in a row."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest
from modes import Js, in_threads

from jsrun import ConversionError, HeapLimitExceeded, Runtime

MakeRuntime = Callable[..., Runtime]
SIZE = 1 << 20


def text(start: str) -> str:
    """A string of its own each time, made at run time."""
    return "".join([start, "x" * (SIZE - len(start))])


def settle(runtimes: MakeRuntime) -> None:
    """What an isolate's thread gives back, without the interpreter, is taken by the next call that has it."""
    with runtimes() as rt:
        assert rt.eval("1") == 1


async def test_a_large_string_is_whole_in_javascript(js: Js) -> None:
    look = await js.eval(
        "(s) => [s.length, s.slice(0, 5), s.charCodeAt(s.length - 1), s === 'hello' + 'x'.repeat(s.length - 5)]"
    )
    assert await js.call(look, text("hello")) == [SIZE, "hello", 120, True]


@pytest.mark.parametrize("start", ["hé", "h€", "h\U0001f600", "h\ud800"], ids=["latin-1", "two bytes", "pair", "lone"])
async def test_a_large_string_beyond_ascii_is_whole_in_javascript(js: Js, start: str) -> None:
    whole = text(start)
    assert await js.call(await js.eval("(s) => s"), whole) == whole


async def test_javascript_keeps_what_python_forgets(js: Js) -> None:
    keep = await js.eval("globalThis.kept = []; (s) => kept.push(s, s.slice(2, -2), s + s)")
    for number in range(8):
        await js.call(keep, text(str(number)))
        gc.collect()
    assert await js.eval("kept.map((s) => s.length + s[0])") == [
        piece for number in range(8) for piece in (f"{SIZE}{number}", f"{SIZE - 4}x", f"{2 * SIZE}{number}")
    ]


def test_a_large_string_is_a_string_like_any_other(rt: Runtime) -> None:
    rt.eval("globalThis.box = {}")
    use = rt.eval("""(s) => {
        box[s] = 1;
        const [upper, found, rows] = [s.toUpperCase(), s.match(/^(h.*?)x/), s.split("e")];
        return [Object.keys(box)[0] === s, upper.startsWith("HELLO"), found[1], rows[1].length,
            JSON.parse(JSON.stringify(s)) === s, structuredClone(s) === s, new TextEncoder().encode(s).length];
    }""")
    whole = text("hello")
    for _ in range(2):
        assert use(whole) == [True, True, "hello", SIZE - 2, True, True, SIZE]
    assert rt.eval(f"new Function('return ' + JSON.stringify({text('hello')!r}))().length") == SIZE


def test_python_gets_its_string_back_when_javascript_is_done(runtimes: MakeRuntime) -> None:
    whole = text("mine")
    before = sys.getrefcount(whole)
    with runtimes() as rt:
        keep = rt.eval("globalThis.kept = []; (...all) => kept.push(...all)")
        assert keep(whole, whole) == 2
        assert rt.get_stats().buffer_bytes >= 2 * SIZE
        # Two external strings, one str.
        assert sys.getrefcount(whole) == before + 2
        assert rt.eval("kept.every((s) => s.startsWith('mine'))") is True
    settle(runtimes)
    assert sys.getrefcount(whole) == before


def test_large_strings_that_are_kept_reach_a_limit(runtimes: MakeRuntime) -> None:
    with runtimes(max_heap_size=32 << 20, max_buffer_bytes=8 << 20) as rt:
        keep = rt.eval("globalThis.kept = []; (s) => kept.push(s)")
        with pytest.raises(HeapLimitExceeded):
            for number in range(100):
                keep(text(str(number)))
        assert 8 < number < 48


def test_without_room_for_buffers_a_large_string_is_copied(runtimes: MakeRuntime) -> None:
    with runtimes(max_buffer_bytes=SIZE // 2) as rt:
        whole = text("copied")
        before = sys.getrefcount(whole)
        rt.eval("(s) => { globalThis.kept = s }")(whole)
        assert rt.eval("kept.length") == SIZE
        assert sys.getrefcount(whole) == before


FILL = """
globalThis.held = [];
for (let size = 1 << 20; size >= 1;) {
    try {
        held.push(new ArrayBuffer(size));
    } catch {
        size = Math.floor(size / 2);
    }
}
"""


@pytest.mark.parametrize("kind", [str, bytes])
def test_when_buffers_have_no_room_at_all_large_values_are_copied_or_refused(runtimes: MakeRuntime, kind: type) -> None:
    with runtimes(max_buffer_bytes=3 << 20) as rt:
        rt.eval(FILL)
        assert rt.get_stats().buffer_bytes == 3 << 20
        size = rt.eval("(value) => value.length")
        if kind is str:
            assert size(text("copied")) == SIZE
        else:
            with pytest.raises(ConversionError, match="max_buffer_bytes is reached"):
                size(bytes(SIZE))
        assert rt.get_stats().buffer_bytes == 3 << 20


def test_one_string_in_many_runtimes_on_many_threads(runtimes: MakeRuntime) -> None:
    whole = text("shared")
    before = sys.getrefcount(whole)

    def use() -> None:
        with Runtime() as rt:
            size = rt.eval("(s) => s.slice(0, 6) + s.length")
            for _ in range(50):
                assert size(whole) == f"shared{SIZE}"

    in_threads(use)
    settle(runtimes)
    assert sys.getrefcount(whole) == before


@pytest.mark.parametrize("kind", [str, bytes])
def test_large_values_that_javascript_drops_do_not_pile_up(runtimes: MakeRuntime, kind: type) -> None:
    with runtimes(max_serialization_bytes=1 << 30) as rt:
        size = rt.eval("(value) => value.length")
        most = 0
        for number in range(40):
            value = str(number % 10) * (16 << 20)
            assert size(value if kind is str else value.encode()) == 16 << 20
            most = max(most, rt.get_stats().buffer_bytes)
        assert most < 320 << 20


def test_one_large_string_again_and_again_does_not_pile_up(rt: Runtime) -> None:
    size = rt.eval("(value) => value.length")
    whole = "x" * (8 << 20)
    for _ in range(200):
        assert size(whole) == 8 << 20
    assert rt.get_stats().buffer_bytes < 320 << 20
