"""Leave the interpreter over and over: each exit program of the tests, its exit code, and how long leaving takes.

    python exits.py [--times 200] [--side-by-side 2] [--only NAME] [--output DIR]

Needs jsrun with its `cli` extra, and pytest. Writes exits.json and exits.md. The exit status is 1 when a program ended
with another code than expected, with an error on its way out, or took longer than two seconds from saying "ok".
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent / "tests"
sys.path += [str(HERE.parent), str(TESTS)]

from provenance import commit, machine  # noqa: E402
from test_crash import EXPECTED, NOISE  # noqa: E402

MOST = 2.0
PATIENCE = 60.0
PROGRAMS = sorted(name for name in EXPECTED if name.startswith("exit_") or name in {"pool_exit", "interrupt_uncaught"})


def leave(name: str) -> dict[str, Any]:
    """Run a program once: seconds from "ok" to its end, and what went wrong, if anything."""
    expected = EXPECTED[name]
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", str(TESTS / "crash" / f"{name}.py")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "always"},
    )
    said = time.monotonic()
    assert process.stdout is not None
    for line in process.stdout:
        if "ok" in line.split():
            said = time.monotonic()
            break
    try:
        _, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        _, errors = process.communicate()
    seconds = time.monotonic() - said
    wrong = None
    if process.returncode != expected.code:
        wrong = f"exit code {process.returncode} instead of {expected.code}"
    elif expected.quiet and any(noise in errors for noise in NOISE):
        wrong = "an error on the way out"
    elif seconds > MOST:
        wrong = f"{seconds:.1f} s"
    return {"seconds": seconds, "wrong": wrong, "errors": errors[-2000:] if wrong else ""}


def render(run: dict[str, Any]) -> str:
    """The results as Markdown; every number in it comes from `run`."""
    lines = [
        "# Leaving the interpreter",
        "",
        f"{run['date']}, commit {run['commit']}, {run['machine']['cpu']}, {run['machine']['cores']} cores.",
        f'Seconds from "ok" to the end of the process; {run["side_by_side"]} at a time.',
        "",
        "| program | times | median | longest | failed |",
        "|---|---:|---:|---:|---|",
    ]
    for name, found in run["programs"].items():
        wrong = "; ".join(sorted({failure["wrong"] for failure in found["failures"]}))
        failed = f"{len(found['failures'])}: {wrong}" if wrong else "0"
        lines.append(f"| {name} | {found['times']} | {found['median']:.2f} s | {found['longest']:.2f} s | {failed} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="how often each")
    parser.add_argument("--only", action="append", choices=PROGRAMS, help="these programs")
    parser.add_argument("--side-by-side", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="where the results go")
    options = parser.parse_args()
    console = Console()
    programs: dict[str, Any] = {}
    run = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "commit": commit(),
        "side_by_side": options.side_by_side,
        "programs": programs,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    with Progress(console=console) as progress, ThreadPoolExecutor(options.side_by_side) as threads:
        for name in options.only or PROGRAMS:
            task = progress.add_task(name, total=options.times)
            ends = []
            for end in threads.map(leave, [name] * options.times):
                ends.append(end)
                progress.advance(task)
            seconds = [end["seconds"] for end in ends]
            programs[name] = {
                "times": len(ends),
                "median": statistics.median(seconds),
                "longest": max(seconds),
                "failures": [end for end in ends if end["wrong"]],
            }
            # After each program, so that a run which is stopped has told what it found.
            (options.output / "exits.json").write_text(json.dumps(run, indent=1) + "\n")
            (options.output / "exits.md").write_text(render(run))
    failed = [name for name, found in programs.items() if found["failures"]]
    console.print(f"[red]failed: {', '.join(failed)}[/red]" if failed else "all left as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
