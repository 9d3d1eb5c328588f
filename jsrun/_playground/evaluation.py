"""One run: evaluates code under a deadline, follows its stream and its timers, and tells how it went."""

from __future__ import annotations

import asyncio
import contextlib
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
    RuntimeStats,
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
_NOTICE_SECONDS = 0.1


class Evaluation:
    """A run in a visitor's isolate.

    Args:
        runtime: the isolate.
        outbox: where its events go; the last one is ``end``.
        source: the code.
        limits: those of the playground.
    """

    def __init__(self, runtime: Runtime, outbox: Outbox, source: Source, limits: PlaygroundLimits) -> None:
        self.outbox = outbox
        self._source = source
        self._runtime = runtime
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._work: asyncio.Task[None] | None = None
        self._stream: JsStream | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Stop it; it ends as cancelled unless it has ended already."""
        self._cancelled = True
        if self._work is not None:
            self._work.cancel()

    async def drive(self) -> bool:
        """Run to the end; return whether the isolate can be used again."""
        before = self._stats()
        status, usable, took = "cancelled", False, 0.0
        try:
            if not self._cancelled:
                self._work = asyncio.create_task(self._evaluate())
                await asyncio.wait({self._work})
                took = self._loop.time() - self._start
                status = self._status(self._work)
            usable = status == "ok" or await self._clear()
        finally:
            # Whatever happens: somebody reads until there is an end.
            self.outbox.end_console()
            self.outbox.put("end", status=status, milliseconds=took * 1000, **_figures(before, self._stats()))
        return usable

    async def _evaluate(self) -> None:
        value = await self._value()
        if isinstance(value, JsPromise):
            value = await asyncio.wait_for(value, self._left())
        if isinstance(value, JsStream):
            await self._follow(value)
        else:
            self.outbox.put("result", value=value_tree(value))
            # What it holds of JavaScript's is not needed while its timers run.
            del value
        await self._runtime.eval_async(IDLE, timeout=self._left())

    async def _value(self) -> Any:
        text, name = self._source.text, self._source.name
        try:
            return await self._runtime.eval_async(in_repl_mode(text), timeout=self._left(), filename=name)
        except JavaScriptError as error:
            if error.name != "SyntaxError" or error.source is None or error.source[1] <= self._source.lines():
                raise
        # It stops in the middle: the place is in what was appended. As it was typed, the place is right.
        return await self._runtime.eval_async(text, timeout=self._left(), filename=name)

    async def _follow(self, stream: JsStream) -> None:
        """Tell each chunk as it comes."""
        self._stream = stream
        self.outbox.put("stream")
        for _ in range(self._limits.stream_chunks):
            left = self._left()
            await asyncio.wait_for(self.outbox.room(), left)
            try:
                chunk = await stream.read(timeout=self._left())
            except StreamEnded:
                return
            self.outbox.put("chunk", value=value_tree(chunk))
        self.outbox.put("cut", chunks=self._limits.stream_chunks)
        await stream.aclose(timeout=self._left())

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
        self.outbox.put("error", error=error_report(error, self._source))
        if isinstance(error, JavaScriptTimeout):
            return "timeout"
        return "heap" if isinstance(error, HeapLimitExceeded) else "error"

    async def _clear(self) -> bool:
        """Take from a run that was cut short what it would still do; return whether the isolate can be used again."""
        try:
            if self._stream is not None:
                # A generator that waits for something takes no notice before it has that.
                with contextlib.suppress(JavaScriptTimeout, JavaScriptError):
                    await self._stream.aclose(timeout=_NOTICE_SECONDS)
            await self._runtime.eval_async(CLEAR, timeout=_CLEARING_SECONDS)
        except (JavaScriptError, JsrunError):
            return False
        return True

    def _stats(self) -> RuntimeStats | None:
        """Return the isolate's figures; ``None`` when it is gone."""
        try:
            return self._runtime.get_stats()
        except JsrunError:
            return None


def _figures(before: RuntimeStats | None, after: RuntimeStats | None) -> dict[str, Any]:
    if before is None or after is None:
        return {}
    return {
        "busy": after.total_execution_time_ms - before.total_execution_time_ms,
        "heap": after.heap_used_bytes,
        "external": after.external_memory_bytes,
    }
