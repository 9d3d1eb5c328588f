"""The bytes between a host and its child: round trips, and a reader that survives every lie."""

from __future__ import annotations

import math
import struct
from array import array
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsrun import ConversionError, JavaScriptError, JsMap, JsRegExp, ModuleError, RuntimeCrashed, undefined
from jsrun._process.frames import HEADER, TO_CHILD, TO_HOST, Kind, Splitter, frame
from jsrun._process.reading import decode
from jsrun._process.wire import Plain, Ref, WireError
from jsrun._process.writing import encode

TEXT = st.text(st.characters(codec=None))
DATES = st.datetimes(timezones=st.just(timezone.utc))
REGEXPS = st.builds(JsRegExp, TEXT, st.sampled_from(["", "g", "iu", "dgimsy"]))
KEYS = st.one_of(st.none(), st.booleans(), st.integers(), TEXT, st.binary(), DATES, REGEXPS)
SCALARS = st.one_of(KEYS, st.just(undefined), st.floats())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(KEYS, inner),
        st.sets(KEYS),
        st.frozensets(KEYS),
        st.lists(st.tuples(inner, inner)).map(JsMap),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=16),
        st.lists(st.floats(), min_size=16),
    ),
    max_leaves=40,
)


def there(value: Any) -> Any:
    data = encode(value)
    result, end = decode(data)
    assert end == len(data)
    return result


def same(left: Any, right: Any) -> bool:
    """Equality that knows NaN, negative zero and types."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, JsMap):
        return same(left.items(), right.items())
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return bool(left == right)


@given(VALUES)
def test_every_value_arrives_as_it_was(value: Any) -> None:
    assert same(there(value), value)


@given(st.binary(max_size=300))
def test_random_bytes_are_a_value_or_a_wire_error(data: bytes) -> None:
    try:
        _, end = decode(data)
    except WireError:
        return
    assert 0 < end <= len(data)


@given(VALUES, st.data())
def test_damaged_bytes_are_a_value_or_a_wire_error(value: Any, data: st.DataObject) -> None:
    wire = encode(value)
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del wire[data.draw(st.integers(0, len(wire) - 1)) :]
    try:
        decode(wire)
    except WireError:
        pass


@given(st.lists(st.sampled_from([b"l", b"m", b"t", b"S", b"Z", b"M", b"E", b"r", b"X", b"V", b"q", b"\x01", b"\xff"])))
def test_structure_without_content_is_a_wire_error_at_most(parts: list[bytes]) -> None:
    try:
        decode(b"".join(parts))
    except WireError:
        pass


@pytest.mark.parametrize("form", list("bBhHiIqQfd"))
def test_typed_arrays_keep_their_format(form: str) -> None:
    view = there(memoryview(array(form, [1, 2])))
    assert isinstance(view, memoryview)
    assert (view.format, view.tolist(), view.readonly) == (form, [1, 2], False)


def test_identity_and_cycles_are_kept() -> None:
    shared: dict[str, Any] = {"data": b"x"}
    shared["self"] = shared
    first, second, data = there([shared, shared, shared["data"]])
    assert first is second and first["self"] is first and first["data"] is data


def test_a_tuple_inside_itself_is_a_list() -> None:
    inner: list[Any] = []
    outer = (inner,)
    inner.append(outer)
    result = there(outer)
    assert result[0][0] is result


def test_exceptions_come_back_as_what_they_were() -> None:
    cause = JavaScriptError("inner", name="RangeError")
    error = JavaScriptError("outer", name="TypeError")
    error.cause = error.__cause__ = cause
    error.frames = [{"function_name": "f", "line_number": 3}]
    error.source = ("a.js", 1, 2, "code")
    error.value = [error]
    result = there(error)
    assert isinstance(result, JavaScriptError)
    assert (result.name, result.message, result.frames, result.source) == (
        "TypeError",
        "outer",
        error.frames,
        error.source,
    )
    assert isinstance(result.cause, JavaScriptError) and result.__cause__ is result.cause
    assert result.value[0] is result
    failed = there(ModuleError("no", "a", "b"))
    assert isinstance(failed, ModuleError) and (failed.specifier, failed.referrer) == ("a", "b")
    assert isinstance(there(UnicodeError("odd")), ValueError)
    assert isinstance(there(RuntimeCrashed("gone")), RuntimeCrashed)


@pytest.mark.parametrize(
    "parts",
    [
        5,
        {},
        {"kind": "SystemExit", "text": ""},
        {"kind": "JavaScriptError", "text": 1},
        {"kind": "JavaScriptError", "text": "", "frames": [{"file_name": 1}], "errors": []},
        {"kind": "JavaScriptError", "text": "", "frames": [{"__class__": "x"}], "errors": []},
        {"kind": "JavaScriptError", "text": "", "frames": [], "errors": [1]},
        {"kind": "JavaScriptError", "text": "", "frames": [], "errors": [], "source": ("a",)},
        {"kind": "ValueError", "text": "", "cause": 1},
        {"kind": "ModuleError", "text": "", "place": [1, 2]},
    ],
)
def test_a_made_up_exception_is_a_wire_error(parts: Any) -> None:
    with pytest.raises(WireError):
        decode(b"E\x01" + encode(parts))


@pytest.mark.parametrize("depth", [2_199, 100_000])
def test_depth_is_bounded(depth: int) -> None:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    if depth < 2_200:
        there(deep)
    else:
        with pytest.raises(ConversionError, match="nested deeper"):
            encode(deep)
        with pytest.raises(WireError, match="deeply"):
            decode(b"l\x01" * depth + b"N")


def tower(levels: int, outside: bytes) -> bytes:
    """A tuple of two times the same tuple of two times the same, and so on, in a container."""
    numbers = [bytes([number & 0x7F | 0x80, number >> 7]) for number in range(levels, 1, -1)]
    return outside + b"t\x02" * levels + b"NN" + b"".join(b"r" + number for number in numbers)


@pytest.mark.parametrize(("before", "after"), [(b"S\x01", b""), (b"Z\x01", b""), (b"m\x01", b"N")])
def test_keys_that_are_shared_without_end_are_a_wire_error(before: bytes, after: bytes) -> None:
    """Two hundred bytes, and Python would hash for as long as the sun shines."""
    (small, _) = decode(tower(4, before) + after)
    assert len(small) == 1
    with pytest.raises(WireError, match="too much work"):
        decode(tower(60, before) + after)


def test_keys_that_share_a_hash_are_a_wire_error() -> None:
    same = {index * (2**61 - 1) for index in range(50)}
    assert there(same) == same
    many = [index * (2**61 - 1) for index in range(20_000)]
    wire = encode([[number] for number in many])
    members = b"".join(encode(number) for number in many)
    assert len(decode(wire)[0]) == 20_000
    with pytest.raises(WireError, match="told apart"):
        decode(b"S" + b"\xa0\x9c\x01" + members)


def test_what_is_refused_is_named_by_its_path() -> None:
    with pytest.raises(ConversionError, match=r"^\$\[1\]\.users\[0\]: builtins\.object has no"):
        encode([1, {"users": [object()]}])


def test_a_reference_is_nothing_where_none_can_be() -> None:
    class Knowing(Plain):
        def refer(self, value: Any) -> Ref | None:
            return Ref(5, 7, 0, "f") if value is print else None

    with pytest.raises(WireError):
        decode(encode(print, Knowing()))


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 2**64 - 1), st.binary(max_size=50))), st.data())
def test_messages_arrive_however_they_are_cut(messages: list[tuple[Kind, int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(frame(*message) for message in messages)
    splitter = Splitter(1000, range(256))
    found = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:cut])
        stream = stream[cut:]
    assert [(kind, number, bytes(payload)) for kind, number, payload in found] == messages


@pytest.mark.parametrize(
    "header", [HEADER.pack(1001, Kind.RESULT, 1), HEADER.pack(1, 99, 1), HEADER.pack(1, Kind.REQUEST, 1)]
)
def test_a_header_that_cannot_be_is_a_wire_error(header: bytes) -> None:
    with pytest.raises(WireError):
        list(Splitter(1000, TO_HOST).feed(header))
    assert not set(TO_HOST) & set(TO_CHILD)


def test_a_date_is_cut_to_microseconds() -> None:
    moment = datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
    assert there(moment) == moment
