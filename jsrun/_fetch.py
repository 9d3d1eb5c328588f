"""`fetch` for JavaScript: what a handler gets and returns, and the bridge between the two."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from . import _portal
from ._source import PyStreamSource
from ._stream import JsStream

Body: TypeAlias = "bytes | bytearray | memoryview | str | JsStream | AsyncIterable[Any] | Iterable[Any] | None"
FetchHandler: TypeAlias = "Callable[[FetchRequest], Awaitable[FetchResponse]]"

# Bytes that cross in one piece; more goes as a stream, which no budget of a single value limits.
_ONE_PIECE: Final = 1 << 20
_PIECE: Final = 1 << 18


@dataclasses.dataclass(frozen=True)
class FetchRequest:
    """What JavaScript's `fetch` asks for: the argument of `RuntimeConfig.fetch`.

    Args:
        method: such as ``"GET"``.
        url: absolute, ``http`` or ``https``, without a fragment, as the URL standard writes it.
        headers: pairs of lower-case name and value, in JavaScript's order; a name may occur several times.
        body: bytes, a `JsStream` of bytes to read, or ``None``.
        redirect: ``"follow"``, ``"error"`` or ``"manual"``; it is the handler that follows.

    Example:
        >>> import jsrun
        >>> jsrun.FetchRequest("GET", "https://example.com/", (("accept", "text/html"),)).header("Accept")
        'text/html'
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | JsStream | None = None
    redirect: Literal["follow", "error", "manual"] = "follow"

    def header(self, name: str, default: str | None = None) -> str | None:
        """Return the value of one header; several are joined with commas."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else default


@dataclasses.dataclass(frozen=True)
class FetchResponse:
    """What a `RuntimeConfig.fetch` handler returns.

    Args:
        body: bytes, str (sent as UTF-8), an iterable or async iterable of these, a `JsStream`, or ``None``. An iterable
            is read as JavaScript reads, and closed when it stops.
        status: 200 to 599.
        headers: a mapping, or pairs.
        status_text: the words beside the status.
        url: where the response came from, after redirects; the request's own address when ``None``.
        redirected: whether redirects were followed.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> import asyncio, jsrun
        >>> async def handler(request):
        ...     return jsrun.FetchResponse(f"you asked for {request.url}")
        >>> async def main():
        ...     async with jsrun.Runtime.create(fetch=handler) as rt:
        ...         return await rt.eval_async("fetch('https://example.com/a').then(response => response.text())")
        >>> asyncio.run(main())
        'you asked for https://example.com/a'
    """

    body: Body = None
    _: dataclasses.KW_ONLY
    status: int = 200
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    status_text: str = ""
    url: str | None = None
    redirected: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.status, bool) or not isinstance(self.status, int):
            raise TypeError(f"status must be an int, got {self.status!r}")
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be between 200 and 599, got {self.status}")
        pairs = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        headers = tuple((name, value) for name, value in pairs)
        for pair in headers:
            if not all(isinstance(item, str) for item in pair):
                raise TypeError(f"headers must be pairs of str, got {pair!r}")
        object.__setattr__(self, "headers", headers)
        iterable = isinstance(self.body, (str, bytes, bytearray, memoryview, JsStream, AsyncIterable, Iterable))
        if self.body is not None and (not iterable or isinstance(self.body, Mapping)):
            raise TypeError(f"body must be bytes, str, an iterable of these or None, got {type(self.body).__name__}")


class _Chunks:
    """A body's chunks as bytes; closing it closes the iterable."""

    def __init__(self, iterable: AsyncIterable[Any] | Iterable[Any]) -> None:
        self._iterator: Any = aiter(iterable) if isinstance(iterable, AsyncIterable) else iter(iterable)
        self._awaited = isinstance(iterable, AsyncIterable)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._awaited:
            return _encoded(await anext(self._iterator))
        try:
            return _encoded(next(self._iterator))
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        close = getattr(self._iterator, "aclose" if self._awaited else "close", None)
        if close is not None:
            closing = close()
            if inspect.isawaitable(closing):
                await closing


def _encoded(chunk: Any) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    raise TypeError(f"a chunk of a response's body must be bytes or str, got {type(chunk).__name__}")


def _pieces(data: bytes) -> Iterable[bytes]:
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))


def _body(body: Body) -> bytes | JsStream | PyStreamSource | None:
    """Return the form in which a body crosses."""
    if body is None or isinstance(body, JsStream):
        return body
    if isinstance(body, (str, bytes, bytearray, memoryview)):
        data = _encoded(body)
        return data if len(data) <= _ONE_PIECE else PyStreamSource(_pieces(data), byte_stream=True)
    return PyStreamSource(_Chunks(body), byte_stream=True)


class Desk:
    """Answers one runtime: keeps the task of each request, so that JavaScript can abort it."""

    def __init__(self, handler: FetchHandler) -> None:
        self._handler = handler
        self._lock = threading.Lock()
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        # Requests that were aborted before their task ran, and the newest one that did.
        self._early: set[int] = set()
        self._newest = 0

    async def __call__(self, kind: str, number: int, *request: Any) -> list[Any] | None:
        if kind == "abort":
            self._abort(number)
            return None
        method, url, headers, redirect, body = request
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        with self._lock:
            self._newest = max(self._newest, number)
            if number in self._early:
                self._early.discard(number)
                raise asyncio.CancelledError
            self._tasks[number] = task
        try:
            data = body if body is None or isinstance(body, JsStream) else bytes(body)
            asked = FetchRequest(method, url, tuple((name, value) for name, value in headers), data, redirect)
            response: Any = self._handler(asked)
            if inspect.isawaitable(response):
                response = await response
        finally:
            with self._lock:
                self._tasks.pop(number, None)
        if not isinstance(response, FetchResponse):
            raise TypeError(f"the fetch handler must return a FetchResponse, got {type(response).__name__}")
        pairs = [list(pair) for pair in response.headers]
        return [response.status, response.status_text, pairs, _body(response.body), response.url, response.redirected]

    def _abort(self, number: int) -> None:
        with self._lock:
            task = self._tasks.get(number)
            if task is None and number > self._newest:
                self._early.add(number)
        if task is None:
            return
        loop = task.get_loop()
        if loop is asyncio.get_running_loop():
            task.cancel()
        elif not loop.is_closed():
            _portal.call_on(loop, task.cancel)


def bridge(handler: FetchHandler | Desk) -> Desk:
    """Return what a new runtime calls for its `fetch`."""
    return handler if isinstance(handler, Desk) else Desk(handler)
