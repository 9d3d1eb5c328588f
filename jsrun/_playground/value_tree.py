"""Values that came out of JavaScript, as bounded trees of plain data that the page draws."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from jsrun import (
    JavaScriptError,
    JsFunction,
    JsMap,
    JsPromise,
    JsRegExp,
    JsStream,
    JsUndefined,
    JsWritable,
)

# A tree is for looking at: beyond these bounds it says how much there is more.
NODES = 4000
CHILDREN = 200
DEPTH = 20
CHARACTERS = 10_000
ALL_CHARACTERS = 200_000
_DIGITS = 300
_EXACT = (1 << 53) - 1

Node = dict[str, Any]
Entry = tuple[str | Node, Any]


def value_tree(value: Any) -> Node:
    """Return the tree of a value.

    A node has ``kind``, ``type`` (the Python class) and ``text``; one that can be opened also ``size``, ``entries``
    (pairs of a key, which is text or a node, and a node), and ``more``, the entries that are left out.
    """
    return _Tree().node(value, ())


def shortened(text: str) -> str:
    """Return a text that is no longer than the page shows, and says so."""
    if len(text) <= CHARACTERS:
        return text
    return f"{text[:CHARACTERS]}… ({len(text) - CHARACTERS:,} more characters)"


class _Tree:
    """The budget of one tree."""

    def __init__(self) -> None:
        self._left = NODES
        self._characters = ALL_CHARACTERS

    def node(self, value: Any, above: tuple[int, ...]) -> Node:
        """Return a value's node; ``above`` are the values around it."""
        kind, text, size, entries = _describe(value)
        self._left -= 1
        self._characters -= len(text)
        node: Node = {"kind": kind, "type": type(value).__name__, "text": text}
        if size is None:
            return node
        if id(value) in above:
            return {**node, "kind": "circular", "text": "circular"}
        node["size"] = size
        shown: list[list[str | Node]] = []
        if len(above) < DEPTH:
            path = (*above, id(value))
            for key, item in islice(entries, CHILDREN):
                if self._left <= 0 or self._characters <= 0:
                    break
                name = self._name(key) if isinstance(key, str) else self.node(key["value"], path)
                shown.append([name, self.node(item, path)])
        node["entries"] = shown
        node["more"] = size - len(shown)
        return node

    def _name(self, key: str) -> str:
        self._characters -= len(key)
        return shortened(key)


_Description = tuple[str, str, "int | None", Iterable[Entry]]


def _describe(value: Any) -> _Description:
    """Return kind, text, the number of entries (``None``: it is a leaf) and the entries."""
    return next(form for kinds, form in _FORMS if isinstance(value, kinds))(value)


def _leaf(kind: str, text: str) -> _Description:
    return kind, shortened(text), None, ()


def _int(value: int) -> _Description:
    if abs(value) <= _EXACT:
        return _leaf("number", str(value))
    # Decimal digits of a huge number take long.
    text = str(value) if value.bit_length() < _DIGITS * 3 else f"{value:#x}"
    return _leaf("bigint", text)


def _float(value: float) -> _Description:
    if math.isnan(value):
        return _leaf("number", "NaN")
    if math.isinf(value):
        return _leaf("number", "Infinity" if value > 0 else "-Infinity")
    return _leaf("number", "-0" if value == 0 else repr(value))


def _mapping(value: Mapping[Any, Any]) -> _Description:
    if all(isinstance(key, str) for key in value):
        return "object", "Object", len(value), value.items()
    return _pairs(value)


def _pairs(value: Mapping[Any, Any] | JsMap) -> _Description:
    return "map", "Map", len(value), (({"value": key}, item) for key, item in value.items())


def _list(value: list[Any]) -> _Description:
    return "array", "Array", len(value), ((str(index), item) for index, item in enumerate(value))


def _set(value: Iterable[Any]) -> _Description:
    members = list(value)
    if len(members) <= CHILDREN:
        # Python's sets have no order; one that is the same each time is kinder.
        members.sort(key=lambda member: (type(member).__name__, member if isinstance(member, str) else str(member)))
    return "set", "Set", len(members), (("", member) for member in members)


def _bytes(value: bytes) -> _Description:
    shown = value[:32].hex(" ")
    return "bytes", shown + (" …" if len(value) > 32 else ""), len(value), ((str(i), b) for i, b in enumerate(value))


def _memoryview(value: memoryview) -> _Description:
    items = ((str(index), value[index]) for index in range(len(value)))
    return "typed array", f"format {value.format}", len(value), items


def _error(value: JavaScriptError) -> _Description:
    parts: dict[str, Any] = {"name": value.name, "message": value.message, "stack": value.stack}
    if value.cause is not None:
        parts["cause"] = value.cause
    if value.errors:
        parts["errors"] = value.errors
    return "error", shortened(f"{value.name}: {value.message}"), len(parts), parts.items()


# The first kind that fits is the one: `bool` is an `int`.
_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], _Description]], ...] = (
    (type(None), lambda value: _leaf("null", "null")),
    (JsUndefined, lambda value: _leaf("undefined", "undefined")),
    (bool, lambda value: _leaf("boolean", str(value).lower())),
    (str, lambda value: _leaf("string", value)),
    (int, _int),
    (float, _float),
    (Mapping, _mapping),
    (JsMap, _pairs),
    (list, _list),
    ((set, frozenset), _set),
    (bytes, _bytes),
    (memoryview, _memoryview),
    (datetime.datetime, lambda value: _leaf("date", value.isoformat(timespec="milliseconds").replace("+00:00", "Z"))),
    (JsRegExp, lambda value: _leaf("regexp", f"/{value.source}/{value.flags}")),
    (JsFunction, lambda value: _leaf("function", f"function {value.name}" if value.name else "function")),
    (JsPromise, lambda value: _leaf("promise", "Promise")),
    (JsStream, lambda value: _leaf("stream", "readable stream")),
    (JsWritable, lambda value: _leaf("stream", "writable stream")),
    (JavaScriptError, _error),
    (object, lambda value: _leaf("other", str(value))),
)
