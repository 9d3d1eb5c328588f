"""Where the child's calls run: ports of event loops and of blocked threads, and the home of what nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Iterator

from .. import _portal
from .link import Link
from .waiting import LoopPort, Request, ThreadPort


class Places:
    """The ports of one child's callers."""

    link: Link

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self._places_lock = threading.Lock()
        self._ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopPort] = weakref.WeakKeyDictionary()
        self._home: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._blocked: list[ThreadPort] = []

    def loop_port(self, loop: asyncio.AbstractEventLoop) -> LoopPort:
        """Return the port of a loop."""
        with self._places_lock:
            port = self._ports.get(loop)
            if port is None:
                port = self._ports[loop] = LoopPort(weakref.ref(loop), self.link.taken)
                for blocked in self._blocked:
                    if blocked.loop is loop:
                        port.block(blocked)
            return port

    @contextlib.contextmanager
    def blocking(self) -> Iterator[ThreadPort]:
        """Block this thread: it runs the host functions that nobody else owns, and those of the loop that it blocks."""
        port = ThreadPort(self.link.taken)
        before = None
        with self._places_lock:
            self._blocked.append(port)
            its = None if port.loop is None else self._ports.get(port.loop)
            if its is not None:
                before = its.block(port)
        try:
            yield port
        finally:
            with self._places_lock:
                self._blocked.remove(port)
                its = None if port.loop is None else self._ports.get(port.loop)
            if its is None:
                port.leave(self.home)
            else:
                its.block(before)
                port.leave(lambda: its)

    def offer_home(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take a loop for what nobody waits for any more, unless there is one."""
        home = self._home() if self._home is not None else None
        if home is None or home.is_closed():
            self._home = weakref.ref(loop)

    def home(self) -> LoopPort | ThreadPort:
        """Return where a call runs whose operation has ended."""
        home = self._home() if self._home is not None else None
        if home is not None and home.is_closed():
            home = None
        for port in reversed(self._blocked):
            if home is None or port.loop is home:
                return port
        if home is None:
            home = _portal.run(asyncio.get_running_loop)
            self.offer_home(home)
        return self.loop_port(home)

    def listener(self) -> LoopPort | ThreadPort:
        """Return where reports go: to who waits, before the answer."""
        for request in list(self.requests.values()):
            return request.port
        return self.home()

    def forget_places(self) -> None:
        """After a fork, in the new process: none of the threads is there."""
        self._places_lock = threading.Lock()
        self._blocked.clear()


def finish(future: asyncio.Future[None]) -> None:
    """End a future that may have been cancelled."""
    if not future.done():
        future.set_result(None)


def finish_on(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    """End a future of another thread's loop."""
    _portal.call_on(loop, finish, future)
