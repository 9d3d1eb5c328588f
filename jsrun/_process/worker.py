"""The child process: reads what the host asks, and ends when the host does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from typing import Any

from .. import _portal
from . import confinement
from .frames import LARGEST, TO_CHILD, Kind, Splitter
from .reading import decode
from .serving import Interrupted, Serving


class Reader:
    """The thread that reads the socket, so that answers arrive also while JavaScript waits for one."""

    def __init__(self, host: socket.socket, loop: asyncio.AbstractEventLoop, serving: Serving) -> None:
        self._host = host
        self._loop = loop
        self._serving = serving
        self.interrupted = 0

    def run(self) -> None:
        """Read until the host is gone."""
        splitter = Splitter(LARGEST, TO_CHILD)
        try:
            while data := self._host.recv(1 << 18):
                for kind, number, payload in splitter.feed(data):
                    self._take(kind, number, payload)
        except ConnectionResetError:
            pass
        finally:
            os._exit(0)

    def _take(self, kind: Kind, number: int, payload: bytearray) -> None:
        serving = self._serving
        if kind is Kind.ANSWER:
            serving.calls.answered(number, payload)
        elif kind is Kind.REQUEST:
            request, at = decode(payload)
            if request[0] == "stats":
                serving.stats(number)
            elif not serving.calls.take_nested(request[2], (number, request, payload, at)):
                self._soon(serving.serve, number, request, payload, at)
        elif kind is Kind.CANCEL:
            if number in serving.nesting:
                self.interrupted = number
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            self._soon(serving.cancel, number)
        elif kind is Kind.RELEASE:
            self._soon(serving.release, decode(payload)[0])
        elif kind is Kind.LEAVE:
            self._soon(serving.leave, number)

    def _soon(self, call: Any, *args: Any) -> None:
        _portal.call_on(self._loop, call, *args)

    def interrupt(self, *_: Any) -> None:
        """Stop the nested operation that was cancelled, if it is the one that runs. A signal handler."""
        nesting = self._serving.nesting
        if nesting and nesting[-1] == self.interrupted:
            self.interrupted = 0
            raise Interrupted


def main(descriptor: int) -> None:
    """Serve the host at the other end of a socket pair."""
    confinement.tie_to_host()
    # Reference cycles across the border are deep; nothing here recurses with what the host sends.
    sys.setrecursionlimit(10_000)
    host = socket.socket(fileno=descriptor)
    loop = asyncio.new_event_loop()
    serving = Serving(host.sendall)
    reader = Reader(host, loop, serving)
    signal.signal(signal.SIGUSR1, reader.interrupt)
    threading.Thread(target=reader.run, name="jsrun-reader", daemon=True).start()
    asyncio.set_event_loop(loop)
    loop.run_forever()
