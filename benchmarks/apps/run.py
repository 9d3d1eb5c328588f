"""Measure the web-handler example with wrk, beside the same application without JavaScript.

    python run.py [--rounds 3] [--seconds 5] [--connections 32]

Needs wrk on the path, and jsrun with its `examples` extra. Writes results/latest.json and results/latest.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from report import render
from server import Server, post

import jsrun

HERE = Path(__file__).resolve().parent
# Each benchmark is a program of its own; what they share lies one folder up.
sys.path.append(str(HERE.parent))

from provenance import commit, machine  # noqa: E402

PLAIN, EXAMPLE = "plain:app", "web_handler:app"
CARD = {"title": "Tea & cake", "items": ["<one>", "two", "three", "four", "five"]}
CARD_HTML = (
    "<section><h1>Tea &amp; cake</h1><ul><li>&lt;one&gt;</li><li>two</li><li>three</li><li>four</li><li>five</li></ul>"
    "</section>"
)
SMALL = {"code": "1 + 1"}
STEPS = 300_000
BUSY = {
    "code": "(() => { let sum = 0; for (let i = 0; i < 300000; i++) sum = (sum + i * i) % 65537; return sum })()",
    "timeout": 20,
}
BUSY_SUM = (STEPS - 1) * STEPS * (2 * STEPS - 1) // 6 % 65537
BUSY_ANSWER = json.dumps({"result": BUSY_SUM})
BUSY_JOB = "evaluate a loop of 300,000 steps"


@dataclass(frozen=True)
class Case:
    """One route under load: what it is asked, and what it must answer."""

    key: str
    job: str
    variant: str
    application: str
    route: str
    body: Any
    answer: str


CASES = [
    Case("render-plain", "render a template", "without JavaScript", PLAIN, "/render", CARD, CARD_HTML),
    Case("render-single", "render a template", "one runtime", EXAMPLE, "/render", CARD, CARD_HTML),
    Case("render-pooled", "render a template", "pool, reused", EXAMPLE, "/pooled/render", CARD, CARD_HTML),
    Case("eval-plain", "evaluate `1 + 1`", "without JavaScript", PLAIN, "/eval", SMALL, '{"result": 2}'),
    Case("eval-single", "evaluate `1 + 1`", "one runtime", EXAMPLE, "/eval", SMALL, '{"result": 2}'),
    Case(
        "eval-isolated", "evaluate `1 + 1`", "pool, fresh each time", EXAMPLE, "/isolated/eval", SMALL, '{"result": 2}'
    ),
    Case("busy-single", BUSY_JOB, "one runtime", EXAMPLE, "/eval", BUSY, BUSY_ANSWER),
    Case("busy-isolated", BUSY_JOB, "pool, fresh each time", EXAMPLE, "/isolated/eval", BUSY, BUSY_ANSWER),
]


def measure(case: Case, url: str, options: argparse.Namespace) -> dict[str, Any]:
    """One round of wrk against a running application."""
    answer = post(url + case.route, case.body)
    if answer != case.answer:
        raise SystemExit(f"{case.key} answered {answer!r} instead of {case.answer!r}")
    command = [options.wrk, "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--timeout", "20s", "-s"]
    command += [str(HERE / "report.lua"), url + case.route, "--", json.dumps(case.body)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in said.splitlines() if line.startswith("FIGURES "))
    figures: dict[str, Any] = json.loads(line.removeprefix("FIGURES "))
    return {
        "requests_per_second": figures["requests"] / (figures["micros"] / 1e6),
        "p50_ms": figures["p50"] / 1e3,
        "p99_ms": figures["p99"] / 1e3,
        "requests": figures["requests"],
        "errors": figures["status_errors"] + figures["socket_errors"],
    }


def run_round(cases: list[Case], options: argparse.Namespace, results: dict[str, list[Any]]) -> None:
    """Measure every case once; one application at a time is up."""
    for application in dict.fromkeys(case.application for case in cases):
        with Server(application) as url:
            for case in cases:
                if case.application == application:
                    results[case.key].append(measure(case, url, options))
                    print(f"{case.key}: {results[case.key][-1]}", file=sys.stderr)


def versions() -> dict[str, str | None]:
    """What the applications ran on; uvicorn takes uvloop and httptools where they are installed."""
    found: dict[str, str | None] = {"python": platform.python_version(), "jsrun": jsrun.__version__}
    for name in ("starlette", "uvicorn", "uvloop", "httptools"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    figures = {key: statistics.median(r[key] for r in rounds) for key in ("requests_per_second", "p50_ms", "p99_ms")}
    return {**figures, "errors": sum(r["errors"] for r in rounds)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--case", action="append", metavar="KEY", choices=[case.key for case in CASES])
    parser.add_argument("--output", type=Path, default=HERE / "results", help="directory of latest.json and latest.md")
    options = parser.parse_args()
    if min(options.rounds, options.seconds, options.connections) < 1:
        parser.error("rounds, seconds and connections must be at least 1")
    options.wrk = shutil.which("wrk")
    if options.wrk is None:
        parser.error("wrk is not installed (Debian: apt-get install wrk)")
    return options


def main() -> int:
    options = arguments()
    cases = [case for case in CASES if not options.case or case.key in options.case]
    run: dict[str, Any] = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "commit": commit(),
        "versions": versions(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "connections": options.connections,
        "load_before": round(os.getloadavg()[0], 2),
        "cases": {},
    }
    results: dict[str, list[Any]] = {case.key: [] for case in cases}
    for _ in range(options.rounds):
        run_round(cases, options, results)
    for case in cases:
        run["cases"][case.key] = {
            "job": case.job,
            "variant": case.variant,
            "route": case.route,
            "median": median(results[case.key]),
            "rounds": results[case.key],
        }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "latest.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    (options.output / "latest.md").write_text(render(run))
    print(f"written: {options.output / 'latest.md'}", file=sys.stderr)
    return 1 if any(case["median"]["errors"] for case in run["cases"].values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
