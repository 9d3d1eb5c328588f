"""`RuntimePool`: runtimes that are ready before they are needed, for tasks of any loop and for threads."""

from __future__ import annotations

import dataclasses
import datetime
import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .._config import RuntimeConfig, Timeout, check_timeout, resolve
from .._runtime import Runtime
from ..errors import RuntimeClosed
from .books import Books, PoolStats
from .lease import Lease
from .policy import Rules
from .workshop import Recipe, Workshop

_SHORTEST = 0.001


class RuntimePool:
    """Runtimes that are ready before they are needed: each use gets one that nobody used before.

    A runtime that was used is closed, and the next one is made in the background. With ``reuse=True`` it is handed out
    again as it was left: its globals stay, because nothing undoes what JavaScript did but a new runtime. It is
    replaced instead when it was closed or terminated, when an operation on it was stopped (timeout, cancellation, heap
    limit) or is still under way, when `reset` raises, and after `max_uses`.

    Opened with ``async with``, runtimes are made by tasks of that event loop, which close with the pool; opened with
    ``with``, on a thread of the pool's own. Either way tasks of any loop and any threads may use it at the same time.
    Who has waited longest is served first.

    Args:
        size: how many runtimes: a number, or ``(least, most)``. There are never more than ``most``, those that are
            being made or closed among them; ``least`` are kept ready beside those in use, as far as ``most`` allows.
        config: a `RuntimeConfig` for each of them.
        setup: called with each new runtime, before anyone gets it; a function or an async function. Or the bytes of a
            snapshot to start from.
        reuse: hand runtimes out again.
        reset: with ``reuse``, what runs after each use: a script, or a function like `setup`.
        max_uses: how often one runtime is handed out at most. Without ``reuse`` it is once.
        max_idle: seconds (float or timedelta) after which a runtime that is ready beyond ``least`` is closed;
            ``None`` for never.

    Raises:
        TypeError, ValueError: an option is wrong.

    Example:
        >>> import asyncio
        >>> from jsrun import RuntimePool
        >>> async def main():
        ...     async with RuntimePool(size=2) as pool:
        ...         async with pool.runtime() as rt:
        ...             await rt.eval_async("globalThis.mine = 1")
        ...         return await pool.eval_async("typeof mine")
        >>> asyncio.run(main())
        'undefined'
        >>> with RuntimePool(size=2) as pool:
        ...     pool.eval("6 * 7")
        42
    """

    def __init__(  # noqa: PLR0913 - options, all but one by name
        self,
        size: int | tuple[int, int] = 4,
        *,
        config: RuntimeConfig | None = None,
        setup: Callable[[Runtime], object] | bytes | None = None,
        reuse: bool = False,
        reset: str | Callable[[Runtime], object] | None = None,
        max_uses: int | None = None,
        max_idle: float | datetime.timedelta | None = 60.0,
    ) -> None:
        if max_uses is not None:
            _check_count("max_uses", max_uses, 1)
        self._rules = Rules(*_bounds(size), _seconds("max_idle", max_idle), max_uses if reuse else 1)
        self._recipe = _recipe(resolve(config, {}), setup, reset, reuse)
        self._workshop: Workshop | None = None

    def runtime(self, *, timeout: Timeout = None) -> Lease:
        """Borrow a runtime: enter the result with ``async with``, or with ``with``.

        Args:
            timeout: seconds (int, float) or a timedelta to wait for one at most; for ever when ``None``.

        Raises:
            PoolTimeout: none was free in time; on entering.
            RuntimeClosed: the pool is closed, or not open yet.
            DeadlockError: a blocking wait on the thread of the loop that makes the runtimes; on entering.
            BaseException: what `setup` raised when a runtime was to be made for this checkout; on entering.

        Example:
            >>> from jsrun import RuntimePool
            >>> with RuntimePool(size=1) as pool:
            ...     with pool.runtime(timeout=5) as rt:
            ...         rt.eval("1 + 1")
            2
        """
        seconds = None if timeout is None else _seconds("timeout", timeout)
        return Lease(self._opened(), seconds)

    async def eval_async(self, code: str, *, timeout: Timeout = None, filename: str | None = None) -> Any:
        """Evaluate a script on a runtime of the pool, which goes back at once; await the result.

        Functions and promises in the result belong to that runtime, and end with it.

        Args:
            code: JavaScript source.
            timeout: seconds (int, float) or a timedelta for waiting and running together. When ``None`` the wait has
                no end, and the runtime's default holds for running.
            filename: name in stack traces.

        Raises:
            PoolTimeout: no runtime was free in time; nothing ran.
            JavaScriptTimeout: JavaScript did not end in time.
            Exception: whatever `runtime` and `Runtime.eval_async` raise.
        """
        left = _countdown(timeout)
        async with self.runtime(timeout=timeout) as rt:
            return await rt.eval_async(code, timeout=left(), filename=filename)

    def eval(self, code: str, *, timeout: Timeout = None, filename: str | None = None) -> Any:
        """Evaluate a script on a runtime of the pool, blocking. Arguments, value and errors are those of `eval_async`.

        Example:
            >>> from jsrun import RuntimePool
            >>> with RuntimePool(size=1) as pool:
            ...     pool.eval("[1, 2].map(n => n * 2)", timeout=5)
            [2, 4]
        """
        left = _countdown(timeout)
        with self.runtime(timeout=timeout) as rt:
            return rt.eval(code, timeout=left(), filename=filename)

    # ---- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close all runtimes, blocking until their threads have ended. From any thread, idempotent.

        Who waits gets `RuntimeClosed`; so do operations on runtimes that are in use.
        """
        if self._workshop is not None:
            self._workshop.close()

    async def aclose(self) -> None:
        """Close all runtimes without blocking the event loop. Otherwise like `close`."""
        if self._workshop is not None:
            await self._workshop.aclose()

    def is_closed(self) -> bool:
        """Whether the pool was closed."""
        return self._workshop is not None and self._workshop.is_shut()

    def get_stats(self) -> PoolStats:
        """Return counters and the state of the moment; never waits.

        Raises:
            RuntimeClosed: the pool is not open yet.
        """
        return self._opened().stats()

    def _opened(self) -> Workshop:
        if self._workshop is None:
            raise RuntimeClosed("the pool is not open: enter it with `async with` or `with` first")
        return self._workshop

    def _open(self, *, private: bool) -> RuntimePool:
        if self._workshop is not None:
            raise RuntimeError("a pool is opened once; make a new RuntimePool")
        self._workshop = Workshop(Books(self._rules), self._recipe, private=private)
        return self

    def __enter__(self) -> RuntimePool:
        return self._open(private=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> RuntimePool:
        return self._open(private=False)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        size = f"{self._rules.least}..{self._rules.most}"
        if self._workshop is None:
            return f"<jsrun.RuntimePool {size} not open>"
        stats = self._workshop.stats()
        state = "closed" if self.is_closed() else "open"
        return (
            f"<jsrun.RuntimePool {size} {state} idle={stats.idle} lent={stats.lent} coming={stats.coming} "
            f"closing={stats.closing} waiting={stats.waiting}>"
        )


def _recipe(config: RuntimeConfig, setup: object, reset: object, reuse: bool) -> Recipe:
    """Check what runtimes are made with."""
    if not isinstance(reuse, bool):
        raise TypeError(f"reuse must be a bool, got {reuse!r}")
    if isinstance(setup, bytes):
        if config.snapshot is not None:
            raise ValueError("setup is a snapshot, and config has one too; a runtime starts from one")
        config, setup = dataclasses.replace(config, snapshot=setup), None
    if setup is not None and not callable(setup):
        raise TypeError(f"setup must be a function, an async function or the bytes of a snapshot, got {setup!r}")
    if reset is not None and not reuse:
        raise ValueError("reset needs reuse=True: otherwise no runtime is used twice")
    if reset is not None and not isinstance(reset, str) and not callable(reset):
        raise TypeError(f"reset must be a script, a function or an async function, got {reset!r}")
    return Recipe(config, setup, reset)


def _bounds(size: object) -> tuple[int, int]:
    if isinstance(size, tuple):
        if len(size) != 2:
            raise ValueError(f"size must be a number or (least, most), got {size!r}")
        _check_count("size[0]", size[0], 0)
        _check_count("size[1]", size[1], max(1, size[0]))
        return size
    _check_count("size", size, 1)
    assert isinstance(size, int)  # noqa: S101
    return size, size


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def _seconds(name: str, value: Timeout) -> float | None:
    """Check a number of seconds; for ever is ``None``."""
    try:
        check_timeout(value)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("timeout", name, 1)) from None
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else float(value)
    return None if math.isinf(seconds) else seconds


def _countdown(timeout: Timeout) -> Callable[[], float | None]:
    """Start the clock; the result tells what is left of the timeout."""
    seconds = _seconds("timeout", timeout)
    if seconds is None:
        return lambda: None
    end = time.monotonic() + seconds
    return lambda: max(_SHORTEST, end - time.monotonic())
