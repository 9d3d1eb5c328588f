"""What the host asks of its child, carried out on an ordinary runtime of the child's own thread."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable
from typing import Any, Final

from .._jsrun import PackageFolder
from .._runtime import Runtime
from .._stream import _END, _NOTHING, JsStream
from .._types import ConsoleMessage
from ..errors import JavaScriptError, JavaScriptTimeout
from . import fetching, settings
from .calling import Calls, operation
from .frames import Kind
from .reading import decode
from .writing import encode

# Seconds that V8 may take to yield after the last operation was stopped.
_PATIENCE: Final = 1.0


class Interrupted(BaseException):
    """A nested operation was cancelled."""


class Serving:
    """The child's side of every operation. All on the main thread, which runs the loop."""

    def __init__(self, send: Callable[[bytes], None], refused: OSError | None) -> None:
        #: Why the child could not be confined.
        self._refused = refused
        self.calls = Calls(send, self.nested)
        self._runtime: Runtime | None = None
        self._running: dict[int, Any] = {}
        self.nesting: list[int] = []
        self._probe: asyncio.Task[None] | None = None
        self._state = "open"
        self._endpoints: dict[str, str] | None = None

    # ---- requests ------------------------------------------------------------------------------------------------

    def serve(self, number: int, request: Any, payload: bytearray, at: int) -> None:
        """Start an operation on the loop."""
        context = contextvars.copy_context()
        context.run(self._start, number, request, payload, at)

    def nested(self, number: int, request: Any, payload: bytearray, at: int) -> None:
        """Carry out what a host function asks that JavaScript waits for."""
        if not request[4]:
            self._start(number, request, payload, at)
            return
        token = operation.set(number)
        self.nesting.append(number)
        loop = asyncio._get_running_loop()
        # The host's thread blocks, so a promise is driven to its end here.
        asyncio._set_running_loop(None)
        try:
            value = self._blocking(request, self._body(payload, at))
        except Interrupted:
            pass
        except BaseException as error:
            self.fail(number, error)
        else:
            self.reply(number, value)
        finally:
            asyncio._set_running_loop(loop)
            self.nesting.remove(number)
            operation.reset(token)

    def _body(self, payload: bytearray, at: int) -> Any:
        return decode(payload, self.calls.border, start=at)[0] if at < len(payload) else None

    def _start(self, number: int, request: Any, payload: bytearray, at: int) -> None:
        operation.set(number)
        try:
            begun = self._begin(request, self._body(payload, at))
        except BaseException as error:
            self.fail(number, error)
            return
        if not hasattr(begun, "add_done_callback"):
            self.reply(number, begun)
            return
        if request[0] == "call" and not request[1][1]:
            self.calls.send(Kind.PENDING, number)
        self._running[number] = begun
        begun.add_done_callback(lambda done: self._done(number, done))

    def _begin(self, request: Any, body: Any) -> Any:  # noqa: PLR0911 - one per request
        """Start an operation: an awaitable that takes callbacks, or the value itself."""
        verb, head, _, timeout, _ = request
        if verb == "create":
            return asyncio.ensure_future(self._create(head, body))
        if self._runtime is None:
            raise RuntimeError("there is no runtime yet")
        native: Any = self._runtime._native
        objects = self.calls.border.objects
        if verb == "eval":
            return native.eval_async(head[0], timeout, head[2], head[1])
        if verb == "module":
            return native.eval_module_async(head[0], timeout, head[1])
        if verb == "call":
            target = objects[head[0]]
            return target.call_async(*body, timeout=timeout) if head[1] else target(*body, timeout=timeout)
        if verb == "await":
            return asyncio.ensure_future(_awaited(objects[head], timeout))
        if verb == "read":
            return asyncio.ensure_future(self._read(objects[head]))
        if verb == "tell":
            return asyncio.ensure_future(_awaited(objects[head[0]]._handle.tell(head[1], body, timeout, False), None))
        if verb == "idle":
            return asyncio.ensure_future(self._idle())
        if verb == "register_stream":
            return native.register_stream(head, body)
        return self._put(native, verb, head, body)

    def _put(self, native: Any, verb: str, head: Any, body: Any) -> None:
        if verb == "bind":
            native.bind(head, body)
        elif verb == "register_op":
            native.register_op(head[0], head[1], body.target, head[2])
        elif verb == "add_module":
            native.add_module(*head)
        elif verb == "resolver":
            native.set_module_resolver(body and body.target)
        elif verb == "loader":
            native.set_module_loader(body and body.target)
        elif verb == "folder":
            native.set_module_folder(PackageFolder(*head))
        else:
            raise ValueError(f"the unknown request {verb!r}")

    def _blocking(self, request: Any, body: Any) -> Any:  # noqa: PLR0911 - as above
        verb, head, _, timeout, _ = request
        native: Any = self._runtime and self._runtime._native
        objects = self.calls.border.objects
        if verb == "eval":
            return native.eval(head[0], timeout, head[2], head[1])
        if verb == "module":
            return native.eval_module(head[0], timeout, head[1])
        if verb == "call":
            return objects[head[0]](*body, timeout=timeout)
        if verb == "await":
            return objects[head].wait(timeout)
        if verb == "read":
            return self._more(objects[head], objects[head]._next_blocking())
        if verb == "tell":
            return objects[head[0]]._handle.tell(head[1], body, timeout, True)
        return self._put(native, verb, head, body)

    async def _create(self, parts: dict[str, Any], fetch: Any) -> None:
        if self._refused is not None:
            raise self._refused
        self._runtime = await Runtime.create(
            **settings.unpack(parts),
            fetch=fetching.remote(fetch),
            on_unhandled_rejection=self._rejection,
            on_console=self._console if parts["console"] else None,
        )
        self._values = parts["console_values"]
        self._endpoints = self._runtime._native.endpoints()
        if self._endpoints is not None:
            self._tell_state(news=True)

    async def _read(self, stream: JsStream) -> Any:
        return self._more(stream, await stream._next(float("inf")))

    def _more(self, stream: JsStream, chunk: Any) -> list[Any]:
        """Return a chunk with those that are there already: list, whether it ended, the error after them.

        As many at most as JavaScript may be ahead.
        """
        assert self._runtime is not None  # noqa: S101 - whose stream it is
        most = self._runtime._config.stream_high_water_mark
        chunks: list[Any] = []
        error: BaseException | None = None
        while chunk is not _END and chunk is not _NOTHING:
            chunks.append(chunk)
            if len(chunks) >= most:
                chunk = _NOTHING
                break
            try:
                chunk = stream._take()
            except Exception as failed:
                error = failed
                break
        return [chunks, chunk is _END, error]

    # ---- answers -------------------------------------------------------------------------------------------------

    def _done(self, number: int, begun: Any) -> None:
        self._running.pop(number, None)
        if begun.cancelled():
            self.fail(number, asyncio.CancelledError())
            self._watch()
            return
        error = begun.exception()
        if error is None:
            self.reply(number, begun.result())
            return
        self.fail(number, error)
        if isinstance(error, JavaScriptTimeout):
            self._watch()

    def _tell_state(self, *, news: bool = False) -> None:
        """Tell the host how the runtime stands, and where debuggers reach it, when that is news."""
        state = "open" if self._runtime is None else self._runtime.state
        if (news or state != self._state) and state in {"open", "draining", "condemned"}:
            self._state = state
            self.calls.send(Kind.STATE, 0, encode([state, self._endpoints]))

    def reply(self, number: int, value: Any) -> None:
        """Send a result."""
        if self._state != "open":
            self._tell_state()
        try:
            payload = encode(value, self.calls.border)
        except Exception as error:
            self.fail(number, error)
            return
        self.calls.send(Kind.RESULT, number, payload)

    def fail(self, number: int, error: BaseException) -> None:
        """Send an error."""
        self._tell_state()
        try:
            payload = encode(error, self.calls.border)
        except Exception as failed:
            payload = encode(failed)
        self.calls.send(Kind.FAILED, number, payload)

    def cancel(self, number: int) -> None:
        """Stop an operation."""
        begun = self._running.get(number)
        if begun is not None:
            begun.cancel()

    def release(self, numbers: list[int]) -> None:
        """Let go of JavaScript objects."""
        self.calls.border.drop(numbers)

    def leave(self, number: int) -> None:
        """Stop reading a stream."""
        stream = self.calls.border.objects.get(number)
        if isinstance(stream, JsStream):
            stream._handle.leave()

    def stats(self, number: int) -> None:
        """Send figures, from the reader's thread: JavaScript may be busy."""
        if self._runtime is None:
            self.fail(number, RuntimeError("there is no runtime yet"))
        else:
            self.reply(number, dict(self._runtime._native.stats()))

    def _console(self, message: ConsoleMessage) -> None:
        args = message.args if self._values else ()
        payload = encode(message.dropped)
        try:
            payload += encode([message.level, message.text, args], self.calls.border)
        except Exception:
            payload += encode([message.level, message.text, ()])
        self.calls.send(Kind.CONSOLE, 0, payload)

    def _rejection(self, error: JavaScriptError) -> None:
        self.calls.send(Kind.REJECTION, 0, encode([error, True], self.calls.border))

    # ---- a V8 that does not yield --------------------------------------------------------------------------------

    def _watch(self) -> None:
        """An operation was stopped: make sure that V8 has left it. A debugger may keep it there."""
        if self._endpoints is None and (self._probe is None or self._probe.done()):
            self._probe = asyncio.ensure_future(self._find_out(list(self._running.values())))

    async def _idle(self) -> bool:
        """Wait until JavaScript gives way, and say whether nothing but the host can wake it: no timer is set."""
        assert self._runtime is not None  # noqa: S101 - something has run
        await self._runtime._native.eval_async("0", float("inf"), None, None)
        return not any(self._runtime._native.stats()["timers"])

    async def _find_out(self, earlier: list[Any]) -> None:
        assert self._runtime is not None  # noqa: S101 - something has run
        context = contextvars.Context()
        answer: Any = context.run(self._runtime._native.eval_async, "0", float("inf"), None, None)
        yielded = asyncio.get_running_loop().create_future()
        answer.add_done_callback(yielded.set_result)
        while not yielded.done():
            # What ran before may go on running; what comes later waits behind the probe.
            alive = [begun for begun in earlier if not begun.done()]
            await asyncio.wait({yielded}, timeout=_PATIENCE)
            if not yielded.done() and not alive and not self.calls.calling():
                os._exit(settings.WEDGED)
        if answer.done() and not answer.cancelled():
            answer.exception()
        self._tell_state()


async def _awaited(value: Any, timeout: float | None) -> Any:
    return await (value if timeout is None else asyncio.wait_for(value, timeout))
