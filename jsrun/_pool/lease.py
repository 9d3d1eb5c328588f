"""Borrowing a runtime from a pool: the context manager, and the two ways to wait, as a task or as a blocked thread."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from .._runtime import Runtime
from ..errors import DeadlockError
from .books import Member, Waiter
from .workshop import Workshop, run_on


class _LoopWaiter(Waiter):
    """A task of any event loop."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> bool:
        return run_on(self.loop, self._resolve)

    def _resolve(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class _ThreadWaiter(Waiter):
    """A blocked thread."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        super().__init__()
        self._event = threading.Event()

    def wake(self) -> bool:
        self._event.set()
        return True

    def wait(self, seconds: float | None) -> bool:
        """Block until woken; return whether that was in time."""
        return self._event.wait(None if seconds is None else min(seconds, threading.TIMEOUT_MAX))


class Lease:
    """One use of one runtime of a pool: enter it with ``with`` or ``async with``, once."""

    __slots__ = ("_entered", "_member", "_seconds", "_workshop")

    def __init__(self, workshop: Workshop, seconds: float | None) -> None:
        self._workshop = workshop
        self._seconds = seconds
        self._entered = False
        self._member: Member | None = None

    def __enter__(self) -> Runtime:
        self._begin()
        waiter = _ThreadWaiter()
        self._workshop.ask(waiter)
        if not waiter.is_answered():
            try:
                self._refuse_to_block()
                if not waiter.wait(self._seconds):
                    self._expire(waiter)
            except BaseException:
                self._workshop.withdraw(waiter)
                raise
        return self._take(waiter)

    async def __aenter__(self) -> Runtime:
        self._begin()
        waiter = _LoopWaiter()
        self._workshop.ask(waiter)
        if not waiter.is_answered():
            alarm = None
            if self._seconds is not None:
                alarm = waiter.loop.call_later(self._seconds, self._expire, waiter)
            try:
                await waiter.future
            except GeneratorExit:
                self._workshop.later(self._workshop.withdraw, waiter)
                raise
            except BaseException:
                self._workshop.withdraw(waiter)
                raise
            finally:
                if alarm is not None:
                    alarm.cancel()
        return self._take(waiter)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        member, self._member = self._member, None
        if member is None:
            return
        if kind is GeneratorExit:
            self._workshop.later(self._workshop.give_back, member)
        else:
            self._workshop.give_back(member)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Nothing is awaited: a cancellation cannot come between.
        self.__exit__(kind, error, traceback)

    def _begin(self) -> None:
        if self._entered:
            raise RuntimeError("this was entered before; call pool.runtime() for each use")
        self._entered = True

    def _refuse_to_block(self) -> None:
        if self._workshop.is_here():
            raise DeadlockError(
                "blocking here would stop the event loop that makes this pool's runtimes; "
                "use `async with pool.runtime()`, or open the pool with a plain `with`"
            )

    def _expire(self, waiter: Waiter) -> None:
        if self._seconds is not None:
            self._workshop.expire(waiter, self._seconds)

    def _take(self, waiter: Waiter) -> Runtime:
        error, waiter.error = waiter.error, None
        if error is not None:
            try:
                raise error
            finally:
                # Its traceback holds this frame.
                del error
        assert waiter.member is not None  # noqa: S101
        self._member = waiter.member
        return self._member.runtime
