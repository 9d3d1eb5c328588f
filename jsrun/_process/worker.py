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
from . import confinement, settings
from .frames import LARGEST, TO_CHILD, Kind, Splitter
from .reading import decode
from .serving import Interrupted, Serving

#: What was read before the reader's thread: what is left in the splitter, and messages.
Begun = tuple[Splitter, list[tuple[Kind, int, bytearray]]]


class Reader:
    """The thread that reads the socket, so that answers arrive also while JavaScript waits for one."""

    def __init__(self, host: socket.socket, loop: asyncio.AbstractEventLoop, serving: Serving, begun: Begun) -> None:
        self._host = host
        self._begun = begun
        self._loop = loop
        self._serving = serving
        self.interrupted = 0

    def run(self) -> None:
        """Read until the host is gone."""
        splitter, messages = self._begun
        code = settings.BROKEN
        try:
            for message in messages:
                self._take(*message)
            while data := self._host.recv(1 << 18):
                for kind, number, payload in splitter.feed(data):
                    self._take(kind, number, payload)
            code = 0
        except ConnectionResetError:
            code = 0
        finally:
            os._exit(code)

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


def _first(host: socket.socket) -> Begun:
    """Read what the host says first."""
    splitter = Splitter(LARGEST, TO_CHILD)
    messages: list[tuple[Kind, int, bytearray]] = []
    while not messages:
        data = host.recv(1 << 18)
        if not data:
            os._exit(0)
        messages.extend(splitter.feed(data))
    return splitter, messages


def _confine(message: tuple[Kind, int, bytearray]) -> OSError | None:
    """Give up what the runtime's configuration does not grant, while this process has one thread."""
    request, _ = decode(message[2])
    parts = request[1]
    try:
        confinement.confine(parts["rights"], listen=parts["inspector"] is not None)
    except OSError as error:
        return error
    return None


def main(descriptor: int) -> None:
    """Serve the host at the other end of a socket pair."""
    confinement.tie_to_host()
    # Reference cycles across the border are deep; nothing here recurses with what the host sends.
    sys.setrecursionlimit(10_000)
    host = socket.socket(fileno=descriptor)
    loop = asyncio.new_event_loop()
    begun = _first(host)
    serving = Serving(host.sendall, _confine(begun[1][0]))
    reader = Reader(host, loop, serving, begun)
    signal.signal(signal.SIGUSR1, reader.interrupt)
    threading.Thread(target=reader.run, name="jsrun-reader", daemon=True).start()
    asyncio.set_event_loop(loop)
    loop.run_forever()
