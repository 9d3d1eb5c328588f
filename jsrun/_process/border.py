"""The host's border: what of Python stays here and goes to the child as a number, and what its numbers stand for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from .._jsrun import JsFunction as NativeFunction
from .._jsrun import JsPromise as NativePromise
from .._sink import Sink
from .._source import PyStreamSource
from .._stream import JsStream, JsWritable
from ..errors import JavaScriptError
from .handles import JsFunction, JsPromise, Remote
from .readers import RemoteStream
from .sources import SinkEnd, SourceEnd
from .wire import Ref, Refused, WireError

if TYPE_CHECKING:
    from .isolate import ProcessIsolate

# Objects of the child's.
FUNCTION: Final = 1
PROMISE: Final = 2
STREAM: Final = 3
WRITABLE: Final = 4
# Objects of the host's.
HOST: Final = 5
AWAITABLE: Final = 6
SOURCE: Final = 7
SINK: Final = 8
EXCEPTION: Final = 9


class Table:
    """Python objects that the child knows by number: functions, awaitables, iterators, exceptions."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._objects: dict[int, tuple[int, Any]] = {}

    def keep(self, kind: int, thing: Any) -> int:
        """Give an object a number."""
        number = next(self._numbers)
        self._objects[number] = (kind, thing)
        return number

    def get(self, number: int) -> tuple[int, Any]:
        """Return kind and object; kind 0 for what was dropped, or never was."""
        return self._objects.get(number, (0, None))

    def drop(self, numbers: Iterable[int]) -> None:
        """Let go of objects."""
        for number in numbers:
            kind, thing = self._objects.pop(number, (0, None))
            if kind in {SOURCE, SINK}:
                thing.leave()
            elif kind == AWAITABLE:
                close = getattr(thing, "close", None)
                if close is not None:
                    close()

    def clear(self) -> None:
        """Let go of all."""
        self.drop(list(self._objects))


class HostBorder:
    """Turns values for one child into references. One per conversion, so that what fails can be undone."""

    def __init__(self, isolate: ProcessIsolate) -> None:
        self._isolate = isolate
        self._table = isolate.table
        self._given: list[int] = []

    def undo(self) -> None:
        """Take back what a failed conversion gave away."""
        self._table.drop(self._given)

    def _give(self, kind: int, thing: Any, flag: int = 0, text: str = "") -> Ref:
        number = self._table.keep(kind, thing)
        self._given.append(number)
        return Ref(kind, number, flag, text)

    def refer(self, value: Any) -> Ref | None:
        """Return the reference of the child's own objects."""
        if isinstance(value, (JsFunction, JsPromise)):
            what = "function" if isinstance(value, JsFunction) else "promise"
            remote = value._remote
            if remote is None:
                raise Refused(f"this JavaScript {what} was closed")
            if remote.isolate is not self._isolate:
                raise Refused(f"a JavaScript {what} of another runtime cannot be passed to this one")
            return Ref(FUNCTION if what == "function" else PROMISE, remote.number, 0, "")
        if isinstance(value, (NativeFunction, NativePromise)):
            what = "function" if isinstance(value, NativeFunction) else "promise"
            raise Refused(f"a JavaScript {what} of another runtime cannot be passed to this one")
        if isinstance(value, (JsStream, JsWritable)):
            handle: Any = value._handle
            readable = isinstance(value, JsStream)
            if isinstance(handle, RemoteStream) and handle.remote.isolate is self._isolate:
                return Ref(STREAM if readable else WRITABLE, handle.remote.number, 0, "")
            return self.export("stream", PyStreamSource(value)) if readable else self.export("sink", Sink(value))
        return None

    def export(self, kind: str, payload: Any) -> Ref | None:
        """Keep what stays here, and return its number."""
        if kind == "function":
            target, asynchronous, name = payload
            return self._give(HOST, target, int(asynchronous), name)
        if kind == "inline":
            target, name = payload
            return self._give(HOST, target, 0, name)
        if kind == "error":
            return self._give(EXCEPTION, payload, 0, "\0".join(_name_and_text(payload)))
        if kind == "awaitable":
            return self._give(AWAITABLE, payload)
        if kind == "stream":
            try:
                source = SourceEnd(payload)
            except ValueError as error:
                raise Refused(str(error)) from error
            return self._give(SOURCE, source, int(payload._bytes), str(payload._ahead or ""))
        if kind == "sink":
            return self._give(SINK, SinkEnd(payload))
        if kind == "memory":
            raise Refused('memory cannot be shared with a runtime of isolation="process"; pass the bytes')
        raise Refused(f"a {kind} cannot be passed to a runtime in a child process")

    def resolve(self, ref: Ref) -> Any:
        """Return what a number of the child's stands for; it may lie."""
        if ref.kind in {FUNCTION, PROMISE, STREAM, WRITABLE}:
            remote = Remote(self._isolate, ref.number)
            if ref.kind == FUNCTION:
                return JsFunction(remote, ref.text)
            if ref.kind == PROMISE:
                return JsPromise(remote)
            handle: Any = RemoteStream(remote, ref.kind == STREAM)
            return JsStream(handle) if ref.kind == STREAM else JsWritable(handle)
        kind, thing = self._table.get(ref.number)
        if ref.kind != EXCEPTION or kind != EXCEPTION:
            raise WireError("a reference to nothing of this process")
        return thing


def _name_and_text(error: BaseException) -> tuple[str, str]:
    if isinstance(error, JavaScriptError):
        return str(error.name or "Error"), str(error.message)
    try:
        return type(error).__name__, str(error)
    except Exception:
        return type(error).__name__, "(the exception's str() raised)"
