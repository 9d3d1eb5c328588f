"""Figures of one runtime at one moment."""

from __future__ import annotations

import dataclasses
from typing import TypedDict


class Figures(TypedDict):
    """Counters as the native half keeps them: times in nanoseconds, stops by cause in the core's numbering."""

    operations: int
    run_nanos: int
    last_nanos: int
    pending: int
    handles: int
    heap_used: int
    heap_total: int
    heap_physical: int
    external: int
    reports_dropped: int
    stops: list[int]
    kinds: list[int]
    last_kind: int


# In the core's numbering, from 1.
_KINDS = (None, "eval_sync", "eval_async", "call_function_sync", "call_function_async")


@dataclasses.dataclass(frozen=True)
class RuntimeStats:
    """A snapshot of counters. Sizes are bytes, times milliseconds.

    Attributes:
        heap_total_bytes: heap that V8 has reserved, as of its last idle moment.
        heap_used_bytes: heap in use, as of its last idle moment.
        external_memory_bytes: memory outside the heap that V8 knows of.
        physical_total_bytes: resident part of the heap.
        total_execution_time_ms: time spent in JavaScript commands.
        last_execution_time_ms: time of the last command.
        last_execution_kind: what the last evaluation or call was: ``"eval_sync"``, ``"eval_async"``,
            ``"call_function_sync"``, ``"call_function_async"``; ``None`` before the first.
        eval_sync_count: blocking evaluations.
        eval_async_count: awaited evaluations.
        call_function_sync_count: function calls of a blocked thread.
        call_function_async_count: function calls of an event loop.
        operations: commands run so far: evaluations, calls, bindings, awaited promises.
        active_async_ops: operations that wait for a promise.
        handles: JavaScript objects that Python holds.
        timeouts: operations stopped at their deadline, or when their CPU time was used up.
        cancellations: operations given up by their caller.
        heap_limit_hits: operations stopped at the heap limit.
        reports_dropped: unhandled rejections and uncaught errors that were not told, because too many waited.
    """

    heap_total_bytes: int
    heap_used_bytes: int
    external_memory_bytes: int
    physical_total_bytes: int
    total_execution_time_ms: float
    last_execution_time_ms: float
    last_execution_kind: str | None
    eval_sync_count: int
    eval_async_count: int
    call_function_sync_count: int
    call_function_async_count: int
    operations: int
    active_async_ops: int
    handles: int
    timeouts: int
    cancellations: int
    heap_limit_hits: int
    reports_dropped: int


def from_native(figures: Figures) -> RuntimeStats:
    """Build the statistics from the native counters."""
    stops, kinds = figures["stops"], figures["kinds"]
    return RuntimeStats(
        heap_total_bytes=figures["heap_total"],
        heap_used_bytes=figures["heap_used"],
        external_memory_bytes=figures["external"],
        physical_total_bytes=figures["heap_physical"],
        total_execution_time_ms=figures["run_nanos"] / 1e6,
        last_execution_time_ms=figures["last_nanos"] / 1e6,
        last_execution_kind=_KINDS[figures["last_kind"]],
        eval_sync_count=kinds[0],
        eval_async_count=kinds[1],
        call_function_sync_count=kinds[2],
        call_function_async_count=kinds[3],
        operations=figures["operations"],
        active_async_ops=figures["pending"],
        handles=figures["handles"],
        timeouts=stops[1] + stops[8],
        cancellations=stops[2],
        heap_limit_hits=stops[3],
        reports_dropped=figures["reports_dropped"],
    )
