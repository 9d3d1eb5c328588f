"""The library-independent half of a worker: the registry of cases, the clock, and the JSON-lines loop."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import inspect
import json
import os
import platform
import statistics
import sys
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")
Case = Callable[[], float] | Callable[[], Coroutine[Any, Any, float]]

BUDGET = 0.12  # seconds of timing per case and round
SLOW = 0.5  # an operation this long is timed on the run that was checked
BATCH = 0.01  # seconds one batch of a quick operation should last
TIMEOUT = 0.1  # seconds given to the endless loop
ISOLATES = 50
CROWD = 200

_cases: dict[str, Case] = {}


class WrongResult(AssertionError):
    """A library gave an answer that is not the right one, so its time means nothing."""


def case(function: Case) -> Case:
    """Register a case under the function's name; it returns seconds per operation, or bytes."""
    _cases[function.__name__] = function
    return function


def check(result: object, expected: object) -> None:
    if result != expected:
        raise WrongResult(f"got {result!r:.80}, expected {expected!r:.80}")


def measure(operation: Callable[[], object], expected: object, *, per: int = 1) -> float:
    """Check the result, then time batches of the operation: the median, in seconds per operation."""
    start = perf_counter()
    result = operation()
    cold = perf_counter() - start
    check(result, expected)
    if cold >= SLOW:
        return cold / per
    del result
    gc.collect()
    start = perf_counter()
    operation()
    warm = perf_counter() - start
    if warm >= BUDGET:
        return warm / per
    count = _batch_size(warm)
    samples = []
    deadline = perf_counter() + BUDGET
    while perf_counter() < deadline:
        start = perf_counter()
        for _ in range(count):
            operation()
        samples.append((perf_counter() - start) / count)
    return statistics.median(samples) / per


async def measure_async(operation: Callable[[], Awaitable[object]], expected: object, *, per: int = 1) -> float:
    """As `measure`, awaiting each operation before the next begins."""
    start = perf_counter()
    result = await operation()
    cold = perf_counter() - start
    check(result, expected)
    if cold >= SLOW:
        return cold / per
    del result
    gc.collect()
    start = perf_counter()
    await operation()
    warm = perf_counter() - start
    if warm >= BUDGET:
        return warm / per
    count = _batch_size(warm)
    samples = []
    deadline = perf_counter() + BUDGET
    while perf_counter() < deadline:
        start = perf_counter()
        for _ in range(count):
            await operation()
        samples.append((perf_counter() - start) / count)
    return statistics.median(samples) / per


def _batch_size(seconds: float) -> int:
    return max(1, min(10_000, int(BATCH / max(seconds, 1e-7))))


async def overshoot(endless: Awaitable[object], is_timeout: Callable[[Exception], bool]) -> float:
    """Seconds past `TIMEOUT` until the caller that awaits an endless script has its error."""
    start = perf_counter()
    try:
        await endless
    except Exception as error:
        late = perf_counter() - start - TIMEOUT
        if is_timeout(error) and late > -0.01:
            return late
        raise
    raise WrongResult("an endless script came to an end")


def memory_at_50(create: Callable[[], T], use: Callable[[T], object], close: Callable[[T], object]) -> float:
    """Resident bytes per isolate, from the second isolate on: the first pays for V8 itself."""
    alive = [create()]
    check(use(alive[0]), 2)
    before = _resident_bytes()
    for _ in range(ISOLATES):
        alive.append(create())
        check(use(alive[-1]), 2)
    grown = _resident_bytes() - before
    for isolate in alive:
        close(isolate)
    return grown / ISOLATES


def isolates_200(create: Callable[[], T], use: Callable[[T], object], close: Callable[[T], object]) -> float:
    """Seconds to create 200 isolates, use each once, and close them all."""
    start = perf_counter()
    alive = [create() for _ in range(CROWD)]
    for isolate in alive:
        check(use(isolate), 2)
    for isolate in alive:
        close(isolate)
    return perf_counter() - start


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:  # Linux only; elsewhere the case fails and says so
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(distribution: str) -> None:
    """Answer one line per request until stdin ends: first who this is, then one measurement each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    answer(
        {
            "version": importlib.metadata.version(distribution),
            "python": platform.python_version(),
            "cases": sorted(_cases),
        }
    )
    for line in sys.stdin:
        answer(_measured(json.loads(line)["case"]))
    os._exit(0)  # a library's threads must not keep the process


def _measured(name: str) -> dict[str, Any]:
    try:
        measured: Any = _cases[name]()
        if inspect.iscoroutine(measured):
            measured = asyncio.run(measured)
    except BaseException as error:  # a panic of a Rust library is a BaseException
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    finally:
        gc.collect()
    return {"value": measured}
