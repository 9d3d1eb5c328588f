"""`ProcessIsolate`: an isolate in a child process, with the methods of the native `Isolate`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from .. import _host, _log
from .._config import RuntimeConfig, Timeout
from .._convert import Function
from .._jsrun import PackageFolder
from ..errors import JsrunError, RuntimeClosed, RuntimeCrashed, RuntimeTerminated
from . import fetching, living, settings
from .border import HostBorder, Table
from .counting import Counting
from .frames import LARGEST, Kind
from .hosting import REPORTS, Hosting
from .link import Link, crash
from .places import Places, finish, finish_on
from .reading import decode
from .settings import limit
from .standing import Standing
from .waiting import GRACE, Operation, Request
from .watching import watch
from .wire import WireError
from .writing import encode

# Seconds that a blocking `close` waits for the kernel to end the child.
_CLOSE_WAIT = 5.0


class ProcessIsolate(Counting, Places, Standing):
    """One V8 isolate in a process of its own."""

    def __init__(self, options: RuntimeConfig) -> None:
        super().__init__()
        self.config = options
        self.table = Table()
        self.hosting = Hosting(self)
        self.closed = False
        self.told = "open"
        self._endpoints = None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._alive_at = 0.0
        self._end: Callable[[tuple[str, ...]], JsrunError] | None = None
        self._ending: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._forked = False
        self._watch = watch(options)
        # Errors take several levels each; the child counts exactly.
        self._depth = 4 * options.max_serialization_depth + 8
        self._limit = min(LARGEST, 8 * options.max_serialization_bytes + (1 << 20))
        self.link = Link(weakref.ref(self), self._limit)
        _host.listen(self.key, options)
        living.enter(self)
        self.link.start()

    # ---- making --------------------------------------------------------------------------------------------------

    @staticmethod
    def open(options: RuntimeConfig) -> ProcessIsolate:
        """Make an isolate and block until it is ready."""
        isolate = ProcessIsolate(options)
        loop = asyncio._get_running_loop()
        if loop is not None:
            isolate.offer_home(loop)
        try:
            isolate.ask("create", "create", settings.pack(options), fetching.desk(options), None)
        except BaseException:
            isolate.close(True)
            raise
        return isolate

    @staticmethod
    def create(options: RuntimeConfig) -> tuple[ProcessIsolate, Operation]:
        """Make an isolate; the operation ends when it is ready."""
        isolate = ProcessIsolate(options)
        isolate.offer_home(asyncio.get_running_loop())
        return isolate, isolate.ask_async("create", "create", settings.pack(options), fetching.desk(options), None)

    # ---- operations ----------------------------------------------------------------------------------------------

    def eval(self, code: str, timeout: Timeout, cpu_timeout: Timeout, filename: str | None) -> Any:
        self._count("eval_sync")
        return self.ask("eval", "eval", [_source(code), filename, limit(cpu_timeout)], None, timeout)

    def eval_async(self, code: str, timeout: Timeout, cpu_timeout: Timeout, filename: str | None) -> Operation:
        self._count("eval_async")
        return self.ask_async("eval_async", "eval", [_source(code), filename, limit(cpu_timeout)], None, timeout)

    def eval_module(self, specifier: str, timeout: Timeout, cpu_timeout: Timeout) -> Any:
        self._count("eval_module_sync")
        return self.ask("eval_module", "module", [specifier, limit(cpu_timeout)], None, timeout)

    def eval_module_async(self, specifier: str, timeout: Timeout, cpu_timeout: Timeout) -> Operation:
        self._count("eval_module_async")
        return self.ask_async("eval_module_async", "module", [specifier, limit(cpu_timeout)], None, timeout)

    def call(self, number: int, args: tuple[Any, ...], timeout: Timeout) -> Any:
        """Call a JavaScript function as `JsFunction.__call__` does."""
        self._count("call_function_sync")
        if asyncio._get_running_loop() is None:
            return self.ask("call", "call", [number, True], list(args), timeout)
        return self._call_from_loop(asyncio.get_running_loop(), number, args, timeout)

    def call_async(self, number: int, args: tuple[Any, ...], timeout: Timeout) -> Operation:
        """Call a JavaScript function as `JsFunction.call_async` does."""
        self._count("call_function_async")
        return self.ask_async("call_async", "call", [number, True], list(args), timeout)

    def wait(self, number: int, timeout: Timeout) -> Any:
        """Drive a JavaScript promise to its end, blocking."""
        self._count("await_promise_sync")
        return self.ask("promise", "await", number, None, timeout)

    def wait_async(self, number: int) -> Operation:
        """Drive a JavaScript promise to its end."""
        self._count("await_promise_async")
        return self.ask_async("promise", "await", number, None, None)

    def bind(self, name: str, value: object) -> None:
        self.ask("bind", "bind", name, value, None)

    def register_op(self, number: int, name: str, function: Callable[..., Any], asynchronous: bool) -> None:
        self.ask("register_op", "register_op", [number, name, asynchronous], Function(function, name), None)

    def add_module(self, name: str, source: Any) -> None:
        self.ask("add_static_module", "add_module", [name, _source(source)], None, None)

    def set_module_resolver(self, function: Callable[[str, str], Any] | None) -> None:
        self.ask("set_module_resolver", "resolver", None, function and Function(function, "module resolver"), None)

    def set_module_loader(self, function: Callable[[str, str], Any] | None) -> None:
        self.ask("set_module_loader", "loader", None, function and Function(function, "module loader"), None)

    def set_module_folder(self, folder: PackageFolder) -> None:
        self.ask("set_module_loader", "folder", [str(folder.root), *folder.options], None, None)

    def register_stream(self, number: int, stream: object) -> Operation:
        return self.ask_async("create_js_stream_from_python", "register_stream", number, stream, None)

    # ---- asking --------------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        """Return the number of the next operation."""
        return next(self._numbers)

    def begin(self, request: Request, verb: str, head: Any, payload: bytearray | None, **how: Any) -> None:
        """Send a request to the child."""
        chain = _host.chain_call(self.key)
        message = encode([verb, head, chain, how.get("timeout"), how.get("blocking", False)])
        if payload is not None:
            message += payload
        with self._lock:
            self._check()
            self.requests[request.number] = request
        if self._watch is not None:
            self._watch.begin(request, verb, head, how.get("blocking", False))
        self.link.send(Kind.REQUEST, request.number, message)

    def ask(self, what: str, verb: str, head: Any, body: Any, timeout: Timeout) -> Any:
        """Ask for something, and block for the answer."""
        seconds, given = self.seconds(timeout), settings.seconds(timeout)
        with self.blocking() as port:
            request = Request(self, what, port)
            self.begin(request, verb, head, self._encode(body), timeout=given, blocking=True)
            return request.block(seconds)

    def ask_async(self, what: str, verb: str, head: Any, body: Any, timeout: Timeout) -> Operation:
        """Ask for something; the operation ends with the answer."""
        seconds, given = self.seconds(timeout), settings.seconds(timeout)
        payload, ended = None, None
        try:
            payload = self._encode(body)
        except (RuntimeClosed, RuntimeCrashed, RuntimeTerminated) as error:
            # Who awaits it hears of it.
            ended = error

        def begin() -> asyncio.Future[Any]:
            loop = asyncio.get_running_loop()
            self.offer_home(loop)
            request = Request(self, what, self.loop_port(loop))
            future = request.on_loop(loop, seconds)
            try:
                if ended is not None:
                    raise ended
                self.begin(request, verb, head, payload, timeout=given)
            except JsrunError as error:
                request.end(None, error)
            return future

        return Operation(begin, what)

    def _call_from_loop(
        self, loop: asyncio.AbstractEventLoop, number: int, args: tuple[Any, ...], timeout: Timeout
    ) -> Any:
        seconds, given = self.seconds(timeout), settings.seconds(timeout)
        with self.blocking() as port:
            request = Request(self, "call", port)
            request.later = self.loop_port(loop)
            self.begin(request, "call", [number, False], self._encode(list(args)), timeout=given, blocking=True)
            value = request.block(seconds)
            if request.done:
                return value
        future = request.on_loop(loop, seconds)
        return Operation(lambda: future, "call")

    def _encode(self, body: Any) -> bytearray:
        if self._end is not None or self.closed:
            self._check()
        border = HostBorder(self)
        try:
            return encode(body, border, limit=self._limit, depth=self._depth)
        except BaseException:
            border.undo()
            raise

    def _check(self) -> None:
        """Raise if nothing can be asked any more."""
        if self._forked:
            raise RuntimeClosed("the process forked; create a new runtime in the child")
        if self._end is not None:
            raise self._end(())

    # ---- answers -------------------------------------------------------------------------------------------------

    def read(self, payload: bytearray, at: int) -> Any:
        """Read a value of the child's; if it is none, the child has to go."""
        try:
            return decode(payload, HostBorder(self), start=at)[0]
        except WireError as error:
            why = f"it broke the protocol ({error})"
            self.link.kill(why)
            raise RuntimeCrashed(f"child process {self.link.pid} was killed: {why}") from None

    def read_answer(self, request: Request | None, payload: bytearray, failed: bool) -> Any:
        """Read the answer to a request; raise it if it is an error."""
        value = self.read(payload, 0)
        if not failed:
            return value
        if not isinstance(value, BaseException):
            self.link.kill("it broke the protocol (a failure without an exception)")
            raise self._crash(None, "it broke the protocol", (request.what,) if request else ())
        cause = value.__cause__
        if isinstance(cause, (KeyboardInterrupt, SystemExit)):
            # JavaScript let it through.
            raise cause
        raise value

    def answer(self, call: int, returned: bool, value: Any) -> None:
        """Answer a host call."""
        border = HostBorder(self)
        try:
            payload = encode([returned, value], border, limit=self._limit, depth=self._depth)
        except Exception as error:
            border.undo()
            payload = encode([False, error], HostBorder(self))
        self.link.send(Kind.ANSWER, call, payload)

    def cancel(self, request: Request) -> None:
        """Tell the child that nobody waits for a request any more."""
        if self.requests.pop(request.number, None) is not None:
            self.link.send(Kind.CANCEL, request.number)

    def leave(self, number: int) -> None:
        """Tell the child that a stream is not read any further."""
        self.link.send(Kind.LEAVE, number)

    def alive_at(self) -> None:
        """Take notice that the child could not do anything until now."""
        self._alive_at = time.monotonic()

    def overdue(self, request: Request) -> float:
        """Return how much longer to wait for a request whose time is up; 0 when the child was killed for it."""
        waited = time.monotonic() - self._alive_at
        if request.arrived or self.hosting.running or waited < GRACE:
            return GRACE
        self.link.kill(f"it did not answer {request.what} within {GRACE:g} s after its deadline")
        return 0.0

    # ---- what the child says, on the link's thread ---------------------------------------------------------------

    def received(self, kind: Kind, number: int, payload: bytearray) -> None:
        """Take one message."""
        size = len(payload) + 256
        request = self.requests.get(number)
        if kind in {Kind.RESULT, Kind.FAILED}:
            if request is None:
                self.link.taken(size)
                return
            request.arrived = True
            request.arrive(kind is Kind.FAILED, payload)
            self.requests.pop(number, None)
            request.port.post(size, request.settle, kind is Kind.FAILED, payload)
        elif kind is Kind.HOST_CALL:
            self.hosting.called(number, payload)
        elif kind is Kind.PENDING:
            if request is None or request.later is None:
                raise WireError("a request is pending that cannot be")
            port, request.port, request.later = request.port, request.later, None
            port.post(size, request.tell_pending)
        elif kind in REPORTS:
            self.hosting.reported(kind, payload)
        else:
            self.link.taken(size)
            if kind is Kind.STATE:
                self.take_state(decode(payload)[0])
            elif kind is Kind.ABANDON:
                self.hosting.abandoned(number)
            elif kind is Kind.DROP:
                numbers = decode(payload)[0]
                if not (isinstance(numbers, list) and all(type(each) is int for each in numbers)):
                    raise WireError("a malformed list of numbers")
                self.table.drop(numbers)

    def ended(self, status: int | None, why: str) -> None:
        """End everything: the child is gone."""
        with self._lock:
            crashed = self._end is None
            if self._end is None:
                self._end = lambda in_flight: self._crash(status, why, in_flight)
            requests = list(self.requests.values())
            self.requests.clear()
        names = tuple(request.what for request in requests)
        if crashed:
            _log.crashed(self._end(names))
        for request in requests:
            error = self._end(names)
            request.arrived = True
            request.crash(error)
            if not request.port.post(0, request.end, None, error):
                request.done = True
        self.hosting.abandon_all()
        self.table.clear()
        for loop, future in self._ending:
            with contextlib.suppress(RuntimeError):
                finish_on(loop, future)

    def _crash(self, status: int | None, why: str, in_flight: tuple[str, ...]) -> RuntimeCrashed:
        return crash(self.link.pid, status, why, in_flight)

    # ---- ending --------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """End everything with `RuntimeTerminated`; the child is killed."""
        self._finish(lambda _: RuntimeTerminated("the runtime was terminated"), "it was terminated")

    def close(self, wait: bool) -> None:
        """End the child; with ``wait``, block until it is gone."""
        self.closed = True
        self._finish(lambda _: RuntimeClosed("the runtime is closed"), "it was closed", final=True)
        if wait and not self._forked:
            self.link.wait(_CLOSE_WAIT)

    def aclose(self) -> Operation:
        """End the child; the operation ends when it is gone."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.close(False)
        self._ending.append((loop, future))
        if self._forked or self.link.over.is_set():
            finish(future)
        return Operation(lambda: future, "aclose")

    def _finish(self, end: Callable[[tuple[str, ...]], JsrunError], why: str, *, final: bool = False) -> None:
        with self._lock:
            if self._end is None or final:
                self._end = end
        if not self._forked:
            self.link.kill(why)

    def forget(self) -> None:
        """After a fork, in the new process."""
        self._forked = self.closed = True
        self._lock = threading.Lock()
        self.requests.clear()
        self.forget_places()
        self.link.forget()

    def __del__(self) -> None:
        link = getattr(self, "link", None)
        if link is not None and not self._forked:
            link.kill("its runtime was dropped")


def _source(code: object) -> str:
    if not isinstance(code, str):
        raise TypeError(f"code must be a str, got {type(code)}")
    return code
