"""Python types that take more than a type check to convert: the native walkers ask here."""

from __future__ import annotations

import array
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import pathlib
import re
import uuid
from typing import Any

from ._buffers import SharedBuffer, typed
from ._jsrun import JsFunction, JsPromise, StreamHandle
from ._sink import Sink
from ._source import PyStreamSource
from ._stream import JsStream, JsWritable
from ._types import JsMap, JsRegExp, JsUndefined

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MILLISECOND = datetime.timedelta(milliseconds=1)

# struct format -> V8's tag of the typed array with that item type.
_TAGS = {
    "b": "b",
    "B": "B",
    "h": "w",
    "H": "W",
    "i": "d",
    "I": "D",
    "q": "q",
    "Q": "Q",
    "e": "h",
    "f": "f",
    "d": "F",
    "c": "B",
    "?": "B",
}
_BY_SIZE = {("l", 4): "d", ("L", 4): "D", ("l", 8): "q", ("L", 8): "Q", ("n", 8): "q", ("N", 8): "Q"}

# RegExp flags as V8 numbers them.
_FLAG_BITS = {"g": 1, "i": 2, "m": 4, "y": 8, "u": 16, "s": 32, "d": 128, "v": 256}


@dataclasses.dataclass(frozen=True)
class Inline:
    """A callable to be called on the isolate's thread."""

    target: Any
    name: str


@dataclasses.dataclass(frozen=True)
class Function:
    """A callable under another name than its own."""

    target: Any
    name: str


def is_async(function: Any) -> bool:
    """Whether calling ``function`` gives a coroutine."""
    while hasattr(function, "func") and not inspect.isfunction(function) and not inspect.ismethod(function):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - the method itself is needed


def name_of(function: Any) -> str:
    """The JavaScript name of a callable."""
    return str(getattr(function, "__name__", "") or type(function).__name__)


def simplify(value: Any) -> tuple[str, Any]:  # noqa: PLR0911, PLR0912 - one branch per documented type
    """Say what ``value`` becomes in JavaScript: a kind, and what the native walker needs for it."""
    if isinstance(value, enum.Enum):
        return "value", value.value
    if isinstance(value, bool):
        return "value", bool(value)
    if isinstance(value, int):
        return "value", int.__int__(value)
    if isinstance(value, float):
        return "value", float.__float__(value)
    if isinstance(value, str):
        return "value", str.__str__(value)
    if isinstance(value, JsUndefined):
        return "refused", "a copy of undefined"
    if isinstance(value, (datetime.datetime, datetime.date)):
        return "date", datetime_to_ms(value)
    if isinstance(value, (uuid.UUID, decimal.Decimal, pathlib.PurePath)):
        return "value", str(value)
    if isinstance(value, BaseException):
        return "error", value
    if isinstance(value, Inline):
        return "inline", (value.target, value.name)
    if isinstance(value, Function):
        return "function", (value.target, is_async(value.target), value.name)
    if isinstance(value, JsMap):
        return "map", value.items()
    if isinstance(value, JsRegExp):
        return _regexp(value.source, value.flags)
    if isinstance(value, re.Pattern):
        return _regexp(*regexp_to_js(value))
    if isinstance(value, (collections.abc.Set, set, frozenset)):
        return "value", frozenset(value)
    if isinstance(value, (list, tuple)):
        return "value", list(value)
    if isinstance(value, collections.abc.Mapping):
        return "value", dict(value)
    if isinstance(value, (array.array, memoryview, bytes, bytearray)) or hasattr(value, "__array_interface__"):
        return _typed(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "value", {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, SharedBuffer):
        return "memory", value.parts()
    if isinstance(value, (JsStream, JsWritable)):
        if isinstance(value._handle, StreamHandle):
            return "handle", value._handle
        # Its JavaScript is in a child process.
        return ("stream", PyStreamSource(value)) if isinstance(value, JsStream) else ("sink", Sink(value))
    if isinstance(value, PyStreamSource):
        return "stream", value
    if isinstance(value, Sink):
        return "sink", value
    if isinstance(value, (JsFunction, JsPromise)):
        # Its JavaScript is in a child process; the walker knows its own.
        what = "function" if isinstance(value, JsFunction) else "promise"
        return "refused", f"a JavaScript {what} of another runtime cannot be passed to this one"
    if inspect.isawaitable(value):
        return "awaitable", value
    if isinstance(value, collections.abc.AsyncIterable):
        return "stream", PyStreamSource(value)
    if callable(value):
        return "function", (value, is_async(value), name_of(value))
    if _has_buffer(value):
        return _typed(value)
    return "refused", f"{type(value).__module__}.{type(value).__qualname__} has no JavaScript form"


def _has_buffer(value: Any) -> bool:
    try:
        memoryview(value).release()
    except (TypeError, ValueError, BufferError):
        return False
    return True


def _typed(value: Any) -> tuple[str, Any]:
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError) as error:
        return "refused", f"this {type(value).__name__} gives no buffer: {error}"
    if view.ndim == 0:
        return "value", view.tolist()
    if not view.c_contiguous:
        return "refused", "this buffer is not C-contiguous; copy it first"
    form = view.format.lstrip("@=<")
    tag = _TAGS.get(form) or _BY_SIZE.get((form, view.itemsize))
    if tag is None:
        return "refused", f"no typed array has items of format {view.format!r}"
    return "typed", (tag, view.tobytes())


def typed_array(data: bytes, form: str) -> memoryview:
    """A writable memoryview of ``data`` with item format ``form``."""
    view = memoryview(bytearray(data))
    try:
        return typed(view, form)
    except ValueError:
        # Single precision holds every value.
        import struct

        return memoryview(array.array("f", struct.unpack(f"<{len(data) // 2}e", data)))


def datetime_from_ms(milliseconds: float) -> datetime.datetime:
    """A Date as an aware UTC datetime; outside its years a ConversionError."""
    try:
        return _EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        from .errors import ConversionError

        raise ConversionError(f"$: a Date of {milliseconds:.0f} ms is outside the years of datetime") from None


def datetime_to_ms(value: datetime.date) -> float:
    """Milliseconds since the epoch; naive datetimes and dates are taken as UTC."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.timezone.utc)
    elif value.tzinfo is None:
        value = value.replace(tzinfo=datetime.timezone.utc)
    return float((value - _EPOCH) // _MILLISECOND)


def _regexp(source: str, flags: str) -> tuple[str, Any]:
    bits = 0
    for flag in flags:
        if flag not in _FLAG_BITS:
            return "refused", f"RegExp flag {flag!r} does not exist"
        bits |= _FLAG_BITS[flag]
    return "regexp", (source, bits)


def regexp_to_js(pattern: re.Pattern[Any]) -> tuple[str, str]:
    """Source and flags of a Python pattern, where both languages mean the same by it."""
    source = pattern.pattern
    if isinstance(source, bytes):
        raise TypeError("a bytes pattern has no JavaScript form")
    if pattern.flags & (re.VERBOSE | re.ASCII | re.LOCALE):
        raise TypeError("re.VERBOSE, re.ASCII and re.LOCALE have no JavaScript form")
    if re.search(
        r"\\[AZabBGz](?<!\\b)(?<!\\B)|\(\?(?:P[=>]|#|\(|[a-zA-Z]*-?[a-zA-Z]*[:)])(?<!\(\?:)|[*+?}]\+|\{,", source
    ):
        raise TypeError(f"the pattern {source!r} uses syntax that JavaScript does not have")
    source = source.replace("(?P<", "(?<")
    flags = "u"
    for bit, flag in ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s")):
        if pattern.flags & bit:
            flags += flag
    return source, flags
