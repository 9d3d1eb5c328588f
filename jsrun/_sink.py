"""Python objects as JavaScript WritableStreams, and the loop on which the Python side of a stream runs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from . import _bridge, _portal
from ._jsrun import Feed, LoopBridge


def place() -> tuple[asyncio.AbstractEventLoop, LoopBridge]:
    """Return the loop on which Python code of a stream runs: the running one, else the portal's."""
    if asyncio._get_running_loop() is not None:
        return asyncio.get_running_loop(), _bridge.current()
    return _portal.run(lambda: (asyncio.get_running_loop(), _bridge.current()))


class Sink:
    """A Python object on its way to JavaScript, where it is a `WritableStream`."""

    def __init__(self, target: Any) -> None:
        if not callable(getattr(target, "write", None)):
            raise TypeError(f"an object to write to needs a write method, {type(target).__name__} has none")
        self._target = target
        self._loop, self._bridge = place()

    def attach(self, _feed: Feed) -> tuple[list[Callable[..., Any]], LoopBridge, int | None, bool]:
        """Hand the object to a JavaScript stream. Called by the native walker."""
        return [self._write, self._close, self._abort], self._bridge, None, False

    def _write(self, chunk: Any) -> Any:
        return _on(self._loop, self._writing(chunk))

    async def _writing(self, chunk: Any) -> None:
        await _settled(self._target.write(chunk))
        drain = getattr(self._target, "drain", None)
        if drain is not None:
            await _settled(drain())

    def _close(self) -> Any:
        return _on(self._loop, self._closing())

    async def _closing(self) -> None:
        end = getattr(self._target, "aclose", None) or getattr(self._target, "close", None)
        if end is not None:
            await _settled(end())

    def _abort(self, reason: Any = None) -> Any:
        return _on(self._loop, self._aborting(reason))

    async def _aborting(self, reason: Any) -> None:
        abort = getattr(self._target, "abort", None)
        if abort is not None:
            await _settled(abort(reason))
        else:
            await self._closing()


async def _settled(result: Any) -> None:
    if inspect.isawaitable(result):
        await result


async def _on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Await ``work`` on ``loop``, from whichever loop this is."""
    if asyncio.get_running_loop() is loop:
        return await work
    if loop.is_closed():
        work.close()
        raise RuntimeError("the event loop of this stream's Python side is closed")
    return await asyncio.wrap_future(_portal.run_on(loop, work))
