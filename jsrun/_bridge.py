"""One bridge per event loop: registers its descriptor with the loop. No other file touches the loop's reader API."""

from __future__ import annotations

import asyncio
import contextvars
import os
import weakref
from typing import Protocol

from . import _portal
from ._jsrun import LoopBridge

_bridges: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopBridge] = weakref.WeakKeyDictionary()


class Guest(Protocol):
    """What has tasks on a loop."""

    def lost(self) -> None:
        """The loop was closed: they never go on."""


_guests: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakSet[Guest]] = weakref.WeakKeyDictionary()


def lodge(loop: asyncio.AbstractEventLoop, guest: Guest) -> None:
    """Tell ``guest`` when ``loop``, which has a bridge, is closed."""
    _guests[loop].add(guest)


def current() -> LoopBridge:
    """Return the running loop's bridge, making it on first use.

    Raises:
        RuntimeError: no event loop runs on this thread.
    """
    loop = asyncio.get_running_loop()
    bridge = _bridges.get(loop)
    return bridge if bridge is not None else _connect(loop)


class _Reader:
    """What the loop calls when the descriptor is readable. A closing loop drops it: then nothing waits any more."""

    __slots__ = ("_bridge", "_guests")

    def __init__(self, bridge: LoopBridge, guests: weakref.WeakSet[Guest]) -> None:
        self._bridge = bridge
        self._guests = guests

    def __call__(self) -> None:
        self._bridge.drain()

    def __del__(self) -> None:
        self._bridge.abandon()
        for guest in self._guests:
            guest.lost()


def _connect(loop: asyncio.AbstractEventLoop) -> LoopBridge:
    for old, bridge in list(_bridges.items()):
        if old.is_closed():
            bridge.abandon()
            del _bridges[old]
    bridge = LoopBridge(loop)
    guests = _guests[loop] = weakref.WeakSet()
    # The loop keeps the context it is given for ever: an empty one, not the first caller's.
    empty = contextvars.Context()
    try:
        empty.run(loop.add_reader, bridge.fileno(), _Reader(bridge, guests))
    except NotImplementedError:
        empty.run(_watch_from_thread, loop, bridge)
    _bridges[loop] = bridge
    return bridge


def _watch_from_thread(loop: asyncio.AbstractEventLoop, bridge: LoopBridge) -> None:
    """For loops without readers: a selector thread wakes the loop, once for everything that has arrived."""
    import select
    import threading

    handled = threading.Event()

    def drain() -> None:
        bridge.drain()
        handled.set()

    def watch() -> None:
        while not loop.is_closed():
            ready, _, _ = select.select([bridge.fileno()], [], [], 1.0)
            if ready:
                handled.clear()
                try:
                    _portal.call_on(loop, drain)
                except RuntimeError:
                    return
                handled.wait()

    threading.Thread(target=watch, name="jsrun-selector", daemon=True).start()


def _forget_after_fork() -> None:
    _bridges.clear()
    _guests.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
