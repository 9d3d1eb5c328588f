"""Python iterators as JavaScript streams: one task each, on the iterator's own loop, as far as JavaScript asks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterable
from time import monotonic
from typing import Any, Final

from . import _bridge, _portal
from ._host import Answer, Direct
from ._jsrun import Feed, Isolate, LoopBridge
from ._sink import Sink, place
from .errors import ConversionError

_MORE: Final = 0
_DONE: Final = 1
_FAILED: Final = 2
_NOTHING: Final = object()
# Bytes that go out at most, whatever was asked for.
_MOST_BYTES: Final = 1 << 20
# Seconds after which a batch goes out, and the loop has a turn: an iterator that never waits would hold both up.
_LONGEST_RUN: Final = 0.001


class PyStreamSource:
    """A Python iterable on its way to JavaScript, where it is a `ReadableStream`. Pass it as an argument, once."""

    def __init__(self, iterable: object, *, high_water_mark: int | None = None, byte_stream: bool = False) -> None:
        if high_water_mark is None:
            pass
        elif isinstance(high_water_mark, bool) or not isinstance(high_water_mark, int):
            raise TypeError(f"high_water_mark must be an int, got {high_water_mark!r}")
        elif not 1 <= high_water_mark <= 1 << 20:
            raise ValueError(f"high_water_mark must be between 1 and {1 << 20}, got {high_water_mark}")
        self._pump: Pump | None = Pump(_iterator(iterable), *place())
        self._ahead = high_water_mark
        self._bytes = byte_stream

    def attach(self, feed: Feed) -> tuple[list[Direct], LoopBridge, int | None, bool]:
        """Hand the iterator to a JavaScript stream. Called by the native walker."""
        pump, self._pump = self._pump, None
        if pump is None:
            raise ValueError("this stream was handed to JavaScript already, or closed")
        ends = _Ends(pump, feed)
        return [Direct(ends.pull), Direct(ends.cancel)], pump.bridge, self._ahead, self._bytes

    def close(self) -> None:
        """Let go of an iterator that was not handed over."""
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.leave()


def _iterator(iterable: object) -> AsyncIterator[Any]:
    if isinstance(iterable, AsyncIterable):
        return aiter(iterable)
    if isinstance(iterable, Iterable):
        return _each(iterable)
    raise TypeError(f"expected an iterable or an async iterable, got {type(iterable).__name__}")


async def _each(iterable: Iterable[Any]) -> AsyncIterator[Any]:
    iterator = iter(iterable)
    try:
        for item in iterator:
            yield item
    finally:
        # Not of a file, which its owner closes.
        if isinstance(iterator, Generator):
            iterator.close()


class _Ends:
    """What JavaScript holds of a pump. When it lets go of both functions, the pump ends."""

    def __init__(self, pump: Pump, feed: Feed) -> None:
        self._pump = pump
        pump.feed = feed
        _bridge.lodge(pump.loop, pump)
        feed.open()

    def pull(self, answer: Answer, count: int) -> None:
        self._pump.call(answer, self._pump.ask, answer, count)

    def cancel(self, answer: Answer, _reason: Any = None) -> None:
        self._pump.call(answer, self._pump.cancel, answer)

    def __del__(self) -> None:
        self._pump.feed.close()
        self._pump.feed.flush(_DONE)
        self._pump.leave()


def _settle(answer: Answer, task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is None:
        answer.result(None)
    else:
        answer.error(error)


def _wake(idle: asyncio.Future[None]) -> None:
    if not idle.done():
        idle.set_result(None)


class Pump:
    """Drives one iterator in one task, on the loop where the stream was made."""

    feed: Feed

    def __init__(self, iterator: AsyncIterator[Any], loop: asyncio.AbstractEventLoop, bridge: LoopBridge) -> None:
        self.loop = loop
        self.bridge = bridge
        self._iterator = iterator
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[None] | None = None
        # Chunks that JavaScript asked for and did not get.
        self._wanted = 0
        # Bytes that it got since it asked, and of the batch that is next.
        self._sent = self._size = 0
        # Who waits for the next batch.
        self._asked: Answer | None = None
        # The task waits to be asked.
        self._idle: asyncio.Future[None] | None = None
        self._ending: int | None = None
        self._taken = 0
        # When the first chunk of the batch came, and whether that is long ago.
        self._since = 0.0
        self._long = False
        self._begun = False
        self._left = False

    def call(self, answer: Answer, method: Callable[..., None], *args: Any) -> None:
        """Call a method on the pump's loop."""
        if asyncio._get_running_loop() is self.loop:
            method(*args)
            return
        try:
            _portal.call_on(self.loop, method, *args)
        except RuntimeError:
            answer.error(RuntimeError("the event loop of this stream's iterator is closed"))

    def ask(self, answer: Answer, count: int) -> None:
        """Answer with the next batch: at least one chunk, at most ``count``, or the end."""
        self._asked = answer
        if self._ending is not None or self._left:
            self._answer()
            return
        self._wanted = max(1, count - len(self.feed))
        self._sent = 0
        if self._task is None:
            self._start(self._run())
        elif self._idle is not None:
            _wake(self._idle)
        self._send()

    def cancel(self, answer: Answer) -> None:
        """Stop the iterator; answer when its ``finally`` blocks have run."""
        self.feed.close()
        self._leave()
        if self._task is None:
            answer.result(None)
        else:
            self._task.add_done_callback(lambda task: _settle(answer, task))

    def leave(self) -> None:
        """Stop the iterator without waiting, from any thread."""
        if self._ending is not None or self._left:
            return
        # The loop may be closed, and with it the iterator.
        with contextlib.suppress(RuntimeError):
            _portal.call_on(self.loop, self._leave)

    def _leave(self) -> None:
        if self._task is None and not self._left:
            self._left = True
            self._start(self._close_iterator())
        else:
            self._stop()

    def lost(self) -> None:
        """Let go of tasks whose loop was closed: JavaScript hears of it when they are collected."""
        self._task = self._asked = self._idle = None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._context.run(self.loop.create_task, work)
        # A closed loop drops its tasks: JavaScript is told, the log is not.
        self._task._log_destroy_pending = False  # type: ignore[attr-defined]

    def _stop(self) -> None:
        """Stop the task, once: its iterator may need time to end."""
        if self._left:
            return
        self._left = True
        if self._task is None or self._ending is not None:
            return
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        elif self._begun:
            # One that has not begun ends by itself: cancelled, it would not answer who asked.
            self._task.cancel()

    def _send(self) -> None:
        """Answer who asked, if there is something."""
        if len(self.feed) or self._ending is not None:
            self._answer()

    def _answer(self) -> None:
        """Answer who asked, with what there is."""
        if self._asked is not None:
            answer, self._asked = self._asked, None
            self._sent, self._size = self._sent + self._size, 0
            answer.result(self.feed.flush(_MORE if self._ending is None else self._ending))

    async def _run(self) -> None:
        """Take chunks while JavaScript wants them."""
        self._begun = True
        try:
            await self._take_all()
        except GeneratorExit as error:
            # The loop is closed, and nothing can be awaited any more; or else the iterator is odd.
            if not self.loop.is_closed():
                self._fail(error)
                self._send()
            return
        except BaseException as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            if not self._left:
                self._fail(error)
            await self._end()
            # Not what was asked for: the loop is being shut down, the program is to end, or nobody else hears of it.
            if cancelled != self._left or isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return
        await self._end()

    async def _end(self) -> None:
        """Close the iterator, then tell who asked."""
        if self._ending is None:
            self._ending = _DONE
        self.feed.close()
        try:
            await self._close_iterator()
        finally:
            self._send()

    async def _take_all(self) -> None:
        while not self._left:
            try:
                chunk = await (self._iterator.__anext__() if self._wanted > 0 and not self._long else self._pause())
            except StopAsyncIteration:
                self._ending = _DONE
                return
            if chunk is not _NOTHING:
                self._add(chunk)

    async def _pause(self) -> Any:
        """Wait to be asked, or give the loop a turn.

        Whoever cancels the task meanwhile (a timeout around a ``yield``) means the iterator.
        """
        self._send()
        self._idle = self.loop.create_future()
        if self._wanted > 0:
            self.loop.call_soon(_wake, self._idle)
        self._since, self._long = monotonic(), False
        try:
            await self._idle
        except asyncio.CancelledError as error:
            throw = getattr(self._iterator, "athrow", None)
            if throw is None:
                raise
            return await throw(error)
        return _NOTHING

    def _add(self, chunk: Any) -> None:
        """Convert a chunk now: the iterator may change it before it gives the next."""
        first = not len(self.feed)
        self._taken += 1
        try:
            self._size = self.feed.add(chunk)
        except ConversionError as error:
            raise ConversionError(f"chunk {self._taken} of the stream: {error}") from error.__cause__
        self._wanted -= 1
        if first:
            self._since = monotonic()
            # When the iterator waits for something, what there is goes out.
            self.loop.call_soon(self._send)
        if self._sent + self._size >= _MOST_BYTES:
            self._wanted = 0
        self._long = monotonic() - self._since > _LONGEST_RUN

    def _fail(self, error: BaseException) -> None:
        self._ending = _FAILED
        self.feed.add(error)

    async def _close_iterator(self) -> None:
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()


class StreamMethods:
    """The part of `Runtime` that makes streams."""

    _native: Isolate
    _next_stream: int

    async def create_js_stream_from_python(
        self,
        iterable: AsyncIterable[Any] | Iterable[Any],
        *,
        high_water_mark: int | None = None,
        byte_stream: bool = False,
    ) -> int:
        """Make a JavaScript `ReadableStream` of a Python iterable; return the number by which JavaScript fetches it.

        ``__jsrun_get_stream__(number)`` gives the stream, once. JavaScript's reading drives the iterator, which runs
        in one task on the loop where this is called; cancelling the stream closes the iterator, an exception in it
        fails the stream.

        Args:
            iterable: anything for ``async for`` or ``for``. A plain iterator runs on the loop's thread.
            high_water_mark: chunks that may be taken ahead of the reader; `RuntimeConfig.stream_high_water_mark` when
                ``None``.
            byte_stream: whether chunks are bytes and readers may bring their own buffers (``mode: "byob"``).

        Example:
            >>> import asyncio, jsrun
            >>> async def main():
            ...     async with jsrun.Runtime.create() as rt:
            ...         number = await rt.create_js_stream_from_python(range(3))
            ...         return await rt.eval_async(f"Array.fromAsync(__jsrun_get_stream__({number}))")
            >>> asyncio.run(main())
            [0, 1, 2]
        """
        number = self._next_stream
        self._next_stream += 1
        source = PyStreamSource(iterable, high_water_mark=high_water_mark, byte_stream=byte_stream)
        try:
            await self._native.register_stream(number, source)
        finally:
            source.close()
        return number

    def stream_from_async_iterable(
        self,
        iterable: AsyncIterable[Any] | Iterable[Any],
        *,
        high_water_mark: int | None = None,
        byte_stream: bool = False,
    ) -> PyStreamSource:
        """Make a Python iterable a value that JavaScript gets as a `ReadableStream`: an argument, a result, a binding.

        An async iterable that is passed as it is becomes a stream too; this says how. Arguments are those of
        `create_js_stream_from_python`. Without a running loop, the iterator runs on jsrun's private one.
        """
        return PyStreamSource(iterable, high_water_mark=high_water_mark, byte_stream=byte_stream)

    def writable_from_python(self, target: Any) -> Sink:
        """Make a Python object a value that JavaScript gets as a `WritableStream`.

        Args:
            target: has ``write(chunk)``, and if it likes ``drain()``, ``aclose()`` or ``close()``, ``abort(reason)``;
                plain or async. They run on the running loop, else on jsrun's private one; JavaScript waits for each.
        """
        return Sink(target)
