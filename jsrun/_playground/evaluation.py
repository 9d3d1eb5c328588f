"""One run: evaluates code under a deadline, follows its stream and its timers, and tells how it went."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from jsrun import (
    HeapLimitExceeded,
    JavaScriptError,
    JavaScriptTimeout,
    JsPromise,
    JsrunError,
    JsStream,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
    StreamEnded,
)
from jsrun._idle import CLEAR, IDLE
from jsrun._repl_mode import in_repl_mode

from .bounds import PlaygroundLimits
from .error_report import Source, error_report
from .outbox import Outbox
from .value_tree import value_tree

_log = logging.getLogger("jsrun.playground")
# For clearing timers, which needs a turn of the isolate's thread.
_CLEARING_SECONDS = 1.0


class Evaluation:
    """A run in a visitor's isolate.

    Args:
        runtime: the isolate.
        outbox: where its events go; the last one is ``end``.
        source: the code.
        limits: those of the playground.
    """

    def __init__(self, runtime: Runtime, outbox: Outbox, source: Source, limits: PlaygroundLimits) -> None:
        self.source = source
        self._runtime = runtime
        self._outbox = outbox
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._work: asyncio.Task[None] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Stop it; it ends as cancelled unless it has ended already."""
        self._cancelled = True
        if self._work is not None:
            self._work.cancel()

    async def drive(self) -> bool:
        """Run to the end; return whether the isolate can be used again."""
        self._outbox.begin()
        busy = self._runtime.get_stats().total_execution_time_ms
        status = "cancelled"
        if not self._cancelled:
            self._work = asyncio.create_task(self._evaluate())
            await asyncio.wait({self._work})
            status = self._status(self._work)
        took = self._loop.time() - self._start
        usable = status == "ok" or await self._clear_timers()
        self._outbox.end_console()
        self._outbox.put("end", status=status, milliseconds=took * 1000, **self._figures(busy))
        return usable

    async def _evaluate(self) -> None:
        value = await self._value()
        if isinstance(value, JsPromise):
            value = await asyncio.wait_for(value, self._left())
        if isinstance(value, JsStream):
            await self._follow(value)
        else:
            self._outbox.put("result", value=value_tree(value))
            # What it holds of JavaScript's is not needed while its timers run.
            del value
        await self._runtime.eval_async(IDLE, timeout=self._left())

    async def _value(self) -> Any:
        text, name = self.source.text, self.source.name
        try:
            return await self._runtime.eval_async(in_repl_mode(text), timeout=self._left(), filename=name)
        except JavaScriptError as error:
            if error.name != "SyntaxError" or error.source is None or error.source[1] <= self.source.lines():
                raise
        # It stops in the middle: the place is in what was appended. As it was typed, the place is right.
        return await self._runtime.eval_async(text, timeout=self._left(), filename=name)

    async def _follow(self, stream: JsStream) -> None:
        """Tell each chunk as it comes."""
        self._outbox.put("stream")
        async with stream:
            for _ in range(self._limits.stream_chunks):
                try:
                    chunk = await stream.read(timeout=self._left())
                except StreamEnded:
                    return
                self._outbox.put("chunk", value=value_tree(chunk))
        self._outbox.put("cut", chunks=self._limits.stream_chunks)

    def _left(self) -> float:
        left = self._start + self._limits.timeout - self._loop.time()
        if left <= 0:
            raise JavaScriptTimeout(self._late())
        return left

    def _late(self) -> str:
        return f"the run did not end within {self._limits.timeout:g} s"

    def _status(self, work: asyncio.Task[None]) -> str:
        """Tell how the work ended, and report what went wrong."""
        if work.cancelled():
            return "cancelled"
        error = work.exception()
        if error is None:
            return "ok"
        if self._cancelled and isinstance(error, (RuntimeClosed, RuntimeTerminated)):
            return "cancelled"
        if isinstance(error, (JavaScriptTimeout, asyncio.TimeoutError)):
            # What was left for the last step is of no interest.
            error = JavaScriptTimeout(self._late())
        elif not isinstance(error, (JavaScriptError, JsrunError)):
            _log.error("a run failed by itself", exc_info=error)
        self._outbox.put("error", error=error_report(error, self.source))
        if isinstance(error, JavaScriptTimeout):
            return "timeout"
        return "heap" if isinstance(error, HeapLimitExceeded) else "error"

    async def _clear_timers(self) -> bool:
        """Take from a run that was cut short what it would still do."""
        try:
            await self._runtime.eval_async(CLEAR, timeout=_CLEARING_SECONDS)
        except (JavaScriptError, JsrunError):
            return False
        return True

    def _figures(self, busy: float) -> dict[str, Any]:
        if self._runtime.is_closed():
            return {}
        stats = self._runtime.get_stats()
        return {
            "busy": stats.total_execution_time_ms - busy,
            "heap": stats.heap_used_bytes,
            "external": stats.external_memory_bytes,
        }
