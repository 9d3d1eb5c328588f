"""Values as JSON: what has no JSON form gets the text form that `docs/guides/command-line.md` tells."""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jsrun import JavaScriptError, JsFunction, JsMap, JsPromise, JsRegExp, JsUndefined

Inner: TypeAlias = Callable[[Any], Any]

_EXACT = (1 << 53) - 1


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Return the JSON document of a value that came out of JavaScript."""
    return json.dumps(json_form(value), ensure_ascii=False, allow_nan=False, indent=indent)


def json_form(value: Any, _above: tuple[int, ...] = ()) -> Any:
    """Return the value with everything in it replaced that JSON does not have."""
    if id(value) in _above:
        return "[Circular]"

    def inner(item: Any) -> Any:
        return json_form(item, (*_above, id(value)))

    return next((form(value, inner) for kinds, form in _FORMS if isinstance(value, kinds)), str(value))


def _pairs(value: Any, inner: Inner) -> list[list[Any]]:
    return [[inner(key), inner(item)] for key, item in value.items()]


def _mapping(value: Mapping[Any, Any], inner: Inner) -> Any:
    if all(isinstance(key, str) for key in value):
        return {key: inner(item) for key, item in value.items()}
    return _pairs(value, inner)


def _float(value: float, _: Inner) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _function(value: JsFunction, _: Inner) -> str:
    return f"[Function: {value.name}]" if value.name else "[Function]"


def error_form(error: BaseException) -> dict[str, Any]:
    """Return an exception as data: type, name, message, stack, frames; and cause, errors and value, if it has them."""
    kind = type(error).__name__
    form: dict[str, Any] = {"type": kind, "name": kind, "message": str(error), "stack": None, "frames": []}
    if isinstance(error, JavaScriptError):
        form |= {"name": error.name, "message": error.message, "stack": error.stack, "frames": error.frames}
        if error.errors:
            form["errors"] = [error_form(one) for one in error.errors]
        if error.name is None:
            form["value"] = json_form(error.value)
    if error.__cause__ is not None:
        form["cause"] = error_form(error.__cause__)
    return form


# The first kind that fits is the one.
_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any, Inner], Any]], ...] = (
    ((type(None), bool, str), lambda value, _: value),
    (int, lambda value, _: value if abs(value) <= _EXACT else str(value)),
    (float, _float),
    (Mapping, _mapping),
    (list, lambda value, inner: [inner(item) for item in value]),
    (JsMap, _pairs),
    # Python's sets have no order; a document that is the same each time is worth more than none.
    ((set, frozenset), lambda value, inner: sorted((inner(item) for item in value), key=json.dumps)),
    (bytes, lambda value, _: base64.b64encode(value).decode("ascii")),
    (memoryview, lambda value, inner: [inner(item) for item in value.tolist()]),
    (datetime.datetime, lambda value, _: value.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
    (JsUndefined, lambda value, _: "undefined"),
    (JsFunction, _function),
    (JsPromise, lambda value, _: "[Promise]"),
    (JsRegExp, lambda value, _: f"/{value.source}/{value.flags}"),
    (JavaScriptError, lambda value, _: error_form(value)),
)
