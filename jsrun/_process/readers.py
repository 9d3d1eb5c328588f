"""Streams of a child's JavaScript in Python's hands: what `JsStream` and `JsWritable` stand on there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from .._config import Timeout
from ..errors import JavaScriptTimeout
from .waiting import LoopPort, Request, ThreadPort

if TYPE_CHECKING:
    from .._stream import JsStream
    from .handles import Remote


class _Read(Request):
    """A read. It goes on when nobody waits for it any more, so that a cancelled one loses no chunk."""

    stream: RemoteStream
    arrival: concurrent.futures.Future[None]

    def arrive(self, failed: bool, payload: bytearray) -> None:
        """Keep what came, whatever has become of the thread that asked."""
        self.stream._arrived.append((failed, payload))
        self._over()

    def crash(self, error: BaseException) -> None:
        self.stream._failed = error
        self._over()

    def _over(self) -> None:
        self.stream._read = None
        self.arrival.set_result(None)

    def settle(self, failed: bool, payload: bytearray) -> None:
        """Wake the thread that waits."""
        self.end(None, None)


class RemoteStream:
    """What `JsStream` and `JsWritable` stand on when their JavaScript is in a child."""

    def __init__(self, remote: Remote, readable: bool) -> None:
        self.remote = remote
        # A task or thread waits for the next chunk.
        self.reading = False
        self._lock = threading.Lock()
        self._arrived: deque[tuple[bool, bytearray]] = deque()
        self._chunks: deque[Any] = deque()
        self._failed: BaseException | None = None
        self._ended = not readable
        self._read: _Read | None = None

    # ---- reading -------------------------------------------------------------------------------------------------

    def take(self, nothing: object, end: object) -> Any:
        """Return the next chunk; ``nothing`` while there is none, ``end`` after the last."""
        while self._arrived and not self._chunks:
            failed, payload = self._arrived.popleft()
            batch = self.remote.isolate.read_answer(None, payload, failed)
            chunks, self._ended, self._failed = batch
            self._chunks.extend(chunks)
        if self._chunks:
            return self._chunks.popleft()
        if self._failed is not None:
            raise self._failed
        return end if self._ended else nothing

    def next(self, stream: JsStream) -> Coroutine[Any, Any, Any]:
        """Return what ``async for`` over ``stream``, whose handle this is, awaits."""
        return stream.__anext__()

    def _ask(self, port: LoopPort | ThreadPort) -> _Read:
        """Return the read that is under way, beginning one if there is none."""
        with self._lock:
            read = self._read
            if read is None:
                read = self._read = _Read(self.remote.isolate, "read", port)
                read.stream = self
                read.arrival = concurrent.futures.Future()
                try:
                    self.remote.isolate.begin(read, "read", self.remote.number, None)
                except BaseException:
                    self._read = None
                    raise
            return read

    def wait(self, timeout: Timeout, blocking: bool) -> Any:
        """Wait until `take` finds something: an awaitable, or with ``blocking`` at once."""
        return self._wait_blocking(timeout) if blocking else self._wait(timeout)

    async def _wait(self, timeout: Timeout) -> None:
        isolate = self.remote.isolate
        seconds = isolate.seconds(timeout)
        if self._there():
            return
        arrival = self._ask(isolate.loop_port(asyncio.get_running_loop())).arrival
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(arrival)), seconds)
        except (asyncio.TimeoutError, TimeoutError):
            raise _too_late(seconds) from None

    def _wait_blocking(self, timeout: Timeout) -> None:
        isolate = self.remote.isolate
        seconds = isolate.seconds(timeout)
        if self._there():
            return
        with isolate.blocking() as port:
            read = self._ask(port)
            if read.port is not port:
                try:
                    read.arrival.result(seconds)
                except (concurrent.futures.TimeoutError, TimeoutError):
                    raise _too_late(seconds) from None
                return
            try:
                while not read.arrival.done():
                    if not port.run_one(seconds):
                        raise _too_late(seconds)
            finally:
                # Its host functions run elsewhere from now on.
                read.done = True

    def _there(self) -> bool:
        return bool(self._arrived or self._chunks or self._ended or self._failed)

    # ---- the rest ------------------------------------------------------------------------------------------------

    def tell(self, verb: str, value: object, timeout: Timeout, blocking: bool) -> Any:
        """Do ``cancel``, ``write``, ``close`` or ``abort``: an awaitable, or with ``blocking`` at once."""
        if verb == "cancel":
            self._arrived.clear()
            self._chunks.clear()
        isolate = self.remote.isolate
        ask = isolate.ask if blocking else isolate.ask_async
        return ask(verb, "tell", [self.remote.number, verb], value, timeout)

    def leave(self) -> None:
        """Want no more of it, and wait for nothing."""
        self.remote.isolate.leave(self.remote.number)


def _too_late(seconds: float | None) -> JavaScriptTimeout:
    return JavaScriptTimeout(f"no chunk came within {seconds:g} s")
