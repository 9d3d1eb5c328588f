"""Who waits for a child's answer: an event loop or a blocked thread, and the request it waits for."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from .. import _portal

if TYPE_CHECKING:
    from .isolate import ProcessIsolate
    from .watching import Watched

# Messages that a loop takes before it gets its turn.
_BATCH: Final = 256
#: Seconds that a child may be late with the answer to an operation whose deadline has passed, before it is killed.
GRACE: Final = 1.0

# Seconds of silence after which a thread that blocks its loop asks whether it waits for itself; each look doubles them.
_FIRST_LOOK: Final = 0.25
_LOOKS: Final = 5

Work = tuple[int, Callable[..., None], tuple[Any, ...]]


class LoopPort:
    """Runs what the child sends on one event loop's thread, in batches: one wake-up for everything that is there."""

    def __init__(self, loop: weakref.ref[asyncio.AbstractEventLoop], taken: Callable[[int], None]) -> None:
        self._loop = loop
        self._taken = taken
        self._work: deque[Work] = deque()
        self._scheduled = False
        self._lock = threading.Lock()
        self._blocked: ThreadPort | None = None

    def block(self, port: ThreadPort | None) -> ThreadPort | None:
        """Let a thread that blocks this loop run what comes, and what is there; return who did so before."""
        with self._lock:
            before, self._blocked = self._blocked, port
            while port is not None and self._work:
                size, call, args = self._work.popleft()
                port.post(size, call, *args)
            return before

    def post(self, size: int, call: Callable[..., None], *args: Any) -> bool:
        """Run ``call(*args)`` there; false if the loop is closed. Called by the link's thread, or the loop's own."""
        with self._lock:
            if self._blocked is not None and self._blocked.post(size, call, *args):
                return True
            self._work.append((size, call, args))
        if not self._scheduled:
            self._scheduled = True
            loop = self._loop()
            try:
                if loop is not None:
                    _portal.call_on(loop, self._drain)
                    return True
            except RuntimeError:
                # Closed, like one that is gone.
                pass
            self._scheduled = False
            self._clear()
            return False
        return True

    def _drain(self) -> None:
        # First, so that what is posted from now on schedules again.
        self._scheduled = False
        for _ in range(_BATCH):
            if not self._work:
                return
            size, call, args = self._work.popleft()
            self._taken(size)
            call(*args)
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._drain)

    def _clear(self) -> None:
        while self._work:
            size, _, _ = self._work.popleft()
            self._taken(size)


class ThreadPort:
    """Runs what the child sends on a thread that blocks for it."""

    def __init__(self, taken: Callable[[int], None]) -> None:
        self._taken = taken
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._left = False
        #: The loop that this thread keeps from running.
        self.loop = asyncio._get_running_loop()

    def post(self, size: int, call: Callable[..., None], *args: Any) -> bool:
        """Run ``call(*args)`` there; false if the thread does not wait any more."""
        with self._lock:
            if not self._left:
                self._work.put((size, call, args))
            return not self._left

    def run_one(self, timeout: float | None) -> bool:
        """Wait for one message and run it; false if none came in time."""
        try:
            size, call, args = self._work.get(timeout=timeout)
        except queue.Empty:
            return False
        self._taken(size)
        call(*args)
        return True

    def leave(self, home: Callable[[], LoopPort | ThreadPort]) -> None:
        """Hand what is left to others: this thread does not wait any more."""
        with self._lock:
            self._left = True
        while True:
            try:
                size, call, args = self._work.get_nowait()
            except queue.Empty:
                return
            self._taken(size)
            home().post(0, call, *args)


class Request:
    """One operation that the child has not answered yet."""

    def __init__(self, isolate: ProcessIsolate, what: str, port: LoopPort | ThreadPort) -> None:
        self.isolate = isolate
        self.what = what
        self.port = port
        #: Where it goes on when the child says that it is pending.
        self.later: LoopPort | None = None
        self.number = isolate.next_number()
        self.context = contextvars.copy_context()
        #: Somebody wants to hear of its end.
        self.watched: Watched | None = None
        #: The link's thread has the answer.
        self.arrived = False
        self.pending = False
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.future: asyncio.Future[Any] | None = None
        self.timer: asyncio.TimerHandle | None = None

    # ---- ending --------------------------------------------------------------------------------------------------

    def arrive(self, failed: bool, payload: bytearray) -> None:
        """Take notice, on the link's thread, that the answer is there."""

    def crash(self, error: BaseException) -> None:
        """Take notice, on the link's thread, that there will be none."""

    def settle(self, failed: bool, payload: bytearray) -> None:
        """Read the answer, on the thread that waits for it."""
        try:
            value = self.isolate.read_answer(self, payload, failed)
        except BaseException as error:
            self.end(None, error)
        else:
            self.end(value, None)

    def end(self, value: Any, error: BaseException | None) -> None:
        """End it once; later ends are nothing."""
        if self.done:
            return
        self.done = True
        self.value, self.error = value, error
        if self.timer is not None:
            self.timer.cancel()
        if self.watched is not None:
            self.watched.end(error)
        future, self.future = self.future, None
        if future is None or future.done():
            return
        if error is None:
            future.set_result(value)
        elif isinstance(error, asyncio.CancelledError):
            future.cancel()
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError(f"a host function raised {error!r}"))
        else:
            future.set_exception(error)
            # Nobody has to ask: an operation is dropped without a report.
            future.exception()

    def look(self) -> None:
        """Find out whether this request, which blocks a loop, waits for that loop."""
        from .deadlocks import look

        look(self)

    def tell_pending(self) -> None:
        """The blocked call goes on as an awaitable."""
        self.pending = True

    # ---- waiting -------------------------------------------------------------------------------------------------

    def on_loop(self, loop: asyncio.AbstractEventLoop, timeout: float | None) -> asyncio.Future[Any]:
        """Make the future of this request; cancelling it cancels the operation."""
        future = self.future = loop.create_future()
        future.add_done_callback(self._future_done)
        if timeout is not None and timeout < 1e9:
            self.timer = loop.call_later(timeout + GRACE, self._overdue, loop)
        return future

    def _future_done(self, future: asyncio.Future[Any]) -> None:
        if not self.done and future.cancelled():
            self.future = None
            self.end(None, asyncio.CancelledError())
            self.isolate.cancel(self)

    def _overdue(self, loop: asyncio.AbstractEventLoop) -> None:
        wait = self.isolate.overdue(self)
        if wait:
            self.timer = loop.call_later(wait, self._overdue, loop)

    def block(self, timeout: float | None) -> Any:
        """Wait on this thread, which runs the host functions meanwhile."""
        port = self.port
        assert isinstance(port, ThreadPort)  # noqa: S101 - whoever blocks made one
        patience = None if timeout is None or timeout > 1e9 else timeout + GRACE
        looks = _LOOKS if port.loop is not None else 0
        try:
            while not self.done and not self.pending:
                pause = _FIRST_LOOK * 2.0 ** (_LOOKS - looks)
                if looks and (patience is None or pause < patience):
                    if not port.run_one(pause):
                        looks -= 1
                        patience = None if patience is None else patience - pause
                        self.look()
                elif not port.run_one(patience):
                    patience = self.isolate.overdue(self) or None
        except BaseException as error:
            self.end(None, error)
            self.error = None
            self.isolate.cancel(self)
            raise
        finally:
            if self.watched is not None:
                self.watched.leave()
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None
        return self.value


class Operation(Coroutine[Any, Any, Any]):
    """What the awaitable methods return. With a running loop it has started; without one it starts when awaited."""

    def __init__(self, begin: Callable[[], asyncio.Future[Any]], what: str) -> None:
        self._begin: Callable[[], asyncio.Future[Any]] | None = begin
        self._what = what
        self._future: asyncio.Future[Any] | None = None
        self._steps: Generator[Any, None, Any] | None = None
        self._callbacks: list[tuple[Callable[[Operation], object], Callable[[object], None]]] = []
        if asyncio._get_running_loop() is not None:
            self._start()

    def _start(self) -> asyncio.Future[Any]:
        if self._future is None:
            begin, self._begin = self._begin, None
            if begin is None:
                raise RuntimeError(f"this {self._what} was closed before it began")
            self._future = begin()
        return self._future

    def __await__(self) -> Generator[Any, None, Any]:
        return self._start().__await__()

    def __iter__(self) -> Generator[Any, None, Any]:
        return self.__await__()

    def __next__(self) -> Any:
        return self.send(None)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop on which it waits."""
        return self._start().get_loop()

    def add_done_callback(self, callback: Callable[[Operation], object], *, context: Any = None) -> None:
        """Call ``callback`` with this operation when it is done."""

        def done(_: object) -> None:
            callback(self)

        self._callbacks.append((callback, done))
        self._start().add_done_callback(done, context=context)

    def remove_done_callback(self, callback: Callable[[Operation], object]) -> int:
        """Take a callback away; return how often it was there."""
        future, kept, removed = self._start(), [], 0
        for known, done in self._callbacks:
            if known == callback:
                removed += future.remove_done_callback(done)
            else:
                kept.append((known, done))
        self._callbacks = kept
        return removed

    def cancel(self, msg: object = None) -> bool:
        """Stop it; false if it is done."""
        return self._start().cancel(msg)

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._future is not None and self._future.cancelled()

    def done(self) -> bool:
        """Whether it has ended."""
        return self._future is not None and self._future.done()

    def result(self) -> Any:
        """Return or raise how it ended."""
        return self._start().result()

    def exception(self) -> BaseException | None:
        """Return what it raised."""
        return self._start().exception()

    def _running(self) -> Generator[Any, None, Any]:
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps

    def send(self, value: Any) -> Any:
        """Go on; for tasks."""
        return self._running().send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """Raise inside; for tasks."""
        error = kind if isinstance(kind, BaseException) else value if isinstance(value, BaseException) else kind()
        future = self._future
        if future is not None and not future.done():
            future.cancel()
        if self._steps is None or future is None:
            raise error.with_traceback(traceback)
        return self._steps.throw(error)

    def close(self) -> None:
        """Give up."""
        self._begin = None
        if self._future is not None and not self._future.done() and not self._future.get_loop().is_closed():
            self._future.cancel()
        if self._steps is not None:
            self._steps.close()

    def __del__(self) -> None:
        if self._begin is not None:
            warnings.warn(f"{self._what} was never awaited", RuntimeWarning, stacklevel=2)

    def __repr__(self) -> str:
        state = "done" if self._future is not None and self._future.done() else "pending"
        return f"<jsrun {self._what} in a child process: {state}>"
