"""One child process and the thread that serves it: starts it, moves bytes both ways, kills it, sees it end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from ..errors import RuntimeCrashed
from .frames import TO_HOST, Kind, Splitter, frame
from .settings import REASONS
from .wire import WireError

_PIECE: Final = 1 << 18
# Bytes of messages that nobody has taken yet; above it the socket is not read.
_MOST_UNREAD: Final = 64 << 20
# Loads this very package, wherever it lives, without any other search path than the standard library's. Of the package
# only what the child needs: neither its `__init__` nor TLS, which are a tenth of the time to start.
_START: Final = (
    "import sys; sys.modules['ssl'] = None; import importlib.util as u; "
    "s = u.spec_from_file_location('jsrun', sys.argv[2] + '/__init__.py', submodule_search_locations=[sys.argv[2]]); "
    "sys.modules['jsrun'] = u.module_from_spec(s); from jsrun._process.worker import main; main(int(sys.argv[1]))"
)


class Receiver(Protocol):
    """Who is told what the child says. Called on the link's thread."""

    def received(self, kind: Kind, number: int, payload: bytearray) -> None:
        """Take one message; raise `WireError` if it cannot be."""

    def ended(self, status: int | None, why: str) -> None:
        """Take notice that the child is gone. ``status`` is that of `subprocess.Popen`, ``why`` what killed it."""


class Link:
    """The child process. Knows its receiver weakly: a runtime that nobody has any more goes, and its child with it."""

    def __init__(self, receiver: Callable[[], Receiver | None], largest: int) -> None:
        self._receiver = receiver
        self._splitter = Splitter(largest, TO_HOST)
        self._lock = threading.Lock()
        self._unsent: deque[memoryview] = deque()
        self._released: deque[int] = deque()
        self._unread = 0
        self._killed = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._socket, self._far = socket.socketpair()
        self._socket.setblocking(False)
        self._awake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._awake, False)
        # Finalisers wake the thread too: they may interrupt anything, so they never wait for a lock.
        self._gate = threading.Lock()
        self._wanted = False
        self.pid = 0
        self.over = threading.Event()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="jsrun-child", daemon=True)

    def start(self) -> None:
        """Start the thread, which starts the child: the kernel kills the child when that thread ends."""
        try:
            self._thread.start()
        except BaseException:
            self._far.close()
            self._close_files()
            raise

    # ---- any thread ----------------------------------------------------------------------------------------------

    def send(self, kind: Kind, number: int, payload: bytes | bytearray = b"") -> None:
        """Send a message. Never blocks: what the socket does not take is sent by the thread."""
        data = memoryview(frame(kind, number, payload))
        with self._lock:
            if not self._open:
                return
            if not self._unsent:
                try:
                    data = data[self._socket.send(data) :]
                except BlockingIOError:
                    pass
                except OSError:
                    return
            if data:
                self._unsent.append(data)
                self._wake()

    def release(self, number: int) -> None:
        """Let go of an object of the child's. May be called by a finaliser: takes no lock."""
        self._released.append(number)
        self._wake()

    def taken(self, size: int) -> None:
        """Take notice that a message was taken out of its queue."""
        with self._lock:
            full = self._unread > _MOST_UNREAD
            self._unread -= size
            if full and self._unread <= _MOST_UNREAD:
                self._wake()

    def kill(self, why: str) -> None:
        """End the child, at once and for sure. The first reason counts."""
        self._killed = self._killed or why
        process = self._process
        # The thread reaps the child, and looks at `_killed` when it has started one.
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        self._wake()

    def wait(self, timeout: float | None) -> bool:
        """Wait until the child has ended and nothing is left of the link."""
        if threading.current_thread() is self._thread:
            return False
        if not self.over.wait(timeout):
            return False
        self._thread.join()
        return True

    def forget(self) -> None:
        """After a fork, in the new process: the child is not this process's."""
        self._lock, self._gate = threading.Lock(), threading.Lock()
        if self._open:
            self._open = False
            self._process = None
            self._far.close()
            self._close_files()

    def _wake(self) -> None:
        self._wanted = True
        # Whoever has the gate looks again after leaving it, so that no wish is lost. A closed descriptor is never
        # written to: its number may be somebody else's by now.
        while self._wanted and self._gate.acquire(blocking=False):
            try:
                self._wanted = False
                if self._waker >= 0:
                    with contextlib.suppress(OSError):
                        os.write(self._waker, b"!")
            finally:
                self._gate.release()

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        status: int | None = None
        try:
            process = self._spawn()
            if self._killed:
                process.kill()
            try:
                self._move()
            except WireError as error:
                self.kill(f"it broke the protocol ({error})")
            except OSError as error:
                self.kill(f"its socket failed ({error})")
            # Its end of the socket is closed: it has ended, or is a liar.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.kill()
            status = process.wait()
        except (OSError, subprocess.SubprocessError) as error:
            self._killed = self._killed or f"it could not be started ({error})"
        finally:
            with self._lock:
                self._open = False
                self._unsent.clear()
                self._far.close()
                self._close_files()
            receiver = self._receiver()
            if receiver is not None:
                receiver.ended(status, self._killed)
            del receiver
            self.over.set()

    def _spawn(self) -> subprocess.Popen[bytes]:
        package = str(Path(__file__).parent.parent)
        number = self._far.fileno()
        # This very interpreter, with a program that stands here; no environment, no descriptor but the socket.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", _START, str(number), package],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(number,),
            env={},
            cwd="/",
            start_new_session=True,
        )
        self._far.close()
        self.pid = self._process.pid
        return self._process

    def _move(self) -> None:
        """Move bytes until the child closes its end, or the runtime is dropped."""
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        number = self._socket.fileno()
        while True:
            with self._lock:
                wanted = 0 if self._unread > _MOST_UNREAD else select.POLLIN
                if self._unsent:
                    wanted |= select.POLLOUT
            if self._killed:
                return
            poll.register(number, wanted)
            ready = dict(poll.poll())
            if self._awake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._awake, 4096)
                self._send_released()
            happened = ready.get(number, 0)
            if happened & select.POLLOUT:
                self._flush()
            if happened & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._read():
                return

    def _send_released(self) -> None:
        from .writing import encode

        numbers = []
        while self._released:
            numbers.append(self._released.popleft())
        if numbers:
            self.send(Kind.RELEASE, 0, encode(numbers))

    def _flush(self) -> None:
        with self._lock:
            while self._unsent:
                data = self._unsent[0]
                try:
                    sent = self._socket.send(data[:_PIECE])
                except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                    return
                if sent == len(data):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = data[sent:]

    def _read(self) -> bool:
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        if not data:
            return False
        receiver = self._receiver()
        if receiver is None:
            self.kill("its runtime was dropped")
            return False
        for kind, number, payload in self._splitter.feed(data):
            with self._lock:
                self._unread += len(payload) + 256
            receiver.received(kind, number, payload)
        return True

    def _close_files(self) -> None:
        self._socket.close()
        with self._gate:
            os.close(self._awake)
            os.close(self._waker)
            self._waker = -1


def describe(status: int | None) -> tuple[str, int | None, int | None]:
    """Say how a process ended: in words, its signal, its exit code."""
    if status is None:
        return "never ran", None, None
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"was killed by {name}", -status, None
    return f"exited with code {status}", None, status


def crash(pid: int, status: int | None, why: str, in_flight: tuple[str, ...]) -> RuntimeCrashed:
    """Return the error of a child that ended by itself, or had to be killed."""
    words, number, code = describe(status)
    text = f"child process {pid} {words}"
    if why:
        text += f": {why}"
    elif code in REASONS:
        text += f": {REASONS[code]}"
    if in_flight:
        text += f"; in flight: {', '.join(in_flight)}"
    return RuntimeCrashed(text, signal=number, exit_code=code, in_flight=in_flight)
