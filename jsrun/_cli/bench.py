"""`jsrun bench`: a quick table of what the common operations cost on this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from timeit import Timer

from jsrun import Runtime

from .exit_codes import OK
from .limits import seconds

_BATCH = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun bench`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--time", type=seconds, default=0.3, metavar="SECONDS", help="to spend on each row (default %(default)g)"
    )


def run(given: argparse.Namespace) -> int:
    """Measure and show; return the exit code."""
    if given.json:
        print(json.dumps(dict(_measured(given.time))))
        return OK
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("operation", title="jsrun on this machine, best of several runs")
    for heading in ("µs each", "per second"):
        table.add_column(heading, justify="right")
    with console.status("measuring"):
        for name, best in _measured(given.time):
            table.add_row(name, f"{best * 1e6:,.1f}", f"{1 / best:,.0f}")
    console.print(table)
    return OK


def _measured(budget: float) -> Iterator[tuple[str, float]]:
    with _cases() as cases:
        for name, (work, count) in cases.items():
            yield name, _best(work, budget) / count


def _best(work: Callable[[], object], budget: float) -> float:
    """Return the least seconds that one call took, over runs that fill the budget."""
    timer = Timer(work)
    work()
    end = perf_counter() + budget
    best = timer.timeit(1)
    number = max(1, int(budget / 10 / best))
    while perf_counter() < end:
        best = min(best, timer.timeit(number) / number)
    return best


@contextmanager
def _cases() -> Iterator[dict[str, tuple[Callable[[], object], int]]]:
    """Yield name to (work, operations in one go)."""
    rows = [{"id": number, "name": f"row {number}", "tags": ["a", "b"]} for number in range(100)]
    loop = asyncio.new_event_loop()
    with Runtime() as runtime:
        add = runtime.eval("(a, b) => a + b")
        echo = runtime.eval("(value) => value")
        runtime.bind_function("host", lambda number: number)
        calls = runtime.eval("(count) => { for (let i = 0; i < count; i++) host(i) }")

        async def awaited() -> None:
            await runtime.eval_async("1 + 1")

        async def many() -> None:
            await asyncio.gather(*(runtime.eval_async("Promise.resolve(1)") for _ in range(_BATCH)))

        def start() -> None:
            Runtime().close()

        try:
            yield {
                "start and close a runtime": (start, 1),
                "eval": (lambda: runtime.eval("1 + 1"), 1),
                "await eval_async": (lambda: loop.run_until_complete(awaited()), 1),
                f"eval_async, {_BATCH:,} at once": (lambda: loop.run_until_complete(many()), _BATCH),
                "call a JavaScript function": (lambda: add(1, 2), 1),
                "call a Python function": (lambda: calls(_BATCH), _BATCH),
                "100 rows there and back": (lambda: echo(rows), 1),
            }
        finally:
            loop.close()
