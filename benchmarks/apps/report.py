"""Render the raw results of a run as a Markdown table: `python report.py results/latest.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def render(run: dict[str, Any]) -> str:
    """The whole Markdown page; every number in it comes from `run`."""
    machine, versions = run["machine"], run["versions"]
    software = ", ".join(f"{name} {number or 'absent'}" for name, number in versions.items())
    lines = [
        "# The web handler under load",
        "",
        f"{run['date']}, commit {run['commit']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}.",
        f"{software}.",
        f"wrk with {run['connections']} connections for {run['seconds']} s, medians of {run['rounds']} round(s); the",
        f"server is one process and shares the cores with wrk; load average before the run: {run['load_before']}.",
        "",
        "| job | variant | requests/s | p50 | p99 | failed |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for case in run["cases"].values():
        found = case["median"]
        lines.append(
            f"| {case['job']} | {case['variant']} | {found['requests_per_second']:,.0f} | {found['p50_ms']:.1f} ms "
            f"| {found['p99_ms']:.1f} ms | {found['errors']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    source = Path(sys.argv[1])
    source.with_suffix(".md").write_text(render(json.loads(source.read_text())))
