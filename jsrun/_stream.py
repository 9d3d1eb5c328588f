"""Streams of JavaScript's in Python: `JsStream` to read, `JsWritable` to write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Final

from ._config import Timeout
from ._jsrun import StreamHandle
from .errors import ConversionError, RuntimeClosed, RuntimeTerminated, StreamEnded, StreamError

_NOTHING: Final = object()
_END: Final = object()


class JsStream:
    """A JavaScript `ReadableStream` or async iterable, read from Python.

    Nothing is produced before the first read; from then on JavaScript is at most
    `RuntimeConfig.stream_high_water_mark` chunks ahead. A loop that is left early, and a stream that was read and is
    dropped, cancel the JavaScript stream; one that was never read stays as it is. Passed to its own runtime it is the
    same JavaScript object again.

    One reader at a time: a second read meanwhile raises `StreamError`. Cancelling a read loses no chunk.

    Example:
        >>> import asyncio, jsrun
        >>> async def main():
        ...     async with jsrun.Runtime.create() as rt:
        ...         numbers = await rt.eval_async("(async function* () { yield 1; yield 2 })()")
        ...         return [n async for n in numbers]
        >>> asyncio.run(main())
        [1, 2]
    """

    __slots__ = ("__weakref__", "_error", "_finished", "_handle", "_started")

    def __init__(self, handle: StreamHandle) -> None:
        self._handle = handle
        self._started = False
        self._finished = False
        self._error: BaseException | None = None

    # ---- reading -------------------------------------------------------------------------------------------------

    async def read(self, *, timeout: Timeout = None) -> Any:
        """Return the next chunk.

        Args:
            timeout: seconds (int, float) or a timedelta to wait for it; the runtime's default when ``None``.

        Raises:
            StreamEnded: there is none; also an `EOFError`.
            StreamError: another task is reading.
            JavaScriptError: the stream failed; again at every later read.
            ConversionError: the chunk has no Python form; the stream is cancelled.
            JavaScriptTimeout: the deadline passed; the chunk is not lost.
            RuntimeClosed, RuntimeTerminated, DeadlockError: see `jsrun.errors`.
        """
        chunk = await self._next(timeout)
        if chunk is _END:
            raise StreamEnded("the stream has ended")
        return chunk

    def read_blocking(self, *, timeout: Timeout = None) -> Any:
        """Return the next chunk, blocking. Otherwise like `read`."""
        chunk = self._next_blocking(timeout)
        if chunk is _END:
            raise StreamEnded("the stream has ended")
        return chunk

    async def _next(self, timeout: Timeout = None) -> Any:
        chunk = self._take()
        if chunk is not _NOTHING:
            return chunk
        self._handle.reading = True
        try:
            while chunk is _NOTHING:
                await self._handle.wait(timeout, False)
                chunk = self._arrived()
        finally:
            self._handle.reading = False
        return chunk

    def _next_blocking(self, timeout: Timeout = None) -> Any:
        chunk = self._take()
        if chunk is not _NOTHING:
            return chunk
        self._handle.reading = True
        try:
            while chunk is _NOTHING:
                self._handle.wait(timeout, True)
                chunk = self._arrived()
        finally:
            self._handle.reading = False
        return chunk

    def _take(self) -> Any:
        """Return what is there at once."""
        if self._handle.reading:
            raise StreamError("another task or thread is reading this stream; read it from one at a time")
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._finished:
            return _END
        self._started = True
        return self._arrived()

    def _arrived(self) -> Any:
        """Take from the handle. The end and an error are told once there, so they are kept here."""
        try:
            chunk = self._handle.take(_NOTHING, _END)
        except BaseException as error:
            self._fail(error)
            raise
        if chunk is _END:
            self._finished = True
        return chunk

    def _fail(self, error: BaseException) -> None:
        """Take notice of an error in place of a chunk. Also called by `NextChunk`."""
        self._finished = True
        if isinstance(error, Exception):
            self._error = error
        # Where the chunk is at fault, and not the stream, that one goes on.
        self._handle.leave()

    def __aiter__(self) -> AsyncIterator[Any]:
        return _Chunks(self)

    async def __anext__(self) -> Any:
        chunk = await self._next()
        if chunk is _END:
            raise StopAsyncIteration
        return chunk

    def __iter__(self) -> Iterator[Any]:
        return _BlockingChunks(self)

    # ---- ending --------------------------------------------------------------------------------------------------

    async def aclose(self, reason: Any = None, *, timeout: Timeout = None) -> None:
        """Cancel the stream, and wait until JavaScript has taken notice. Idempotent.

        Args:
            reason: what JavaScript's ``cancel`` gets; a str becomes the message of an ``AbortError``.
            timeout: seconds (int, float) or a timedelta.

        Raises:
            JavaScriptError: the stream's own ``cancel`` threw.
            JavaScriptTimeout: it took longer; the stream is cancelled all the same.
            ConversionError: the reason has no JavaScript form; the stream stays as it is.
        """
        if not self._finished:
            try:
                await self._cancel(reason, timeout, False)
            except (RuntimeClosed, RuntimeTerminated):
                pass
            except asyncio.CancelledError:
                # Perhaps JavaScript was not told yet.
                self._handle.leave()
                raise

    def close(self, reason: Any = None, *, timeout: Timeout = None) -> None:
        """Cancel the stream, blocking. Otherwise like `aclose`."""
        if not self._finished:
            with contextlib.suppress(RuntimeClosed, RuntimeTerminated):
                self._cancel(reason, timeout, True)

    def _cancel(self, reason: Any, timeout: Timeout, blocking: bool) -> Any:
        self._finished = True
        try:
            return self._handle.tell("cancel", _reason(reason), timeout, blocking)
        except (ConversionError, TypeError, ValueError):
            # Nothing was told.
            self._finished = False
            raise

    def _abandon(self) -> None:
        """Cancel without waiting: who read the stream is gone, unless somebody else reads it."""
        if self._started and not self._finished and not self._handle.reading:
            self._finished = True
            self._handle.leave()

    async def __aenter__(self) -> JsStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> JsStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "ended" if self._finished else "being read" if self._started else "unread"
        return f"<JsStream {state}>"


class _Loop:
    """One loop over a stream. Dropped before the end, it cancels the stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: JsStream) -> None:
        self._stream = stream

    def __del__(self) -> None:
        self._stream._abandon()


class _Chunks(_Loop):
    """One ``async for``."""

    __slots__ = ()

    def __aiter__(self) -> _Chunks:
        return self

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        # What is awaited does not hold this object, so neither does the traceback of an error that ends the loop.
        return self._stream._handle.next(self._stream)

    async def aclose(self) -> None:
        """Cancel the stream, as leaving a generator early would."""
        await self._stream.aclose()


class _BlockingChunks(_Loop):
    """One ``for``."""

    __slots__ = ()

    def __iter__(self) -> _BlockingChunks:
        return self

    def __next__(self) -> Any:
        chunk = self._stream._next_blocking()
        if chunk is _END:
            raise StopIteration
        return chunk


def _reason(reason: Any) -> Any:
    return "the host stopped reading the stream" if reason is None else reason


class JsWritable:
    """A JavaScript `WritableStream`, written to from Python.

    Example:
        >>> import asyncio, jsrun
        >>> async def main():
        ...     async with jsrun.Runtime.create() as rt:
        ...         log = await rt.eval_async("globalThis.seen = []; new WritableStream({write(c) { seen.push(c) }})")
        ...         async with log:
        ...             await log.write("hello")
        ...         return await rt.eval_async("seen")
        >>> asyncio.run(main())
        ['hello']
    """

    __slots__ = ("__weakref__", "_ended", "_handle")

    def __init__(self, handle: StreamHandle) -> None:
        self._handle = handle
        self._ended = False

    async def write(self, chunk: Any, *, timeout: Timeout = None) -> None:
        """Hand a chunk over, and wait until the stream has taken it: a slow stream holds its writer back.

        Args:
            chunk: any value that crosses.
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.

        Raises:
            JavaScriptError: the stream failed, or was closed or locked by somebody else.
            ConversionError: the chunk has no JavaScript form.
        """
        await self._handle.tell("write", chunk, timeout, False)

    def write_blocking(self, chunk: Any, *, timeout: Timeout = None) -> None:
        """Hand a chunk over, blocking. Otherwise like `write`."""
        self._handle.tell("write", chunk, timeout, True)

    async def aclose(self, *, timeout: Timeout = None) -> None:
        """Say that nothing comes any more, and wait until everything was taken. Idempotent."""
        if not self._ended:
            await self._end("close", None, timeout, False)

    def close(self, *, timeout: Timeout = None) -> None:
        """Say that nothing comes any more, blocking. Otherwise like `aclose`."""
        if not self._ended:
            self._end("close", None, timeout, True)

    async def abort(self, reason: Any = None, *, timeout: Timeout = None) -> None:
        """Throw away what was not taken and fail the stream; ``reason`` as for `JsStream.aclose`. Idempotent."""
        if not self._ended:
            await self._end("abort", "the host aborted the stream" if reason is None else reason, timeout, False)

    def _end(self, verb: str, value: Any, timeout: Timeout, blocking: bool) -> Any:
        self._ended = True
        try:
            return self._handle.tell(verb, value, timeout, blocking)
        except (ConversionError, TypeError, ValueError):
            # Nothing was told.
            self._ended = False
            raise

    async def __aenter__(self) -> JsWritable:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.aclose()
        else:
            await self.abort(str(error) or type(error).__name__)

    def __enter__(self) -> JsWritable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif not self._ended:
            self._end("abort", str(error) or type(error).__name__, None, True)

    def __repr__(self) -> str:
        return f"<JsWritable {'closed' if self._ended else 'open'}>"
