"""The child's border: numbers for its JavaScript objects, and what stands here for the host's Python objects."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Generator, Iterable
from typing import TYPE_CHECKING, Any

from .._convert import Function
from .._jsrun import JsFunction, JsPromise
from .._sink import Sink
from .._source import PyStreamSource
from .._stream import JsStream, JsWritable
from ..errors import JavaScriptError
from .border import AWAITABLE, EXCEPTION, FUNCTION, HOST, PROMISE, SINK, SOURCE, STREAM, WRITABLE
from .wire import Ref, Refused, WireError

if TYPE_CHECKING:
    from .calling import Calls


class Held:
    """One object of the host's, by number. The host lets go of it when this is gone."""

    def __init__(self, calls: Calls, number: int) -> None:
        self.calls = calls
        self.number = number

    def __del__(self) -> None:
        self.calls.drop(self.number)


class HostException(JavaScriptError):
    """An exception of the host's: JavaScript sees its name and text, and the host gets its own object back."""

    held: Held


class _Awaitable:
    def __init__(self, held: Held) -> None:
        self._held = held

    def __await__(self) -> Generator[Any, None, Any]:
        return self._held.calls.call_async(self._held.number, ()).__await__()


class _Writer:
    """An object of the host's to which a `WritableStream` writes."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def _ask(self, *args: Any) -> Any:
        return self._held.calls.call_async(self._held.number, args)

    def write(self, chunk: Any) -> Any:
        return self._ask("write", chunk)

    def aclose(self) -> Any:
        return self._ask("close")

    def abort(self, reason: Any = None) -> Any:
        return self._ask("abort", reason)


async def _chunks(held: Held) -> AsyncGenerator[Any, None]:
    ended = False
    try:
        while batch := await held.calls.call_async(held.number, ("pull",)):
            yield batch[0]
        ended = True
    finally:
        if not ended:
            await held.calls.call_async(held.number, ("cancel",))


class ChildBorder:
    """Keeps JavaScript objects that the host knows by number."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._numbers = itertools.count(1)
        self.objects: dict[int, Any] = {}

    def drop(self, numbers: Iterable[int]) -> None:
        """Let go of objects."""
        for number in numbers:
            self.objects.pop(number, None)

    def refer(self, value: Any) -> Ref | None:
        """Return a reference of what cannot leave this process."""
        if isinstance(value, HostException):
            return Ref(EXCEPTION, value.held.number, 0, "")
        kind = _KINDS.get(type(value))
        if kind is None:
            return None
        number = next(self._numbers)
        self.objects[number] = value
        return Ref(kind, number, 0, value.name if kind == FUNCTION else "")

    def export(self, kind: str, _payload: Any) -> Ref | None:
        """Let errors be written out; nothing else is left."""
        if kind == "error":
            return None
        raise Refused(f"a {kind} cannot leave the child process")

    def resolve(self, ref: Ref) -> Any:
        """Return what stands for a reference here."""
        if ref.kind in {FUNCTION, PROMISE, STREAM, WRITABLE}:
            if ref.number not in self.objects:
                raise WireError("a reference to nothing")
            return self.objects[ref.number]
        held = Held(self._calls, ref.number)
        if ref.kind == HOST:
            return Function(self._calls.function(held, bool(ref.flag)), ref.text)
        if ref.kind == AWAITABLE:
            return _Awaitable(held)
        if ref.kind == SOURCE:
            ahead = int(ref.text) if ref.text else None
            return PyStreamSource(_chunks(held), high_water_mark=ahead, byte_stream=bool(ref.flag))
        if ref.kind == SINK:
            return Sink(_Writer(held))
        if ref.kind == EXCEPTION:
            name, _, text = ref.text.partition("\0")
            error = HostException(text, name=name)
            error.held = held
            return error
        raise WireError(f"a reference of the unknown kind {ref.kind}")


_KINDS: dict[type, int] = {JsFunction: FUNCTION, JsPromise: PROMISE, JsStream: STREAM, JsWritable: WRITABLE}
