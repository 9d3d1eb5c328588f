"""`Runtime`: one V8 isolate. Awaitable and blocking methods side by side, each one line over the same command."""

from __future__ import annotations

import atexit
import datetime
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

from ._binding import bound_function, bound_object, check_name, guarded, permission_names
from ._config import RuntimeConfig, resolve
from ._convert import is_async
from ._creation import Creation
from ._jsrun import Isolate
from ._stats import RuntimeStats, from_native
from .errors import RuntimeClosed
from .modules import JsModule, Loader, Resolver, check_specifier, loading, resolving

_F = TypeVar("_F", bound=Callable[..., Any])
Timeout = float | datetime.timedelta | None

_open: weakref.WeakSet[Runtime] = weakref.WeakSet()


class Runtime:
    """A JavaScript runtime: one V8 isolate on a thread of its own.

    It belongs to no event loop and no thread: any of them may use it, at the same time. Any number of operations is in
    flight at once; none waits for another unless JavaScript says so. Nothing is granted by default: no files, no
    network, no environment.

    Args:
        config: a `RuntimeConfig`; defaults apply when ``None``.
        **options: fields of `RuntimeConfig`, overriding ``config``.

    Raises:
        TypeError, ValueError: an option is wrong.
        OSError: the operating system refused a thread or a descriptor.
        JavaScriptError: the bootstrap script threw.

    Example:
        >>> from jsrun import Runtime
        >>> with Runtime() as rt:
        ...     rt.eval("[1, 2, 3].map(x => x * 2)")
        [2, 4, 6]
    """

    def __init__(self, config: RuntimeConfig | None = None, **options: Any) -> None:
        self._config = resolve(config, options)
        self._native = Isolate.open(self._config)
        self._opened()

    @classmethod
    def create(cls, config: RuntimeConfig | None = None, **options: Any) -> Creation:
        """Make a runtime without blocking the event loop: await the result, or enter it with ``async with``.

        Args and errors are those of the constructor.

        Example:
            >>> import asyncio
            >>> from jsrun import Runtime
            >>> async def main():
            ...     async with Runtime.create(timeout=1.0) as rt:
            ...         return await rt.eval_async("Promise.resolve(42)")
            >>> asyncio.run(main())
            42
        """
        return Creation(cls, resolve(config, options))

    def _opened(self) -> None:
        self._next_operation = 1
        self._operations: set[str] = set()
        _open.add(self)

    # ---- evaluation ----------------------------------------------------------------------------------------------

    def eval(self, code: str, *, timeout: Timeout = None, filename: str | None = None) -> Any:
        """Evaluate a script, blocking; a promise is driven to its end. Top-level ``await`` is allowed.

        Args:
            code: JavaScript source.
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.
            filename: name in stack traces.

        Returns:
            The completion value, converted as `docs/values.md` says.

        Raises:
            JavaScriptError: JavaScript threw, or the source has a syntax error.
            JavaScriptTimeout: the deadline passed; the runtime stays usable.
            ConversionError: the value has no Python form.
            RuntimeClosed, RuntimeTerminated, HeapLimitExceeded, DeadlockError, OperationLost: see `jsrun.errors`.
            KeyboardInterrupt: Ctrl-C, after JavaScript has stopped.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.eval("await Promise.resolve('done')")
            'done'
        """
        return self._native.eval(code, timeout, filename)

    def eval_async(
        self, code: str, *, timeout: Timeout = None, filename: str | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Evaluate a script; await the result. Arguments, value and errors are those of `eval`.

        With a running event loop it starts at once; without one, when first awaited. The object works wherever asyncio
        takes a coroutine or a future. Cancelling the awaiting task stops the JavaScript.

        Example:
            >>> import asyncio
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     asyncio.run(rt.eval_async("1 + 1"))
            2
        """
        return self._native.eval_async(code, timeout, filename)

    # ---- bindings ------------------------------------------------------------------------------------------------

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

    # ---- modules -------------------------------------------------------------------------------------------------

    def add_static_module(self, name: str, source: str) -> None:
        """Make ``source`` the module ``name``, for imports of that name.

        Args:
            name: what import statements say: a bare name, a path or a URL. Relative imports inside are relative to it.
            source: JavaScript, or the text of a JSON or text module.

        Adding a name again replaces it for later imports; who imported it already keeps what they have.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.add_static_module("math", "export const twice = (x) => x * 2")
            ...     rt.eval_module("math").twice(21)
            42
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, got {type(name).__name__}")
        if not isinstance(source, str):
            raise TypeError(f"source must be a str, got {type(source).__name__}")
        if not name or name.startswith(("/", "./", "../")) or name in {".", ".."}:
            raise ValueError(f"a module's name must not be empty or relative, got {name!r}")
        self._native.add_module(name, source)

    def set_module_resolver(self, resolver: Resolver | None) -> None:
        """Set the function that says which module a specifier means; asked first, for every import.

        Args:
            resolver: called with the specifier and the referrer's URL (or a script's name; empty for `eval_module`);
                returns the module's name, or ``None`` where the specifier says it itself. ``None`` takes it away.
        """
        if resolver is not None and not callable(resolver):
            raise TypeError(f"resolver must be callable or None, got {type(resolver).__name__}")
        self._native.set_module_resolver(resolving(resolver) if resolver is not None else None)

    def set_module_loader(self, loader: Loader | None) -> None:
        """Set the function that fetches the source of modules that are not static. Nothing is loadable without it.

        Args:
            loader: called with the module's name; returns `str`, `bytes` or `jsrun.modules.ModuleSource`, or an
                awaitable of one of these. ``None`` takes it away.
        """
        if loader is not None and not callable(loader):
            raise TypeError(f"loader must be callable or None, got {type(loader).__name__}")
        self._native.set_module_loader(loading(loader) if loader is not None else None)

    def eval_module(self, specifier: str, *, timeout: Timeout = None) -> JsModule:
        """Load, link and evaluate a module and what it imports, blocking; return its exports.

        Args:
            specifier: what an import statement would say.
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.

        Raises:
            ModuleError: a module cannot be resolved, loaded or compiled; names specifier and referrer.
            JavaScriptError: a module threw, or an import asks for an export that is not there.
            JavaScriptTimeout, RuntimeClosed and the others of `eval`.
        """
        return JsModule(specifier, self._native.eval_module(check_specifier(specifier), timeout))

    async def eval_module_async(self, specifier: str, *, timeout: Timeout = None) -> JsModule:
        """Load, link and evaluate a module; otherwise like `eval_module`. Other operations go on meanwhile."""
        return JsModule(specifier, await self._native.eval_module_async(check_specifier(specifier), timeout))

    # ---- life ----------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """Stop everything that runs or waits with `RuntimeTerminated`, from any thread; later calls raise it too.

        Idempotent. `close` still works, and is still needed to free the runtime at once.
        """
        self._native.terminate()

    def close(self) -> None:
        """Free the runtime, blocking until its thread has ended. From any thread, idempotent.

        Pending operations end with `RuntimeClosed`. Inside one of the runtime's own host functions it does not wait:
        JavaScript is stopped when the function returns.
        """
        _open.discard(self)
        self._native.close(True)

    async def aclose(self) -> None:
        """Free the runtime without blocking the event loop. Otherwise like `close`."""
        _open.discard(self)
        await self._native.aclose()

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._native.is_closed()

    def get_stats(self) -> RuntimeStats:
        """Return counters and heap figures; never waits for JavaScript.

        Raises:
            RuntimeClosed: the runtime is closed.
        """
        self._check_open()
        return from_native(self._native.stats())

    def _check_open(self) -> None:
        if self.is_closed():
            raise RuntimeClosed("the runtime is closed")

    def __enter__(self) -> Runtime:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Runtime:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed() else "open"
        return f"<jsrun.Runtime {self._native.id} {state}>"


def _close_all() -> None:
    """At interpreter exit: stop what runs, then wait for each thread."""
    runtimes = list(_open)
    for runtime in runtimes:
        runtime._native.close(False)
    for runtime in runtimes:
        runtime.close()


def _forget_after_fork() -> None:
    _open.clear()


# Before the interpreter joins non-daemon threads, where it can: one of them may wait for JavaScript that never ends.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
os.register_at_fork(after_in_child=_forget_after_fork)
