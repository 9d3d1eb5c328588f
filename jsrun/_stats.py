"""Figures of one runtime at one moment."""

from __future__ import annotations

import dataclasses
from typing import TypedDict


class Figures(TypedDict):
    """Counters as the native half keeps them: times in nanoseconds, stops by cause in the core's numbering.

    Streams as active, total, chunks, bytes.
    """

    operations: int
    run_nanos: int
    last_nanos: int
    pending: int
    handles: int
    heap_used: int
    heap_total: int
    heap_physical: int
    external: int
    code_cache_hits: int
    code_cache_misses: int
    js_streams: list[int]
    host_streams: list[int]
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
        code_cache_hits: large sources whose compiled code was there.
        code_cache_misses: large sources that were compiled anew.
        active_js_streams: JavaScript streams that Python holds and that have not ended.
        active_py_streams: Python iterables that JavaScript holds as streams and that have not ended.
        total_js_streams: JavaScript streams that came to Python so far.
        total_py_streams: Python iterables that became JavaScript streams so far.
        chunks_streamed_js_to_py: chunks of JavaScript streams that were made ready for Python.
        chunks_streamed_py_to_js: chunks that Python iterables gave.
        bytes_streamed_js_to_py: their size as encoded, roughly that of the data.
        bytes_streamed_py_to_js: likewise.
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
    code_cache_hits: int
    code_cache_misses: int
    active_js_streams: int
    active_py_streams: int
    total_js_streams: int
    total_py_streams: int
    chunks_streamed_js_to_py: int
    chunks_streamed_py_to_js: int
    bytes_streamed_js_to_py: int
    bytes_streamed_py_to_js: int
    reports_dropped: int


def from_native(figures: Figures) -> RuntimeStats:
    """Build the statistics from the native counters."""
    stops, kinds = figures["stops"], figures["kinds"]
    from_js, from_py = figures["js_streams"], figures["host_streams"]
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
        code_cache_hits=figures["code_cache_hits"],
        code_cache_misses=figures["code_cache_misses"],
        active_js_streams=from_js[0],
        active_py_streams=from_py[0],
        total_js_streams=from_js[1],
        total_py_streams=from_py[1],
        chunks_streamed_js_to_py=from_js[2],
        chunks_streamed_py_to_js=from_py[2],
        bytes_streamed_js_to_py=from_js[3],
        bytes_streamed_py_to_js=from_py[3],
        reports_dropped=figures["reports_dropped"],
    )
