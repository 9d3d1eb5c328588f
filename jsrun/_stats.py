"""Figures of one runtime at one moment."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, TypedDict

#: Operations by kind, in the core's numbering.
KINDS: Final = (
    "eval_sync",
    "eval_async",
    "call_function_sync",
    "call_function_async",
    "eval_module_sync",
    "eval_module_async",
    "await_promise_sync",
    "await_promise_async",
)


class Figures(TypedDict):
    """Counters as the native half keeps them: times in nanoseconds, stops by cause in the core's numbering.

    Streams as active, total, chunks, bytes; timers as those that run once, and intervals.
    """

    operations: int
    run_nanos: int
    last_nanos: int
    live: int
    pending: int
    host_calls: int
    modules: int
    handles: int
    heap_used: int
    heap_total: int
    heap_physical: int
    heap_limit: int
    external: int
    buffers: int
    code_cache_hits: int
    code_cache_misses: int
    reports_dropped: int
    last_kind: int
    timers: list[int]
    js_streams: list[int]
    host_streams: list[int]
    stops: list[int]
    kinds: list[int]


_LENGTHS: Final = {"timers": 2, "js_streams": 4, "host_streams": 4, "stops": 10, "kinds": len(KINDS)}


def are_sound(figures: Any) -> bool:
    """Whether this has the form of `Figures`: it comes from a child process, which may say anything."""
    if not isinstance(figures, dict) or figures.keys() != Figures.__annotations__.keys():
        return False
    for name, figure in figures.items():
        numbers = figure if name in _LENGTHS else [figure]
        if not isinstance(numbers, list) or len(numbers) != _LENGTHS.get(name, 1):
            return False
        if not all(type(number) is int and number >= 0 for number in numbers):
            return False
    return True


@dataclasses.dataclass(frozen=True)
class InterruptStats:
    """Operations that were stopped, by what stopped them.

    Attributes:
        timeout: their deadline passed.
        cpu_timeout: their CPU time was used up.
        cancel: their caller gave them up, such as a cancelled task.
        signal: a signal handler raised while their caller blocked, as Ctrl-C does.
        heap_limit: the heap was full.
        terminate: `Runtime.terminate`, or a debugger that stops the script.
        close: the runtime ended.
        unreachable: nothing alive could settle their promise.
        lost: their promise jobs were dropped with those of another operation that was stopped.
    """

    timeout: int
    cpu_timeout: int
    cancel: int
    signal: int
    heap_limit: int
    terminate: int
    close: int
    unreachable: int
    lost: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(dataclasses.astuple(self))


@dataclasses.dataclass(frozen=True)
class RuntimeStats:
    """Counters of a runtime at one moment. Sizes are bytes, times seconds.

    Attributes:
        heap_total_bytes: heap that V8 has reserved, as of its last idle moment or collection.
        heap_used_bytes: heap in use, as of the same moment.
        heap_limit_bytes: what the heap may grow to.
        external_memory_bytes: memory outside the heap that V8 knows of.
        physical_total_bytes: resident part of the heap.
        buffer_bytes: memory of array buffers at this moment, of those that Python keeps too.
        total_execution_time: time that JavaScript was on the runtime's stack, host functions it waited for included; up
            to when it last left.
        last_execution_time: time that the last operation took before it ended or waited.
        last_execution_kind: what the last operation was: ``"eval"``, ``"eval_module"``, ``"call_function"`` or
            ``"await_promise"`` with ``"_sync"`` or ``"_async"`` after it; ``None`` before the first.
        eval_sync_count: blocking evaluations.
        eval_async_count: awaited evaluations.
        call_function_sync_count: function calls that block.
        call_function_async_count: awaited function calls (`JsFunction.call_async`).
        eval_module_sync_count: blocking evaluations of modules.
        eval_module_async_count: awaited evaluations of modules.
        await_promise_sync_count: promises in Python's hands that a thread blocked for (`JsPromise.wait`).
        await_promise_async_count: promises in Python's hands that were awaited.
        operations: commands run so far: those above, bindings, reads of streams.
        active_operations: operations that have begun and not ended.
        active_async_ops: those of them that wait for a promise.
        host_calls: host functions that JavaScript waits for or awaits at this moment.
        timers: timers that are set and run once.
        intervals: timers that are set and repeat.
        modules: modules that the runtime knows.
        handles: JavaScript objects that Python holds.
        interrupts: operations that were stopped, by cause.
        timeouts: operations stopped at their deadline, or when their CPU time was used up.
        cancellations: operations given up by their caller, signals included.
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
    heap_limit_bytes: int
    external_memory_bytes: int
    physical_total_bytes: int
    buffer_bytes: int
    total_execution_time: float
    last_execution_time: float
    last_execution_kind: str | None
    eval_sync_count: int
    eval_async_count: int
    call_function_sync_count: int
    call_function_async_count: int
    eval_module_sync_count: int
    eval_module_async_count: int
    await_promise_sync_count: int
    await_promise_async_count: int
    operations: int
    active_operations: int
    active_async_ops: int
    host_calls: int
    timers: int
    intervals: int
    modules: int
    handles: int
    interrupts: InterruptStats
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

    @property
    def total_execution_time_ms(self) -> float:
        """`total_execution_time` in milliseconds."""
        return self.total_execution_time * 1e3

    @property
    def last_execution_time_ms(self) -> float:
        """`last_execution_time` in milliseconds."""
        return self.last_execution_time * 1e3


def _interrupts(stops: list[int]) -> InterruptStats:
    _, timeout, cancel, heap_limit, terminate, close, unreachable, lost, cpu_timeout, signal = stops
    return InterruptStats(timeout, cpu_timeout, cancel, signal, heap_limit, terminate, close, unreachable, lost)


def stopped(figures: Figures) -> int:
    """Return how many operations were stopped in the middle of what they did, and may have left it half done."""
    interrupts = _interrupts(figures["stops"])
    return (
        interrupts.timeout
        + interrupts.cpu_timeout
        + interrupts.cancel
        + interrupts.signal
        + interrupts.heap_limit
        + interrupts.terminate
    )


def from_native(figures: Figures) -> RuntimeStats:
    """Build the statistics from the native counters."""
    interrupts = _interrupts(figures["stops"])
    counts = {f"{kind}_count": count for kind, count in zip(KINDS, figures["kinds"], strict=True)}
    from_js, from_py = figures["js_streams"], figures["host_streams"]
    return RuntimeStats(
        heap_total_bytes=figures["heap_total"],
        heap_used_bytes=figures["heap_used"],
        heap_limit_bytes=figures["heap_limit"],
        external_memory_bytes=figures["external"],
        physical_total_bytes=figures["heap_physical"],
        buffer_bytes=figures["buffers"],
        total_execution_time=figures["run_nanos"] / 1e9,
        last_execution_time=figures["last_nanos"] / 1e9,
        last_execution_kind=KINDS[figures["last_kind"] - 1] if figures["last_kind"] else None,
        **counts,
        operations=figures["operations"],
        active_operations=figures["live"],
        active_async_ops=figures["pending"],
        host_calls=figures["host_calls"],
        timers=figures["timers"][0],
        intervals=figures["timers"][1],
        modules=figures["modules"],
        handles=figures["handles"],
        interrupts=interrupts,
        timeouts=interrupts.timeout + interrupts.cpu_timeout,
        cancellations=interrupts.cancel + interrupts.signal,
        heap_limit_hits=interrupts.heap_limit,
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
