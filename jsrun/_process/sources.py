"""Python iterables and writers whose JavaScript stream is in a child: the end that stays here."""

from __future__ import annotations

import asyncio
from typing import Any

from .. import _portal
from .._sink import Sink
from .._source import Pump, PyStreamSource


class SourceEnd:
    """Takes chunks from an iterator when the child asks for them, on the loop where the stream was made."""

    def __init__(self, source: PyStreamSource) -> None:
        pump: Pump | None = source._pump
        source._pump = None
        if pump is None:
            raise ValueError("this stream was handed to JavaScript already, or closed")
        self.loop = pump.loop
        self.context = pump._context
        self._iterator = pump._iterator
        self._pulling: asyncio.Task[Any] | None = None
        self._left = False

    async def call(self, verb: str) -> Any:
        """Do what the child asks: ``pull`` gives a list with the next chunk, empty at the end; ``cancel`` ends."""
        if verb == "cancel":
            await self._close()
            return None
        if self._left:
            return []
        self._pulling = asyncio.current_task()
        try:
            return [await self._iterator.__anext__()]
        except StopAsyncIteration:
            self._left = True
            return []
        finally:
            self._pulling = None

    async def _close(self) -> None:
        if self._left:
            return
        self._left = True
        pulling = self._pulling
        if pulling is not None:
            pulling.cancel()
            await asyncio.wait([pulling])
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()

    def leave(self) -> None:
        """End the iterator without waiting, from any thread."""
        if not self._left and not self.loop.is_closed():
            _portal.call_on(self.loop, self._leave)

    def _leave(self) -> None:
        if not self._left:
            task = self.context.copy().run(self.loop.create_task, self._close())
            _closing.add(task)
            task.add_done_callback(_closing.discard)


# A loop holds its tasks weakly.
_closing: set[asyncio.Task[None]] = set()


class SinkEnd:
    """Writes what the child sends to a Python object, on the loop where the stream was made."""

    def __init__(self, sink: Sink) -> None:
        self.loop = sink._loop
        self._sink = sink

    async def call(self, verb: str, *args: Any) -> Any:
        """Do ``write``, ``close`` or ``abort``."""
        methods: dict[str, Any] = {"write": self._sink._write, "close": self._sink._close, "abort": self._sink._abort}
        return await methods[verb](*args)

    def leave(self) -> None:
        """Nothing is left to do: a writer is closed by whoever made it."""
