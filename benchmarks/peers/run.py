"""Run the same cases over several libraries in turn; write raw JSON and a Markdown table.

    python run.py --env jsrun=PYTHON --env pypi-jsrun=PYTHON --env mini-racer=PYTHON

Each PYTHON is the interpreter of a virtual environment that has that one library. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cases import CASES, JSRUN, LIBRARIES, UNITS, Case
from report import render
from worker_process import WorkerFailure, WorkerGone, WorkerProcess

HERE = Path(__file__).resolve().parent
# Each benchmark is a program of its own; what they share lies one folder up.
sys.path.append(str(HERE.parent))

from provenance import commit, machine  # noqa: E402


class Library:
    """One library's worker, started again whenever a case took it down."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self._python = python
        try:
            self._worker = self._start()
        except (OSError, WorkerFailure) as error:
            raise SystemExit(f"the worker of {name} does not start: {error}") from None
        self.about: dict[str, Any] = self._worker.about
        expected = sorted(case.key for case in CASES if case.supports(name))
        if self.about["cases"] != expected:
            differing = set(expected) ^ set(self.about["cases"])
            raise SystemExit(f"cases.py and the worker of {name} disagree on: {', '.join(sorted(differing))}")

    def measure(self, case: Case) -> float:
        if case.fresh_process:
            worker = self._start()
            try:
                return worker.measure(case.key, case.timeout)
            finally:
                worker.stop()
        if not self._worker.alive:
            self._worker = self._start()
        return self._worker.measure(case.key, case.timeout)

    def stop(self) -> None:
        self._worker.stop()

    def _start(self) -> WorkerProcess:
        return WorkerProcess(self._python, HERE / LIBRARIES[self.name][1])


def run_case(case: Case, libraries: list[Library], rounds: int) -> dict[str, Any]:
    """All rounds of one case, the libraries taking turns: A B C A B C ...

    A round that fails is counted and left out of the median; a library that hangs or dies is not asked again.
    """
    values: dict[str, list[float]] = {library.name: [] for library in libraries}
    errors: dict[str, list[str]] = {library.name: [] for library in libraries}
    asked = [library for library in libraries if case.supports(library.name)]
    for _ in range(min(rounds, case.max_rounds or rounds)):
        for library in list(asked):
            try:
                values[library.name].append(library.measure(case))
            except WorkerFailure as failure:
                errors[library.name].append(str(failure))
                if isinstance(failure, WorkerGone):
                    asked.remove(library)
    return {
        name: {"median": statistics.median(measured) if measured else None, "values": measured, "errors": errors[name]}
        for name, measured in values.items()
    }


def show(case: Case, results: dict[str, Any]) -> str:
    cells = []
    for name, result in results.items():
        median = result["median"]
        cells.append(f"{name} " + (f"{median / UNITS[case.unit]:.2f} {case.unit}" if median is not None else "—"))
    return "  ".join(cells)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", action="append", required=True, metavar="NAME=PYTHON", help=", ".join(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", action="append", metavar="KEY", choices=[case.key for case in CASES])
    parser.add_argument("--output", type=Path, default=HERE / "results", help="directory of latest.json and latest.md")
    options = parser.parse_args()
    options.env = dict(pair.partition("=")[::2] for pair in options.env)
    if unknown := set(options.env) - set(LIBRARIES):
        parser.error(f"unknown library: {', '.join(sorted(unknown))}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main() -> int:
    options = arguments()
    cases = [case for case in CASES if not options.case or case.key in options.case]
    libraries = [Library(name, options.env[name]) for name in LIBRARIES if name in options.env]
    run: dict[str, Any] = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "commit": commit(),
        "libraries": {library.name: {k: library.about[k] for k in ("version", "python")} for library in libraries},
        "rounds": options.rounds,
        "load_before": round(os.getloadavg()[0], 2),
        "cases": {},
    }
    for number, case in enumerate(cases, 1):
        print(f"[{number:2}/{len(cases)}] {case.title}: ", end="", file=sys.stderr, flush=True)
        run["cases"][case.key] = run_case(case, libraries, options.rounds)
        print(show(case, run["cases"][case.key]), file=sys.stderr)
    for library in libraries:
        library.stop()
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "latest.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    (options.output / "latest.md").write_text(render(run))
    print(f"written: {options.output / 'latest.md'}", file=sys.stderr)
    return 1 if any(results.get(JSRUN, {}).get("errors") for results in run["cases"].values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
