"""Host calls from the child: sends them, waits for the answers, and serves what the host asks meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from .. import _portal
from .frames import Kind, frame
from .proxies import ChildBorder, Held, HostException
from .reading import decode
from .writing import encode

#: Number of the operation on whose behalf JavaScript runs.
operation: contextvars.ContextVar[int] = contextvars.ContextVar("jsrun_operation", default=0)

Nested = Callable[[int, Any, bytearray, int], None]


class Calls:
    """The calls of host functions that are under way."""

    def __init__(self, send: Callable[[bytes], None], nested: Nested) -> None:
        self._send = send
        self._nested = nested
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Any]] = {}
        self._awaited: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]]] = {}
        self._dropped: deque[int] = deque()
        self.border = ChildBorder(self)

    # ---- calling -------------------------------------------------------------------------------------------------

    def function(self, held: Held, asynchronous: bool) -> Callable[..., Any]:
        """Return what JavaScript calls for a function of the host's."""

        async def later(*args: Any) -> Any:
            return await self.call_async(held.number, args)

        def now(*args: Any) -> Any:
            return self.call(held.number, args)

        return later if asynchronous else now

    def _say(self, call: int, number: int, asynchronous: bool, args: tuple[Any, ...]) -> None:
        payload = encode([operation.get(), number, int(asynchronous)])
        encode(list(args), self.border, out=payload)
        self.send(Kind.HOST_CALL, call, payload)

    def call(self, number: int, args: tuple[Any, ...]) -> Any:
        """Call a host function, and wait; requests that come from this very call are served meanwhile."""
        call = next(self._numbers)
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting[call] = answers
        try:
            self._say(call, number, False, args)
            while True:
                item = answers.get()
                if isinstance(item, bytearray):
                    return self._read(item)
                self._nested(*item)
        finally:
            del self._waiting[call]

    async def call_async(self, number: int, args: tuple[Any, ...]) -> Any:
        """Call an asynchronous host function."""
        call = next(self._numbers)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._awaited[call] = (loop, future)
        try:
            self._say(call, number, True, args)
            return self._read(await future)
        except asyncio.CancelledError:
            if not future.done() or future.cancelled():
                self.send(Kind.ABANDON, call)
            raise
        finally:
            self._awaited.pop(call, None)

    def _read(self, payload: bytearray) -> Any:
        (returned, value), _ = decode(payload, self.border)
        if returned:
            return value
        raise value

    # ---- the reader's thread -------------------------------------------------------------------------------------

    def answered(self, call: int, payload: bytearray) -> None:
        """Take the answer of a call."""
        waiting = self._waiting.get(call)
        if waiting is not None:
            waiting.put(payload)
            return
        awaited = self._awaited.get(call)
        if awaited is not None:
            loop, future = awaited
            _portal.call_on(loop, _settle, future, payload)

    def take_nested(self, chain: int | None, request: tuple[int, Any, bytearray, int]) -> bool:
        """Hand a request to the call it was made from; false if there is none."""
        waiting = self._waiting.get(chain) if chain is not None else None
        if waiting is None:
            return False
        waiting.put(request)
        return True

    def calling(self) -> bool:
        """Whether JavaScript waits for a host function."""
        return bool(self._waiting)

    # ---- sending -------------------------------------------------------------------------------------------------

    def drop(self, number: int) -> None:
        """Let go of an object of the host's. Called by finalisers: takes no lock."""
        self._dropped.append(number)

    def send(self, kind: Kind, number: int, payload: bytes | bytearray = b"") -> None:
        """Send a message, from any thread, and with it what was let go of."""
        data = frame(kind, number, payload)
        with self._lock:
            self._send(data + self._drops() if self._dropped else data)

    def send_drops(self) -> None:
        """Send what was let go of."""
        if self._dropped:
            with self._lock:
                self._send(self._drops())

    def _drops(self) -> bytes:
        numbers = []
        while self._dropped:
            numbers.append(self._dropped.popleft())
        return frame(Kind.DROP, 0, encode(numbers))


def _settle(future: asyncio.Future[Any], payload: bytearray) -> None:
    if not future.done():
        future.set_result(payload)


__all__ = ["Calls", "HostException", "operation"]
