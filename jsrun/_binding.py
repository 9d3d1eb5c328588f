"""Python callables and objects as JavaScript globals: names, permissions, and walking an object."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._convert import Function, Inline, is_async, name_of
from .errors import PermissionDenied

_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_RESERVED = frozenset(
    word
    for line in (
        "break case catch class const continue debugger default delete do else enum export extends false",
        "finally for function if import in instanceof new null return super switch this throw true try typeof",
        "var void while with yield let static await implements interface package private protected public",
        "undefined NaN Infinity globalThis arguments eval",
    )
    for word in line.split()
)


def check_name(name: object) -> str:
    """Return ``name`` if JavaScript code can use it as an identifier.

    Raises:
        TypeError: it is no str.
        ValueError: it is no identifier, or a reserved word.
    """
    if not isinstance(name, str):
        raise TypeError(f"a JavaScript name must be a str, got {type(name).__name__}")
    if not _NAME.fullmatch(name):
        hint = " (Python allows it, JavaScript does not)" if name.isidentifier() and not keyword.iskeyword(name) else ""
        raise ValueError(f"the name {name!r} is not a JavaScript identifier{hint}")
    if name in _RESERVED:
        raise ValueError(f"the name {name!r} is a reserved word of JavaScript")
    return name


def bound_function(name: str, function: object, *, inline: bool) -> Function | Inline:
    """Describe one host function.

    Raises:
        TypeError: ``function`` is not callable, or inline and async.
    """
    if not callable(function):
        raise TypeError(f"{name!r}: expected a callable, got {type(function).__name__}")
    if not inline:
        return Function(function, name)
    if is_async(function):
        raise TypeError(f"{name!r}: an async function cannot be bound with inline=True")
    return Inline(function, name)


def bound_object(obj: object, *, attributes: bool) -> dict[str, Any]:
    """Describe an object: a mapping of names, or with ``attributes`` the public attributes of anything.

    Raises:
        TypeError: ``obj`` is no mapping and ``attributes`` is off, or a key is no str.
    """
    if isinstance(obj, Mapping):
        return {_checked_key(key): _member(key, value) for key, value in obj.items()}
    if not attributes:
        raise TypeError(
            f"expected a mapping, got {type(obj).__name__}; pass attributes=True to bind an object's public attributes"
        )
    return {name: _member(name, getattr(obj, name)) for name in dir(obj) if not name.startswith("_")}


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"names of bound members must be str, got {key!r}")
    return key


def _member(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_checked_key(key): _member(key, item) for key, item in value.items()}
    if callable(value) and type(value).__name__ not in {"JsFunction", "JsPromise"}:
        return Function(value, name_of(value) if name_of(value) != "<lambda>" else name)
    return value


def permission_names(permissions: Iterable[str]) -> frozenset[str]:
    """Check a list of permission names.

    Raises:
        TypeError: it is one str, or holds something else than str.
    """
    if isinstance(permissions, str):
        raise TypeError(f"permissions must be names in a list, got the str {permissions!r}")
    names = frozenset(permissions)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"permissions must be str, got {name!r}")
    return names


def guarded(name: str, handler: Callable[..., Any], missing: frozenset[str]) -> Callable[..., Any]:
    """Return the handler, or one that refuses because permissions are missing."""
    if not missing:
        return handler
    text = f"operation {name!r} needs {', '.join(sorted(missing))}, which this runtime was not granted"

    def refuse(*_: Any) -> Any:
        raise PermissionDenied(text)

    async def refuse_later(*_: Any) -> Any:
        raise PermissionDenied(text)

    return refuse_later if is_async(handler) else refuse
