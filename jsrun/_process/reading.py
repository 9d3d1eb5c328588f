"""Reads values: bytes to Python objects, without recursion. It trusts nothing: what is wrong is a `WireError`."""

from __future__ import annotations

import datetime
import struct
from typing import Any, Final

from .._convert import typed_array
from .._types import JsMap, JsRegExp, undefined
from ..errors import JavaScriptError
from . import failures
from .hashing import Hashing
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
    WireError,
)

_FORMATS: Final = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "e": 2, "f": 4, "d": 8}


class _Open:
    """A container that is being read."""

    __slots__ = ("items", "number", "stays", "tag", "want")

    def __init__(self, tag: int, want: int, number: int) -> None:
        self.tag = tag
        self.want = want
        self.number = number
        self.items: list[Any] = []
        #: A tuple that is part of itself can only be a list.
        self.stays = False


class _Reader:
    def __init__(self, data: bytes | bytearray, start: int, border: Border) -> None:
        self.data = data
        self.at = start
        self.border = border
        self.hashing = Hashing(len(data) - start)
        self.seen: list[Any] = []
        self.open: list[_Open] = []

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise WireError("it ends too early")
        part = bytes(self.data[self.at : end])
        self.at = end
        return part

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise WireError("it ends too early")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise WireError("a number is too long")

    def text(self) -> str:
        try:
            return self.take(self.varint()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise WireError("a text is no UTF-8") from None

    def read(self) -> Any:
        while True:
            value, whole = self.one()
            while whole:
                if not self.open:
                    return value
                top = self.open[-1]
                top.items.append(value)
                if len(top.items) < top.want:
                    break
                self.open.pop()
                value = self.finish(top)

    def one(self) -> tuple[Any, bool]:
        """Read one value; a container that has members is opened instead."""
        tag = self.byte()
        scalar = _SCALARS.get(tag)
        if scalar is not None:
            return scalar(self), True
        if tag not in _CONTAINERS:
            raise WireError(f"a value of the unknown kind {tag}")
        want = self.varint()
        if tag == ERROR and want != 1:
            raise WireError("an exception has one member")
        if tag in {DICT, MAP}:
            want *= 2
        if want > len(self.data) - self.at:
            raise WireError("a container has more members than bytes")
        if len(self.open) >= DEPTH + 8:
            raise WireError("it is nested too deeply")
        level = _Open(tag, want, len(self.seen))
        self.seen.append(_early(level))
        if want:
            self.open.append(level)
            return None, False
        return self.finish(level), True

    def finish(self, level: _Open) -> Any:
        items, early = level.items, self.seen[level.number]
        value: Any = early
        try:
            if level.tag == TUPLE:
                value = items if level.stays else tuple(items)
                if value is not items:
                    self.hashing.weigh(value)
            elif level.tag == DICT:
                self.hashing.check(items[::2])
                early.update(zip(items[::2], items[1::2], strict=True))
            elif level.tag == MAP:
                early._pairs.extend(zip(items[::2], items[1::2], strict=True))
            elif level.tag == SET:
                self.hashing.check(items)
                early.update(items)
            elif level.tag == FROZEN:
                self.hashing.check(items)
                value = frozenset(items)
            elif level.tag == ERROR:
                value = failures.unpack(early, items[0])
        except (TypeError, ValueError, RecursionError) as error:
            raise WireError(f"a container cannot hold its members: {error}") from None
        self.seen[level.number] = value
        return value

    def again(self) -> Any:
        number = self.varint()
        if number >= len(self.seen):
            raise WireError("a reference to nothing")
        value = self.seen[number]
        if isinstance(value, _Open):
            if value.tag != TUPLE:
                raise WireError("a reference to a value that is not there yet")
            value.stays = True
            value = value.items
        return value

    def view(self) -> Any:
        form = chr(self.byte())
        data = self.take(self.varint())
        if form not in _FORMATS or len(data) % _FORMATS[form]:
            raise WireError("a typed array of no type")
        return self.remember(typed_array(data, form))

    def date(self) -> datetime.datetime:
        (microseconds,) = INT.unpack(self.take(8))
        try:
            return EPOCH + datetime.timedelta(microseconds=microseconds)
        except OverflowError:
            raise WireError("a date outside the years of datetime") from None

    def numbers(self, form: str) -> Any:
        count = self.varint()
        if count > len(self.data):
            raise WireError("it ends too early")
        return self.remember(list(struct.unpack(f"<{count}{form}", self.take(count * 8))))

    def foreign(self) -> Any:
        ref = Ref(self.byte(), self.varint(), self.byte(), self.text())
        return self.remember(self.border.resolve(ref))

    def remember(self, value: Any) -> Any:
        self.seen.append(value)
        return value


def _early(level: _Open) -> Any:
    """Return what references find while a container is being read."""
    if level.tag == LIST:
        return level.items
    if level.tag == DICT:
        return {}
    if level.tag == SET:
        return set()
    if level.tag == MAP:
        return JsMap([])
    if level.tag == ERROR:
        return JavaScriptError()
    return level


_CONTAINERS: Final = {LIST, TUPLE, DICT, SET, FROZEN, MAP, ERROR}
_SCALARS: Final[dict[int, Any]] = {
    NONE: lambda _: None,
    UNDEFINED: lambda _: undefined,
    TRUE: lambda _: True,
    FALSE: lambda _: False,
    SMALL: lambda reader: (reader.byte() ^ 0x80) - 0x80,
    LONG: lambda reader: INT.unpack(reader.take(8))[0],
    BIG: lambda reader: int.from_bytes(reader.take(reader.varint()), "little", signed=True),
    REAL: lambda reader: DOUBLE.unpack(reader.take(8))[0],
    TEXT: _Reader.text,
    BYTES: lambda reader: reader.remember(reader.take(reader.varint())),
    DATE: _Reader.date,
    VIEW: _Reader.view,
    REGEXP: lambda reader: JsRegExp(reader.text(), reader.text()),
    SEEN: _Reader.again,
    FOREIGN: _Reader.foreign,
    INTS: lambda reader: reader.numbers("q"),
    REALS: lambda reader: reader.numbers("d"),
}


def decode(data: bytes | bytearray, border: Border = PLAIN, *, start: int = 0) -> tuple[Any, int]:
    """Read one value at ``start``; return it, and where it ends.

    Raises:
        WireError: it is no value.
    """
    reader = _Reader(data, start, border)
    return reader.read(), reader.at
