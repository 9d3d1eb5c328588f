"""Soak: thousands of runtimes made, used and closed, thousands alive at once; what the process holds must not grow.

    python run.py [--cycles 10000] [--alive 2000] [--limit] [--output DIR]

Needs jsrun with its `cli` extra, Linux, and matplotlib for the plot. Writes latest.json, latest.md and latest.svg. The
exit status is 1 when something grew faster than stated, or was left.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from alive import crowd, fill
from fit import Stated, judge
from gauges import Reading, settled, system_limits
from phases import PHASES
from report import render
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import jsrun
from jsrun import _jsrun

HERE = Path(__file__).resolve().parent
# Each benchmark is a program of its own; what they share lies one folder up.
sys.path.append(str(HERE.parent))

from provenance import commit, machine  # noqa: E402

READINGS = 100
# What a cycle may leave behind at most. A runtime is 2.6 MB, so 512 bytes are one in 5,000. A short run cannot tell
# growth from filling: a tenth of a runtime, and one thread or descriptor in 20 cycles.
LONG, SHORT = Stated(rss=512, pieces=0.002), Stated(rss=262_144, pieces=0.05)
LONG_FROM = 500


def stated(cycles: int) -> Stated:
    return LONG if cycles >= LONG_FROM else SHORT


def warm_up() -> None:
    """Make what a process makes only once."""
    for opened, *_ in PHASES.values():
        with opened() as cycle:
            for _ in range(3):
                cycle()


def soak(name: str, cycles: int, progress: Progress) -> dict[str, Any]:
    """Run one phase: its readings, one verdict per column, and what was left when it had ended."""
    task = progress.add_task(name, total=cycles)
    before = Reading.take()
    every = max(1, cycles // READINGS)
    done: list[int] = []
    readings: list[Reading] = []
    seconds: list[float] = []
    opened, _, before_first = PHASES[name]
    with opened() as cycle:
        for _ in range(before_first * cycles):
            cycle()
        start = time.perf_counter()
        for number in range(1, cycles + 1):
            cycle()
            if number % every == 0:
                done.append(number)
                seconds.append(time.perf_counter() - start)
                # Not of threads about to end, nor of new ones that have no name yet.
                readings.append(settled(readings[0], patience=1) if readings else Reading.take())
                progress.update(task, completed=number)
    # It holds the phase's loop, and that its descriptor.
    del cycle
    took = time.perf_counter() - start
    after = settled(before)
    columns = {
        field.name: [float(getattr(reading, field.name)) for reading in readings]
        for field in dataclasses.fields(Reading)
        # Mappings follow the heaps' free pages up and down, and go with memory.
        if field.name != "mappings"
    }
    return {
        "cycles": cycles,
        "seconds": took,
        "before": dataclasses.asdict(before),
        "after": dataclasses.asdict(after),
        "left": after.beyond(before),
        "verdict": judge(done, columns, stated(cycles)),
        "readings": [
            {"cycle": cycle, "seconds": second, **dataclasses.asdict(reading)}
            for cycle, second, reading in zip(done, seconds, readings, strict=True)
        ],
    }


def failures(run: dict[str, Any]) -> list[str]:
    """What did not hold, in words."""
    found = []
    for name, phase in run["phases"].items():
        found += [
            f"{name}: {column} grows by {line['slope']:.4g} per cycle, at most {line['most']:g} are stated"
            for column, line in phase["verdict"].items()
            if not line["holds"]
        ]
        found += [f"{name}: {count} {what} left" for what, count in phase["left"].items() if count]
    found += [f"alive: {count} {what} left" for what, count in run["alive"]["left"].items() if count]
    return found


def measure(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    started = datetime.now(timezone.utc)
    load = os.getloadavg()[0]
    warm_up()
    with Progress(*columns, console=console) as progress:
        phases = {
            name: soak(name, max(3, int(options.cycles * part)), progress)
            for name, (_, part, _) in PHASES.items()
            if name in (options.phase or PHASES)
        }
        alive = crowd(options.alive, options.rest, progress)
        limit = fill(progress) if options.limit else None
    return {
        "date": started.isoformat(timespec="seconds"),
        "machine": machine(),
        "commit": commit(),
        "versions": {"python": platform.python_version(), "jsrun": jsrun.__version__, "v8": _jsrun.v8_version()},
        "limits": system_limits(),
        "load_before": load,
        "phases": phases,
        "alive": alive,
        "limit": limit,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=10_000, help="cycles of all phases together")
    parser.add_argument("--phase", action="append", choices=PHASES, help="these phases")
    parser.add_argument("--alive", type=int, default=2_000, help="runtimes alive at once")
    parser.add_argument("--rest", type=float, default=30.0, help="seconds until V8 has given its pages back, too")
    parser.add_argument("--limit", action="store_true", help="also make runtimes until one is refused")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="where the results go")
    parser.add_argument("--no-plot", action="store_true", help="write no latest.svg")
    options = parser.parse_args()
    console = Console()
    run = measure(options, console)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "latest.json").write_text(json.dumps(run, indent=1) + "\n")
    (options.output / "latest.md").write_text(render(run))
    if not options.no_plot:
        from plot import draw

        draw(run, options.output / "latest.svg")
    found = failures(run)
    for failure in found:
        console.print(f"[red]{failure}[/red]")
    console.print(f"results in {options.output}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
