"""Exceptions as plain data, and back: only classes that are listed here, never whatever the other side names."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from .. import errors
from ..errors import JavaScriptError, JsrunError, ModuleError

_KNOWN: Final[dict[str, type[BaseException]]] = {
    kind.__name__: kind
    for kind in (
        *(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, JsrunError)),
        asyncio.CancelledError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    )
}


def pack(error: BaseException) -> dict[str, Any]:
    """Take an exception apart."""
    if isinstance(error, JavaScriptError):
        return {
            "kind": "JavaScriptError",
            "name": error.name,
            "text": error.message,
            "stack": error.stack,
            "frames": error.frames,
            "cause": error.cause,
            "errors": error.errors,
            "value": error.value,
            "source": error.source,
            "raised": bool(getattr(error, "__notes__", None)),
        }
    name = type(error).__name__
    parts: dict[str, Any] = {"kind": name, "text": str(error), "cause": error.__cause__}
    if isinstance(error, ModuleError):
        parts["place"] = [error.specifier, error.referrer]
    elif name not in _KNOWN:
        nearest = next((base.__name__ for base in type(error).__mro__ if base.__name__ in _KNOWN), "JsrunError")
        parts.update(kind=nearest, text=f"{name}: {error}")
    return parts


def unpack(early: JavaScriptError, parts: Any) -> BaseException:
    """Put an exception together; a `JavaScriptError` in ``early``, to which something may refer already.

    Raises:
        TypeError, ValueError: the parts are none of an exception.
    """
    parts = _checked(parts, dict)
    kind, text, cause = parts.get("kind"), _checked(parts.get("text"), str), parts.get("cause")
    if cause is not None:
        _checked(cause, BaseException)
    if kind == "JavaScriptError":
        return _javascript(early, text, cause, parts)
    known = _KNOWN.get(_checked(kind, str))
    if known is None:
        raise ValueError(f"an exception of the unknown class {kind}")
    if known is ModuleError:
        specifier, referrer = _checked(parts.get("place"), list)
        made: BaseException = ModuleError(text, _checked(specifier, str), _checked(referrer, str))
    else:
        made = known(text)
    made.__cause__ = cause
    return made


def _javascript(error: JavaScriptError, text: str, cause: Any, parts: dict[str, Any]) -> JavaScriptError:
    frames = [_frame(frame) for frame in _checked(parts.get("frames"), list)]
    failed = [_checked(inner, JavaScriptError) for inner in _checked(parts.get("errors"), list)]
    name, stack, source = parts.get("name"), parts.get("stack"), parts.get("source")
    for maybe in (name, stack):
        if maybe is not None:
            _checked(maybe, str)
    if source is not None:
        file, line, column, code = _checked(source, tuple)
        source = (_checked(file, str), _checked(line, int), _checked(column, int), _checked(code, str))
    made = JavaScriptError._from_parts(
        raised=bool(parts.get("raised")), name=name, message=text, stack=stack, frames=frames, errors=failed,
        cause=cause, value=parts.get("value"),
    )  # fmt: skip
    error.args = made.args
    error.__dict__.update(made.__dict__)
    error.source = source
    error.__cause__ = cause
    return error


_FRAME: Final = {"function_name": str, "file_name": str, "line_number": int, "column_number": int}


def _frame(frame: Any) -> Any:
    for key, value in _checked(frame, dict).items():
        _checked(value, _FRAME.get(key, type(None)))
    return frame


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
