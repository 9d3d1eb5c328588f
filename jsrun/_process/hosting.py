"""Runs host functions that the child calls: on the thread where their caller waits, in the caller's context."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from .. import _host, _portal
from .._types import ConsoleMessage
from ..errors import DeadlockError, JavaScriptError
from .border import AWAITABLE, HOST, SINK, SOURCE
from .frames import Kind
from .reading import decode
from .waiting import LoopPort, Request, ThreadPort
from .wire import WireError

if TYPE_CHECKING:
    from .isolate import ProcessIsolate

_TASKS: Final = itertools.count(1)
_MOST_UNHEARD: Final = 1000
_UNKNOWN: Final = "a call of a function that was never handed over"


class _Answer:
    """Settles one promise in the child, once. Dropped before that, it rejects it."""

    __slots__ = ("_isolate", "_number", "call")

    def __init__(self, isolate: ProcessIsolate, number: int) -> None:
        # Native calls are numbered upwards.
        self.call = -next(_TASKS)
        self._isolate: ProcessIsolate | None = isolate
        self._number = number
        isolate.hosting.tasks[number] = self.call

    def offer_home(self) -> None:
        if self._isolate is not None:
            self._isolate.offer_home(asyncio.get_running_loop())

    def result(self, value: object) -> None:
        isolate, self._isolate = self._isolate, None
        if isolate is not None:
            isolate.hosting.tasks.pop(self._number, None)
            isolate.answer(self._number, True, value)

    def error(self, error: BaseException) -> None:
        isolate, self._isolate = self._isolate, None
        if isolate is not None:
            isolate.hosting.tasks.pop(self._number, None)
            isolate.answer(self._number, False, error)

    def __del__(self) -> None:
        if self._isolate is not None:
            self.error(asyncio.CancelledError())


class Hosting:
    """The host calls of one child."""

    def __init__(self, isolate: ProcessIsolate) -> None:
        self._isolate = isolate
        #: Numbers of the answers of asynchronous calls in flight.
        self.tasks: dict[int, int] = {}
        #: Synchronous calls that run now, and when the last one ended.
        self.running = 0
        #: Reports on their way to a handler, and messages dropped since the last one.
        self._unheard = 0
        self._lost = 0

    # ---- the link's thread ---------------------------------------------------------------------------------------

    def called(self, call: int, payload: bytearray) -> None:
        """Send a call to where it runs.

        Raises:
            WireError: it is none.
        """
        isolate = self._isolate
        head, at = decode(payload)
        if not (isinstance(head, list) and len(head) == 3 and all(type(part) is int for part in head)):
            raise WireError("a malformed call")
        operation, number, asynchronous = head
        kind, target = isolate.table.get(number)
        if kind not in {HOST, AWAITABLE, SOURCE, SINK}:
            raise WireError(_UNKNOWN)
        request = isolate.requests.get(operation)
        if request is not None and request.done:
            request = None
        size = len(payload) + 256
        if kind in {SOURCE, SINK}:
            port: LoopPort | ThreadPort = isolate.loop_port(target.loop)
            posted = port.post(size, self._start, None, call, target, (payload, at))
        else:
            port = request.port if request is not None else isolate.home()
            start = self._start if asynchronous or kind == AWAITABLE else self._call
            posted = port.post(size, start, request, call, target, (payload, at))
            if not posted and isinstance(port, ThreadPort):
                posted = isolate.home().post(size, start, None, call, target, (payload, at))
        if not posted:
            isolate.answer(call, False, RuntimeError("the event loop of this function's caller is closed"))

    # ---- the caller's thread -------------------------------------------------------------------------------------

    def _arguments(self, call: int, place: tuple[bytearray, int]) -> list[Any] | None:
        try:
            args = self._isolate.read(*place)
        except Exception as error:
            self._isolate.answer(call, False, error)
            return None
        if not isinstance(args, list):
            self._isolate.link.kill("it broke the protocol (a call without arguments)")
            return None
        return args

    def _call(self, request: Request | None, call: int, target: Any, place: tuple[bytearray, int]) -> None:
        """Call a plain function: JavaScript waits."""
        isolate = self._isolate
        args = self._arguments(call, place)
        if args is None:
            return
        self.running += 1
        run: Any = _host.run_sync
        if request is not None and isinstance(request.port, LoopPort):
            run = request.context.copy().run
            args = [_host.run_sync, isolate.key, call, target, tuple(args)]
        else:
            args = [isolate.key, call, target, tuple(args)]
        try:
            value = run(*args)
        except BaseException as error:
            self._ended()
            isolate.answer(call, False, error)
        else:
            self._ended()
            isolate.answer(call, True, value)

    def _ended(self) -> None:
        self.running -= 1
        self._isolate.alive_at()

    def _start(self, request: Request | None, call: int, target: Any, place: tuple[bytearray, int]) -> None:
        """Start a coroutine function, an awaitable, or what a stream asks."""
        isolate = self._isolate
        args = self._arguments(call, place)
        if args is None:
            return
        answer = _Answer(isolate, call)
        loop = asyncio._get_running_loop()
        context = request.context if request is not None else contextvars.Context()
        if request is None or not isinstance(request.port, ThreadPort):
            pass
        elif _portal.is_portal_thread():
            answer.error(DeadlockError("a coroutine on jsrun's portal loop blocks for another one; await instead"))
            return
        else:
            # The loop of a blocked thread cannot run.
            loop = None
        if isolate.closed:
            answer.error(asyncio.CancelledError())
        elif hasattr(target, "call") and hasattr(target, "loop"):
            _host.start_async(loop, getattr(target, "context", context), answer, target.call, args)
        elif callable(target):
            _host.start_async(loop, context, answer, target, args)
        else:
            _host.start_async(loop, context, answer, None, target)

    def abandoned(self, call: int) -> None:
        """Cancel the coroutine behind a call."""
        known = self.tasks.get(call)
        if known is not None:
            _host.abandon([known])

    def abandon_all(self) -> None:
        """Cancel everything: the child is gone."""
        known = list(self.tasks.values())
        self.tasks.clear()
        _host.abandon(known)

    # ---- reports -------------------------------------------------------------------------------------------------

    def reported(self, kind: Kind, payload: bytearray) -> None:
        """Send a report to where it is heard, on the link's thread; a flood of messages is bounded, and counted."""
        size = len(payload) + 256
        if kind is Kind.CONSOLE and self._unheard >= _MOST_UNHEARD:
            self._lost += 1 + _dropped(payload)[0]
            self._isolate.link.taken(size)
            return
        self._unheard += 1
        if not self._isolate.listener().post(size, self.report, REPORTS[kind], payload):
            self._unheard = 0

    def report(self, what: Callable[[Hosting, bytearray], None], payload: bytearray) -> None:
        """Tell the user's handler; what it raises is not the operation's."""
        self._unheard = max(0, self._unheard - 1)
        try:
            what(self, payload)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            _unraisable(error, what)

    def console(self, payload: bytearray) -> None:
        """Hand on a message of the child's console."""
        try:
            dropped, at = _dropped(payload)
        except WireError:
            dropped, at = 0, len(payload)
        parts = self._isolate.read(payload, at)
        if not (isinstance(parts, list) and len(parts) == 3 and all(map(isinstance, parts, (str, str, tuple)))):
            self._isolate.link.kill("it broke the protocol (a malformed console message)")
            return
        level, text, args = parts
        lost, self._lost = self._lost, 0
        message = ConsoleMessage(level, text, args, dropped + lost)
        _host.console(self._isolate.key, message.level, message.text, list(message.args), message.dropped)

    def rejection(self, payload: bytearray) -> None:
        """Hand on an unhandled rejection."""
        parts = self._isolate.read(payload, 0)
        if not (isinstance(parts, list) and len(parts) == 2 and isinstance(parts[0], JavaScriptError)):
            self._isolate.link.kill("it broke the protocol (a malformed rejection)")
            return
        _host.report(self._isolate.key, parts[0], bool(parts[1]), self._isolate.id)


def _dropped(payload: bytearray) -> tuple[int, int]:
    """Return how many messages were lost before this one, and where it begins."""
    dropped, at = decode(payload)
    if type(dropped) is not int:
        raise WireError("a malformed console message")
    return dropped, at


def _unraisable(error: BaseException, what: object) -> None:
    class Report:
        exc_type = type(error)
        exc_value = error
        exc_traceback = error.__traceback__
        err_msg = None
        object = what

    sys.unraisablehook(cast("Any", Report))


REPORTS: Final = {Kind.CONSOLE: Hosting.console, Kind.REJECTION: Hosting.rejection}
