"""What a run tells the page: events in order, bounded, read by whoever asked for the run."""

from __future__ import annotations

import asyncio
from typing import Any

from jsrun import ConsoleMessage

from .value_tree import shortened

Event = dict[str, Any]

# A run's console messages together, whatever their number.
_CONSOLE_CHARACTERS = 1_000_000
# Events that may wait before whoever can wait does.
_WAITING = 50


class Outbox:
    """Events of one run that wait to be read. The console is bounded; all else that a run tells is bounded by itself.

    Args:
        console_lines: console messages and rejections that are kept; the rest is counted.
    """

    def __init__(self, console_lines: int) -> None:
        self._room = console_lines
        self._characters = _CONSOLE_CHARACTERS
        self._dropped = 0
        self._events: list[Event] = []
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()

    def put(self, kind: str, **fields: Any) -> None:
        """Add an event."""
        self._events.append({"event": kind, **fields})
        self._filled.set()

    def heard(self, message: ConsoleMessage) -> None:
        """Add a console message, if there is room."""
        self._dropped += message.dropped
        text = shortened(message.text)
        self._characters -= len(text)
        if self._characters < 0:
            self._room = 0
        self.bounded("console", level=message.level, text=text)

    def bounded(self, kind: str, **fields: Any) -> None:
        """Add an event that counts as a console message."""
        if self._room == 0:
            self._dropped += 1
            return
        self._room -= 1
        self.put(kind, **fields)

    def end_console(self) -> None:
        """Tell how much of the console is missing."""
        if self._dropped:
            self.put("dropped", count=self._dropped)
            self._dropped = 0

    async def take(self) -> list[Event]:
        """Wait for events, and take them all."""
        await self._filled.wait()
        self._filled.clear()
        events, self._events = self._events, []
        self._taken.set()
        return events

    async def room(self) -> None:
        """Wait while the reader does not keep up."""
        while len(self._events) >= _WAITING:
            self._taken.clear()
            await self._taken.wait()
