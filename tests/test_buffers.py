"""Buffers that both sides see: memory lent to JavaScript, array buffers as memoryviews, and what keeps them alive."""

from __future__ import annotations

import array
import gc
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from modes import Js, wait_until

import jsrun
from jsrun import ConversionError, JavaScriptError, Runtime, SharedBuffer

MakeRuntime = Callable[..., Runtime]

FILL = "(buffer, value) => { new Uint8Array(buffer).fill(value); return buffer.byteLength }"
KINDS = {
    "Int8Array": "int8",
    "Uint8Array": "uint8",
    "Int16Array": "int16",
    "Uint16Array": "uint16",
    "Int32Array": "int32",
    "Uint32Array": "uint32",
    "Float16Array": "float16",
    "Float32Array": "float32",
    "Float64Array": "float64",
    "BigInt64Array": "int64",
    "BigUint64Array": "uint64",
}


@pytest.fixture
def sharing(js: Js, runtimes: MakeRuntime) -> Js:
    """A runtime that gives array buffers as they are."""
    return Js(runtimes(buffers="share"), js.mode)


def can_grow(buffer: bytearray) -> bool:
    """Whether nobody holds the memory."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


# --- Python's memory in JavaScript ------------------------------------------------------------------------------


async def test_both_sides_see_what_the_other_writes(js: Js) -> None:
    memory = bytearray(b"abcd")
    seen = await js.eval("(buffer) => { globalThis.seen = new Uint8Array(buffer); return () => Array.from(seen) }")
    read = await js.call(seen, jsrun.share(memory))
    assert await js.call(read) == [97, 98, 99, 100]
    memory[0] = 1
    assert await js.call(read) == [1, 98, 99, 100]
    await js.eval("seen[3] = 7; 0")
    assert memory == bytearray(b"\x01bc\x07")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: bytearray(16), id="bytearray"),
        pytest.param(lambda: array.array("i", [0] * 4), id="array"),
        pytest.param(lambda: memoryview(bytearray(24))[8:], id="offset memoryview"),
        pytest.param(lambda: np.zeros((2, 2), dtype=np.float32), id="numpy"),
        pytest.param(lambda: mmap.mmap(-1, 16), id="mmap"),
    ],
)
async def test_every_writable_exporter_can_be_lent(js: Js, make: Callable[[], Any]) -> None:
    buffer = make()
    assert await js.call(await js.eval(FILL), jsrun.share(buffer), 255) == 16
    assert bytes(memoryview(buffer).cast("B")) == b"\xff" * 16


async def test_it_is_an_array_buffer_that_can_be_viewed_sliced_and_transferred(js: Js) -> None:
    code = """(buffer) => {
      const moved = buffer.transfer();
      return [buffer.byteLength, moved instanceof ArrayBuffer, moved.slice(1, 3), new DataView(moved).getInt16(0)]
    }"""
    result = await js.call(await js.eval(code), jsrun.share(bytearray(b"\x01\x02\x03\x04")))
    assert result == [0, True, b"\x02\x03", 0x0102]


@pytest.mark.parametrize(
    ("buffer", "why"),
    [
        (b"constant", "read-only"),
        (memoryview(bytearray(8)).toreadonly(), "read-only"),
        (pa.py_buffer(b"arrow"), "read-only"),
        (np.arange(4)[::2], "not C-contiguous"),
        ("text", "gives no buffer"),
        (3, "gives no buffer"),
    ],
)
def test_what_cannot_be_lent_says_why(buffer: object, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        jsrun.share(buffer)


async def test_transfer_hands_over_a_copy_of_what_is_read_only(js: Js) -> None:
    original = b"same"
    assert await js.call(await js.eval(FILL), jsrun.transfer(original), 0) == 4
    assert original == b"same"
    handed = bytearray(b"here")
    await js.call(await js.eval(FILL), jsrun.transfer(handed), 1)
    assert handed == bytearray(b"\x01" * 4)
    assert await js.call(await js.eval("(buffer) => buffer.byteLength"), jsrun.transfer(pa.py_buffer(b"arrow"))) == 5


async def test_an_empty_buffer_is_an_empty_array_buffer(js: Js) -> None:
    assert await js.call(await js.eval("(buffer) => buffer.byteLength"), jsrun.share(bytearray())) == 0


async def test_the_exporter_is_held_until_javascript_lets_go(js: Js) -> None:
    memory = bytearray(64)
    await js.call(await js.eval("(buffer) => { globalThis.held = buffer; return 0 }"), jsrun.share(memory))
    gc.collect()
    assert not can_grow(memory)
    await js.eval("delete globalThis.held; 0")
    js.rt.close()
    gc.collect()
    # The decrement waits for the next thread that has the interpreter.
    wait_until(lambda: can_grow(memory))


async def test_the_limit_of_buffers_holds_for_lent_memory(js: Js, runtimes: MakeRuntime) -> None:
    small = Js(runtimes(max_buffer_bytes=1 << 20), js.mode)
    length = await small.eval("(buffer) => buffer.byteLength")
    with pytest.raises(ConversionError, match="max_buffer_bytes"):
        await small.call(length, jsrun.share(bytearray(2 << 20)))
    assert await small.call(length, jsrun.share(bytearray(1 << 19))) == 1 << 19


async def test_one_buffer_can_be_lent_to_several_runtimes(js: Js, runtimes: MakeRuntime) -> None:
    memory = bytearray(2)
    lent = jsrun.share(memory)
    for index, rt in enumerate((js.rt, runtimes())):
        other = Js(rt, js.mode)
        await other.call(await other.eval("(b, i) => { new Uint8Array(b)[i] = i + 1; return 0 }"), lent, index)
    assert memory == bytearray([1, 2])
    assert isinstance(lent, SharedBuffer)
    assert lent.nbytes == 2


# --- JavaScript's memory in Python ------------------------------------------------------------------------------


async def test_array_buffers_come_as_views_of_their_memory(js: Js, sharing: Js) -> None:
    view = await sharing.eval("globalThis.bytes = new Uint8Array([1, 2, 3]); bytes")
    assert (view.format, view.readonly, view.tolist()) == ("B", False, [1, 2, 3])
    view[0] = 9
    await sharing.eval("bytes[2] = 8; 0")
    assert (await sharing.eval("bytes[0]"), view[2]) == (9, 8)


@pytest.mark.parametrize(("kind", "dtype"), KINDS.items())
async def test_views_have_the_format_of_their_array(js: Js, sharing: Js, kind: str, dtype: str) -> None:
    view = await sharing.eval(f"new {kind}(3)")
    shown = np.asarray(view)
    assert (shown.dtype.name, shown.shape) == (dtype, (3,))


async def test_an_offset_view_covers_what_it_covers(js: Js, sharing: Js) -> None:
    view = await sharing.eval("globalThis.all = new Float64Array([1, 2, 3]); all.subarray(1, 2)")
    assert view.tolist() == [2.0]
    view[0] = 5.5
    assert await sharing.eval("all[1]") == 5.5


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("new ArrayBuffer(0)", b""),
        ("new Uint8Array(0)", b""),
        ("new Uint8Array(new ArrayBuffer(4, {maxByteLength: 8})).fill(1)", b"\x01" * 4),
        ("const gone = new Uint8Array(4); gone.buffer.transfer(); gone", b""),
    ],
)
async def test_what_has_no_steady_memory_is_copied(js: Js, sharing: Js, code: str, value: bytes) -> None:
    assert await sharing.eval(code) == value


async def test_a_view_outlives_detaching_collection_and_its_runtime(js: Js, sharing: Js) -> None:
    view = await sharing.eval("globalThis.b = new ArrayBuffer(8); new Uint8Array(b).fill(3); b")
    await sharing.eval("globalThis.moved = b.transfer(); 0")
    view[0] = 4
    assert await sharing.eval("new Uint8Array(moved)[0]") == 4
    await sharing.eval("delete globalThis.moved; delete globalThis.b; 0")
    sharing.rt.close()
    gc.collect()
    view[1] = 5
    assert bytes(view) == b"\x04\x05\x03\x03\x03\x03\x03\x03"
    inner = view[2:4]
    del view
    gc.collect()
    assert inner.tolist() == [3, 3]


async def test_memory_held_by_python_counts_until_it_is_dropped(js: Js, runtimes: MakeRuntime) -> None:
    small = Js(runtimes(buffers="share", max_buffer_bytes=3 << 20), js.mode)
    held = await small.eval("new Uint8Array(2 << 20)")
    with pytest.raises(JavaScriptError, match="Array buffer allocation failed"):
        await small.eval("new Uint8Array(2 << 20)")
    del held
    gc.collect()
    assert len(await small.eval("new Uint8Array(2 << 20)")) == 2 << 20


async def test_host_functions_and_containers_get_views_too(js: Js, sharing: Js) -> None:
    got: list[Any] = []
    sharing.rt.bind_function("take", lambda value: got.append(value["inner"][0]))
    await sharing.eval("globalThis.mine = new Int16Array([1]); take({inner: [mine]}); 0")
    got[0][0] = -2
    assert await sharing.eval("mine[0]") == -2


def test_the_option_is_checked() -> None:
    with pytest.raises(ValueError, match="'copy' or 'share'"):
        jsrun.RuntimeConfig(buffers="steal")  # type: ignore[arg-type]


# --- numpy and arrow on the copying path ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", KINDS.values())
async def test_numpy_arrays_keep_kind_and_values_both_ways(js: Js, dtype: str) -> None:
    sent = np.array([0, 1, 2, 100], dtype=dtype)
    kind, back = await js.call(await js.eval("(a) => [a.constructor.name, a]"), sent)
    assert KINDS[kind] == dtype
    returned = np.frombuffer(back, dtype="uint8") if isinstance(back, bytes) else np.asarray(back)
    assert returned.dtype == sent.dtype
    assert returned.tolist() == sent.tolist()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.arange(6)[::2], "not C-contiguous"),
        (np.zeros(2, dtype=np.complex64), "no typed array"),
        (np.zeros(2, dtype=[("a", "i4")]), "no typed array"),
    ],
)
async def test_numpy_arrays_without_a_form_say_why(js: Js, value: object, why: str) -> None:
    with pytest.raises(ConversionError, match=why):
        await js.call(await js.eval("(a) => 0"), value)


async def test_arrow_buffers_and_mmaps_are_bytes(js: Js) -> None:
    echo = await js.eval("(a) => a")
    assert await js.call(echo, pa.py_buffer(b"arrow")) == b"arrow"
    with mmap.mmap(-1, 4) as pages:
        pages[:] = b"mmap"
        assert await js.call(echo, pages) == b"mmap"


# --- nothing is lost or freed early -----------------------------------------------------------------------------


@pytest.fixture
def many(js: Js, runtimes: MakeRuntime) -> Js:
    """A runtime with room for a few of the buffers below."""
    return Js(runtimes(buffers="share", max_buffer_bytes=64 << 20), js.mode)


async def test_a_thousand_buffers_both_ways_leave_nothing_behind(js: Js, many: Js) -> None:
    turn = await many.eval("(b) => { const a = new Uint8Array(b); a[0]++; return new Uint8Array(a.length).fill(a[0]) }")
    exporters = [bytearray(256 << 10) for _ in range(4)]
    for round_ in range(250):
        for memory in exporters:
            view = await many.call(turn, jsrun.share(memory))
            assert view[0] == view[-1] == (round_ + 1) % 256
    # What V8 has not collected yet is within the limit; half a gigabyte went through.
    assert many.rt.get_stats().external_memory_bytes <= 100 << 20
