"""Writes values: Python objects to bytes, without recursion."""

from __future__ import annotations

import contextlib
import datetime
import struct
from collections.abc import Iterator
from typing import Any, Final

from .._convert import simplify
from .._types import JsRegExp, undefined
from ..errors import ConversionError
from . import failures
from .wire import (
    BIG,
    BYTES,
    DATE,
    DEPTH,
    DICT,
    DOUBLE,
    EPOCH,
    ERROR,
    FALSE,
    FOREIGN,
    FROZEN,
    INT,
    INTS,
    LIST,
    LONG,
    MAP,
    NONE,
    PLAIN,
    REAL,
    REALS,
    REGEXP,
    SEEN,
    SET,
    SMALL,
    TEXT,
    TRUE,
    TUPLE,
    UNDEFINED,
    VIEW,
    Border,
    Ref,
    Refused,
)

_MICROSECOND = datetime.timedelta(microseconds=1)
# V8's tag of a typed array -> struct format.
_OF_TAG: Final = {
    "b": "b", "B": "B", "w": "h", "W": "H", "d": "i", "I": "I", "D": "I", "q": "q", "Q": "Q", "h": "e", "f": "f",
    "F": "d",
}  # fmt: skip
_FLAGS: Final = {1: "g", 2: "i", 4: "m", 8: "y", 16: "u", 32: "s", 64: "", 128: "d", 256: "v"}
_I64: Final = 1 << 63
_PACK_FROM: Final = 16
# Characters of a key that a path shows.
_SHOWN: Final = 80


def _varint(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _text(out: bytearray, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    _varint(out, len(data))
    out += data


class _Level:
    """A container that is being written: what is left of it, and where the writing stands."""

    __slots__ = ("items", "key", "keyed", "step")

    def __init__(self, items: Iterator[Any], keyed: bool) -> None:
        self.items = items
        self.keyed = keyed
        self.step = -1
        self.key: Any = None

    def path(self) -> str:
        if not self.keyed:
            return f"[{self.step}]"
        key = self.key
        if isinstance(key, str):
            shown = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}..."
            return f".{shown}" if key.replace("$", "_").isidentifier() else f'["{shown}"]'
        # Of keys with an inside only the type: their `repr` may be endless.
        shown = f"<{type(key).__name__}>"
        if key is None or type(key) in {int, float, bool}:
            with contextlib.suppress(ValueError):
                shown = repr(key)
        return f"[{shown}]" if len(shown) <= _SHOWN else f"[{shown[:_SHOWN]}...]"


class _Writer:
    def __init__(self, border: Border, out: bytearray, limit: int, depth: int) -> None:
        self.border = border
        self.out = out
        self.limit = limit
        self.depth = depth
        self.seen: dict[int, int] = {}
        self.keep: list[Any] = []
        self.levels: list[_Level] = []

    def write(self, value: Any) -> None:
        """Write a value and all that is in it."""
        try:
            self.one(value)
            levels = self.levels
            while levels:
                level = levels[-1]
                try:
                    value = next(level.items)
                except StopIteration:
                    levels.pop()
                    continue
                level.step += 1
                if level.keyed and not level.step & 1:
                    level.key = value
                self.one(value)
                self.check_size()
        except Refused as refused:
            path = "".join(level.path() for level in self.levels[:64])
            raise ConversionError(f"${path}: {refused}") from refused.__cause__

    def check_size(self) -> None:
        if len(self.out) > self.limit:
            raise Refused("much larger than max_serialization_bytes; raise it in RuntimeConfig if this is expected")

    def one(self, value: Any) -> None:
        out = self.out
        kind = type(value)
        if kind is str:
            out.append(TEXT)
            _text(out, value)
        elif kind is int:
            self.integer(value)
        elif kind is float:
            out.append(REAL)
            out += DOUBLE.pack(value)
        elif value is None:
            out.append(NONE)
        elif kind is bool:
            out.append(TRUE if value else FALSE)
        elif value is undefined:
            out.append(UNDEFINED)
        elif id(value) in self.seen:
            out.append(SEEN)
            _varint(out, self.seen[id(value)])
        elif kind is list or kind is tuple:
            self.sequence(value)
        elif kind is dict:
            self.container(DICT, value, len(value), (part for item in list(value.items()) for part in item), True)
        elif kind is set or kind is frozenset:
            self.container(SET if kind is set else FROZEN, value, len(value), iter(list(value)), False)
        elif kind is bytes or kind is bytearray:
            self.number(value)
            out.append(BYTES)
            _varint(out, len(value))
            out += value
        else:
            self.other(value)

    def integer(self, value: int) -> None:
        out = self.out
        if -128 <= value <= 127:
            out.append(SMALL)
            out.append(value & 0xFF)
        elif -_I64 <= value < _I64:
            out.append(LONG)
            out += INT.pack(value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            out.append(BIG)
            _varint(out, len(data))
            out += data

    def number(self, value: Any) -> None:
        self.seen[id(value)] = len(self.seen)
        self.keep.append(value)

    def container(self, tag: int, value: Any, count: int, items: Iterator[Any], keyed: bool) -> None:
        if len(self.levels) >= self.depth:
            raise Refused("nested deeper than max_serialization_depth; raise it in RuntimeConfig if this is expected")
        self.number(value)
        self.out.append(tag)
        _varint(self.out, count)
        self.levels.append(_Level(items, keyed))

    def sequence(self, value: list[Any] | tuple[Any, ...]) -> None:
        if len(value) >= _PACK_FROM and type(value) is list:
            kinds = set(map(type, value))
            form = "d" if kinds == {float} else "q" if kinds == {int} else ""
            try:
                packed = struct.pack(f"<{len(value)}{form}", *value) if form else b""
            except struct.error:
                packed = b""
            if packed:
                self.number(value)
                self.out.append(REALS if form == "d" else INTS)
                _varint(self.out, len(value))
                self.out += packed
                return
        self.container(LIST if type(value) is list else TUPLE, value, len(value), iter(list(value)), False)

    def reference(self, value: Any, ref: Ref) -> None:
        self.number(value)
        self.out.append(FOREIGN)
        self.out.append(ref.kind)
        _varint(self.out, ref.number)
        self.out.append(ref.flag)
        _text(self.out, ref.text)

    def other(self, value: Any) -> None:
        ref = self.border.refer(value)
        if ref is not None:
            self.reference(value, ref)
            return
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            self.out.append(DATE)
            self.out += INT.pack((value - EPOCH) // _MICROSECOND)
            return
        if type(value) is JsRegExp:
            self.regexp(value.source, value.flags)
            return
        try:
            kind, payload = simplify(value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:
            raise Refused(f"converting it raised {type(error)}") from error
        out = self.out
        if kind == "value":
            self.keep.append(payload)
            self.one(payload)
        elif kind == "refused":
            raise Refused(payload)
        elif kind == "map":
            self.container(MAP, value, len(payload), (part for pair in payload for part in pair), True)
        elif kind == "date":
            out.append(DATE)
            out += INT.pack(int(payload) * 1000)
        elif kind == "regexp":
            source, bits = payload
            self.regexp(source, "".join(flag for bit, flag in _FLAGS.items() if bits & bit))
        elif kind == "typed":
            tag, data = payload
            self.number(value)
            form = _OF_TAG[tag]
            out.append(VIEW)
            out += form.encode()
            _varint(out, len(data))
            out += data
        else:
            self.exported(value, kind, payload)

    def exported(self, value: Any, kind: str, payload: Any) -> None:
        ref = self.border.export(kind, payload)
        if ref is not None:
            self.reference(value, ref)
            return
        self.container(ERROR, value, 1, iter((failures.pack(payload),)), False)

    def regexp(self, source: str, flags: str) -> None:
        self.out.append(REGEXP)
        _text(self.out, source)
        _text(self.out, flags)


def encode(
    value: Any, border: Border = PLAIN, *, out: bytearray | None = None, limit: int = 1 << 62, depth: int = DEPTH
) -> bytearray:
    """Append ``value`` to ``out`` (a new one when ``None``) and return it.

    Raises:
        ConversionError: something in it has no form on the other side.
    """
    out = bytearray() if out is None else out
    _Writer(border, out, limit, depth).write(value)
    return out
