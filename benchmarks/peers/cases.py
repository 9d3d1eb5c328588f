"""The cases of the side-by-side benchmark: what each measures, its goal, and how each library does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JSRUN = "jsrun"
PYPI = "pypi-jsrun"
RACER = "mini-racer"

# Column title and worker script per library, in the order they are run and shown.
LIBRARIES: Mapping[str, tuple[str, str]] = {
    JSRUN: ("jsrun (this checkout)", "worker_jsrun.py"),
    PYPI: ("jsrun (PyPI)", "worker_pypi_jsrun.py"),
    RACER: ("mini-racer", "worker_mini_racer.py"),
}
PEERS = (PYPI, RACER)

# What one unit is worth in what a worker returns (seconds or bytes).
UNITS: Mapping[str, float] = {"µs": 1e-6, "ms": 1e-3, "MiB": float(1 << 20)}


@dataclass(frozen=True)
class Case:
    """One row of the table. The smaller a measurement, the better, in every case."""

    key: str
    title: str
    unit: str
    description: str
    times_better: float = 1.0  # goal: at least this many times better than the better peer
    below: float | None = None  # goal: an absolute bound in `unit`, in place of the ratio
    versus: str | None = None  # the peers' case to compare with, when peers do not have this one
    max_rounds: int | None = None  # for cases too heavy to repeat in every round
    timeout: float = 20.0  # seconds one measurement may take, set-up included
    fresh_process: bool = False  # measure in a process in which nothing ran before
    notes: Mapping[str, str] = field(default_factory=dict)  # library -> how it does it, when not the obvious way
    unsupported: Mapping[str, str] = field(default_factory=dict)  # library -> why it cannot

    @property
    def goal(self) -> str:
        if self.below is not None:
            return f"< {self.below:g} {self.unit}"
        return f"≥ {self.times_better:g}x" if self.times_better > 1 else "better than both"

    def supports(self, library: str) -> bool:
        return library not in self.unsupported


_JSON_OUT = {RACER: "`execute()`: JSON text out of JavaScript, `json.loads` in Python"}
_JSON_IN = {RACER: "`call()`: `json.dumps` in Python, JSON text into JavaScript"}
_NO_SYNC_HOST = {RACER: "no synchronous host functions: every wrapped function returns a promise to JavaScript"}
_NO_INLINE = dict.fromkeys(PEERS, "no such option; compared with the sync host call of a blocking eval")
_RACER_HOST = {RACER: "an `async def` through `wrap_py_function`, in the program's own event loop"}
_NO_STREAMS = {RACER: "no streams"}
_RACER_BLOCKING = {RACER: "from a program without a running loop, through mini-racer's own loop thread"}

CASES: tuple[Case, ...] = (
    Case("create_eval_close", "create + eval + close", "ms", "A new isolate, one eval, close.", 2),
    Case("blocking_eval", "blocking eval", "µs", "`1 + 1`, on the same isolate.", 5, notes=_RACER_BLOCKING),
    Case("blocking_call", "blocking function call", "µs", "`(a, b) => a + b` called with two ints.", 5,
         notes=_RACER_BLOCKING),
    Case("awaited_eval", "awaited eval, one after another", "µs", "`await` of `1 + 1`, each after the last.", 5,
         notes={RACER: "`eval_cancelable` in the program's own event loop"}),
    Case("awaited_eval_1000", "awaited eval, 1,000 at once (per op)", "µs", "`asyncio.gather` of 1,000 evals.", 20,
         notes={RACER: "`eval_cancelable` in the program's own event loop"}),
    Case("awaited_promise", "awaited promise", "µs", "`await` of `Promise.resolve(1)`.",
         notes={RACER: "`await mr.eval(...)`: blocks for the eval, awaits the promise (quicker than awaiting both)"}),
    Case("awaited_call", "awaited function call", "µs", "`(a, b) => a + b` called with two ints, awaited.", 5,
         notes={PYPI: "`call_async`", RACER: "`cancelable()`"}),
    Case("sync_host_blocking", "sync host call in a blocking eval (per call)", "µs",
         "A JavaScript loop of 1,000 calls of a Python function inside one eval.", 2, unsupported=_NO_SYNC_HOST),
    Case("sync_host_awaited", "sync host call in an awaited eval (per call)", "µs",
         "The same loop under `await`: the Python function runs on the event loop's thread.", 2,
         unsupported=_NO_SYNC_HOST),
    Case("sync_host_inline", "sync host call, `inline=True` (per call)", "µs",
         "The same loop, with a function bound to run on the isolate's own thread.", 8,
         versus="sync_host_blocking", unsupported=_NO_INLINE),
    Case("async_host_sequence", "async host call, in sequence (per call)", "µs",
         "200 calls of an `async def`, each awaited by JavaScript before the next.", 5, notes=_RACER_HOST),
    Case("async_host_parallel", "async host call, 1,000 in parallel (per call)", "µs",
         "`Promise.all` over 1,000 calls of an `async def`.", 15, notes=_RACER_HOST),
    Case("rows_to_python", "20,000 rows to Python", "ms", "An array of 20,000 objects of 5 fields.", 3,
         notes=_JSON_OUT),
    Case("rows_to_js", "20,000 rows to JavaScript", "ms", "A list of 20,000 dicts as the argument of a call.", 3,
         notes=_JSON_IN),
    Case("floats_to_python", "200,000 floats to Python", "ms", "An array of 200,000 numbers, to a list.", 3,
         notes=_JSON_OUT),
    Case("floats_to_js", "200,000 floats to JavaScript", "ms", "A list of 200,000 floats, to an array.", 3,
         notes=_JSON_IN),
    Case("bytes_to_python", "16 MiB of bytes to Python", "ms", "A `Uint8Array` of 16 MiB, to `bytes`.", 3,
         notes={RACER: "a copy, `bytes()` of the memoryview it returns over the live buffer"}),
    Case("bytes_to_js", "16 MiB of bytes to JavaScript", "ms", "`bytes` of 16 MiB as the argument of a call.", 3,
         notes={RACER: "takes no bytes: written through the memoryview of a `new ArrayBuffer`"}),
    Case("text_to_python", "8 MiB string to Python", "ms", "An ASCII string of 8 Mi characters.", 3),
    Case("text_to_js", "8 MiB string to JavaScript", "ms", "The same string as the argument of a call.", 3),
    Case("stream_objects_to_python", "stream of objects to Python (per chunk)", "µs",
         "A `ReadableStream` of 2,000 objects of 3 fields, by `async for`.", 40, unsupported=_NO_STREAMS),
    Case("stream_objects_to_js", "stream of objects to JavaScript (per chunk)", "µs",
         "An async generator of 2,000 dicts, by `getReader()`.", 40, unsupported=_NO_STREAMS),
    Case("stream_blocks_to_python", "stream of 64 KiB blocks to Python (per chunk)", "µs",
         "A `ReadableStream` of 200 `Uint8Array`s, by `async for`.", 3, unsupported=_NO_STREAMS),
    Case("stream_blocks_to_js", "stream of 64 KiB blocks to JavaScript (per chunk)", "µs",
         "An async generator of 200 `bytes`, by `getReader()`.", 3, unsupported=_NO_STREAMS),
    Case("memory_at_50", "memory per live isolate at 50", "MiB",
         "Growth of the resident set from one live isolate to 51, each having run one eval.", max_rounds=2, timeout=30,
         fresh_process=True),
    Case("isolates_200", "200 isolates alive at once: created, used, closed", "ms",
         "All created, then one eval in each, then all closed.", max_rounds=2, timeout=15, fresh_process=True),
    Case("timeout_overshoot", "overshoot of a 100 ms timeout on `while (true) {}`", "ms",
         "Time past 100 ms until the awaiting caller has its error; a new isolate each time.", below=20,
         fresh_process=True, notes={RACER: "`asyncio.wait_for` around `eval_cancelable`"}),
)  # fmt: skip
