"""Python callables and objects as JavaScript globals: a runtime's methods, names, permissions, walking an object."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

from ._config import RuntimeConfig
from ._convert import Function, Inline, is_async, name_of
from ._jsrun import Isolate
from .errors import PermissionDenied

_F = TypeVar("_F", bound=Callable[..., Any])

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


class BindingMethods:
    """The part of `Runtime` that hands Python to JavaScript."""

    _native: Isolate
    _config: RuntimeConfig
    _next_operation: int
    _operations: set[str]

    def bind_function(self, name: str, handler: Callable[..., Any], *, inline: bool = False) -> None:
        """Make ``handler`` a global JavaScript function. Arguments are positional.

        A plain function keeps JavaScript waiting and runs on the thread that waits for JavaScript, in the caller's
        contextvars. An ``async def`` function gives JavaScript a promise at once and runs as a task. With
        ``inline=True`` a plain function runs on the isolate's own thread: fastest, but it meets a foreign thread, has
        no contextvars, and must not call this runtime.

        Raises:
            TypeError: ``name`` is no str, or ``handler`` not callable.
            ValueError: ``name`` is no JavaScript identifier.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.bind_function("add", lambda a, b: a + b)
            ...     rt.eval("add(2, 3)")
            5
        """
        self._native.bind(check_name(name), bound_function(name, handler, inline=inline))

    @overload
    def bind(self, fn: _F, /, name: str | None = None, *, inline: bool = False) -> _F: ...
    @overload
    def bind(self, fn: None = None, /, name: str | None = None, *, inline: bool = False) -> Callable[[_F], _F]: ...
    def bind(
        self, fn: _F | None = None, /, name: str | None = None, *, inline: bool = False
    ) -> _F | Callable[[_F], _F]:
        """Bind a function under its own name, as a call or as a decorator; returns the function.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     @rt.bind
            ...     def shout(text):
            ...         return text.upper()
            ...     rt.eval("shout('hi')")
            'HI'
        """

        def register(function: _F) -> _F:
            chosen = name if name is not None else getattr(function, "__name__", None)
            if not chosen:
                raise ValueError("a name is needed to bind this callable: bind(fn, name=...)")
            self.bind_function(chosen, function, inline=inline)
            return function

        if fn is None:
            return register
        if not callable(fn):
            raise TypeError(f"bind expects a callable, got {type(fn).__name__}")
        return register(fn)

    def bind_object(self, name: str, obj: Mapping[str, Any] | object, *, attributes: bool = False) -> None:
        """Make an object a JavaScript global: nested mappings become objects, callables functions, the rest plain data.

        Args:
            name: the global's name.
            obj: a mapping; with ``attributes=True`` any object, whose public attributes and methods are taken as they
                are now.
            attributes: see ``obj``.

        Raises:
            TypeError: ``obj`` is no mapping, or a key no str.
            ValueError: ``name`` is no JavaScript identifier.
            ConversionError: a member has no JavaScript form.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.bind_object("api", {"version": 2, "math": {"double": lambda x: x * 2}})
            ...     rt.eval("api.math.double(api.version)")
            4
        """
        self._native.bind(check_name(name), bound_object(obj, attributes=attributes))

    def register_op(
        self, name: str, handler: Callable[..., Any], *, mode: str = "sync", permissions: Iterable[str] = ()
    ) -> int:
        """Register a numbered operation, called as ``__host_op_sync__(id, ...)`` or ``__host_op_async__(id, ...)``.

        Args:
            name: unique in this runtime.
            handler: the function.
            mode: ``"sync"`` or ``"async"``.
            permissions: what the runtime must have been granted (`RuntimeConfig.permissions`); else calls fail with
                `PermissionDenied`.

        Returns:
            The operation's number.

        Raises:
            ValueError: the name is taken, or the mode unknown.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     op = rt.register_op("add", lambda a, b: a + b)
            ...     rt.eval(f"__host_op_sync__({op}, 10, 20)")
            30
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, got {type(name).__name__}")
        if not callable(handler):
            raise TypeError(f"handler must be callable, got {type(handler).__name__}")
        if mode not in {"sync", "async"}:
            raise ValueError(f"mode must be 'sync' or 'async', got {mode!r}")
        if mode == "sync" and is_async(handler):
            raise ValueError(f"operation {name!r} has an async handler: pass mode='async'")
        if name in self._operations:
            raise ValueError(f"operation {name!r} is registered already")
        needed = permission_names(permissions)
        operation = self._next_operation
        self._native.register_op(
            operation, name, guarded(name, handler, needed - frozenset(self._config.permissions)), mode == "async"
        )
        self._next_operation += 1
        self._operations.add(name)
        return operation
