"""`Runtime`: one V8 isolate. Awaitable and blocking methods side by side, each one line over the same command."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from . import _log
from ._binding import BindingMethods
from ._config import RuntimeConfig, Timeout, resolve
from ._creation import Creation, native_class
from ._inspector import InspectionMethods
from ._modules import ModuleMethods
from ._source import StreamMethods
from ._state import StateMethods
from ._stats import RuntimeStats, from_native
from .errors import RuntimeClosed

_open: weakref.WeakSet[Runtime] = weakref.WeakSet()


class Runtime(BindingMethods, ModuleMethods, StreamMethods, InspectionMethods, StateMethods):
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
        InspectorError: the inspector cannot listen where its configuration says.
        JavaScriptError: the bootstrap script threw.

    Example:
        >>> from jsrun import Runtime
        >>> with Runtime() as rt:
        ...     rt.eval("[1, 2, 3].map(x => x * 2)")
        [2, 4, 6]
    """

    def __init__(self, config: RuntimeConfig | None = None, **options: Any) -> None:
        self._config = resolve(config, options)
        began = time.perf_counter()
        self._native = native_class(self._config).open(self._config)
        self._opened(began)

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

    def _opened(self, began: float) -> None:
        self._left = False
        self._terminated = False
        self._next_operation = 1
        self._operations: set[str] = set()
        self._next_stream = 1
        _open.add(self)
        _log.created(self, began)

    # ---- evaluation ----------------------------------------------------------------------------------------------

    def eval(
        self, code: str, *, timeout: Timeout = None, cpu_timeout: Timeout = None, filename: str | None = None
    ) -> Any:
        """Evaluate a script, blocking; a promise is driven to its end. Top-level ``await`` is allowed.

        Args:
            code: JavaScript source.
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.
            cpu_timeout: the same for time on the runtime's thread, without what JavaScript waits.
            filename: name in stack traces.

        Returns:
            The completion value, converted as `docs/concepts/values.md` says.

        Raises:
            JavaScriptError: JavaScript threw, or the source has a syntax error.
            JavaScriptTimeout: the deadline passed, or the CPU time is used up; the runtime stays usable.
            ConversionError: the value has no Python form.
            RuntimeClosed, RuntimeTerminated, HeapLimitExceeded, DeadlockError, OperationLost: see `jsrun.errors`.
            KeyboardInterrupt: Ctrl-C, after JavaScript has stopped.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.eval("await Promise.resolve('done')")
            'done'
        """
        return self._native.eval(code, timeout, cpu_timeout, filename)

    def eval_async(
        self, code: str, *, timeout: Timeout = None, cpu_timeout: Timeout = None, filename: str | None = None
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
        return self._native.eval_async(code, timeout, cpu_timeout, filename)

    # ---- life ----------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """Stop everything that runs or waits with `RuntimeTerminated`, from any thread; later calls raise it too.

        Idempotent. `close` still works, and is still needed to free the runtime at once.
        """
        self._terminated = True
        self._native.terminate()
        _log.terminated(self)

    def close(self) -> None:
        """Free the runtime, blocking until its thread has ended. From any thread, idempotent.

        Pending operations end with `RuntimeClosed`. Inside one of the runtime's own host functions it does not wait:
        JavaScript is stopped when the function returns.
        """
        self._leave("close()")
        self._native.close(True)

    async def aclose(self) -> None:
        """Free the runtime without blocking the event loop. Otherwise like `close`."""
        self._leave("aclose()")
        await self._native.aclose()
        # Its thread has ended: what JavaScript held of Python's is freed.
        self._native.close(False)

    def _leave(self, why: str) -> None:
        _open.discard(self)
        if not self._left:
            self._left = True
            _log.closed(self, why)

    def __del__(self) -> None:
        # Not made, or closed: nothing to say. At interpreter exit, nobody is there to say it.
        if not getattr(self, "_left", True) and _log is not None:
            self._left = True
            _log.closed(self, "dropped; it ends when nothing of it is held any more")

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
        return f"<jsrun.Runtime {self._native.id} {self.state}>"


def _close_all() -> None:
    """At interpreter exit: stop what runs, then wait for each thread."""
    runtimes = list(_open)
    for runtime in runtimes:
        runtime._leave("the interpreter exits")
        runtime._native.close(False)
    for runtime in runtimes:
        runtime.close()


def _forget_after_fork() -> None:
    _open.clear()


# Before the interpreter joins non-daemon threads, where it can: one of them may wait for JavaScript that never ends.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
os.register_at_fork(after_in_child=_forget_after_fork)
