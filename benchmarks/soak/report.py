"""Render the results of a soak as Markdown: `python report.py results/latest.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = ("rss", "threads", "files", "runtimes")


def mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def table(head: str, rows: list[list[str]]) -> list[str]:
    """A table whose first column is text."""
    names = head.split(" | ")
    return [f"| {head} |", "|---|" + "---:|" * (len(names) - 1), *(f"| {' | '.join(row)} |" for row in rows)]


def slope(name: str, line: dict[str, Any]) -> str:
    return f"{line['slope']:+.1f} ± {line['error']:.1f} B" if name == "rss" else f"{line['slope']:+.4f}"


def phases(run: dict[str, Any]) -> list[str]:
    rows = []
    for name, phase in run["phases"].items():
        verdict = phase["verdict"]
        holds = all(line["holds"] for line in verdict.values()) and not any(phase["left"].values())
        memory = [mib(phase[when]["rss"]) for when in ("before", "after")]
        slopes = [slope(column, verdict[column]) for column in COLUMNS]
        most = f"{verdict['rss']['most']:,.0f} B, {verdict['threads']['most']:g}"
        numbers = [f"{phase['cycles']:,}", f"{phase['seconds']:.0f}"]
        rows.append([name, *numbers, *memory, *slopes, most, "yes" if holds else "**no**"])
    return [
        *table(
            "phase | cycles | seconds | RSS before | after | RSS per cycle | threads | descriptors | runtimes "
            "| stated | holds",
            rows,
        ),
        "",
        "Slopes are least squares over the readings after the first quarter, with their standard error. Stated is the",
        "most that a cycle may leave: bytes, and pieces of everything else.",
    ]


def alive(run: dict[str, Any]) -> list[str]:
    found = run["alive"]
    rows = []
    for number, turn in enumerate(found["rounds"], 1):
        peak = turn["peak"]
        took = [f"{turn[f'{what}_seconds']:.1f} s" for what in ("create", "ask", "close")]
        sizes = [mib(peak["rss"]), f"{turn['address_space'] / 2**40:.2f} TiB"]
        counts = [f"{peak[what]:,}" for what in ("threads", "files", "mappings")]
        rows.append([str(number), *took, *sizes, *counts, mib(turn["closed"]["rss"])])
    before, rested = found["before"], found["rested"]
    return [
        f"## {found['count']:,} alive at once",
        "",
        *table(
            "round | created in | all asked in | all closed in | RSS | address space | threads | descriptors "
            "| mappings | RSS when closed",
            rows,
        ),
        "",
        f"Before: {mib(before['rss'])}, {before['threads']} threads, {before['files']} descriptors. After a rest:",
        f"{mib(rested['rss'])}, {rested['threads']} threads, {rested['files']} descriptors, "
        f"{rested['runtimes']} runtimes.",
    ]


def limit(run: dict[str, Any]) -> list[str]:
    found = run["limit"]
    if found is None:
        return []
    limits = ", ".join(f"{name} {value}" for name, value in run["limits"].items())
    return [
        "",
        "## As many as there is room for",
        "",
        f"{found['count']:,} runtimes at {mib(found['peak']['rss'])}, {found['peak']['threads']:,} threads and "
        f"{found['peak']['mappings']:,} mappings.",
        f"The next one: `{found['refusal']}`.",
        f"All of them answered afterwards. Limits here: {limits}.",
    ]


def render(run: dict[str, Any]) -> str:
    """The whole Markdown page; every number in it comes from `run`."""
    machine, versions = run["machine"], run["versions"]
    software = ", ".join(f"{name} {number}" for name, number in versions.items())
    lines = [
        "# Soak",
        "",
        f"{run['date']}, commit {run['commit']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}.",
        f"{software}. Load average before the run: {run['load_before']:.2f}.",
        "",
        *phases(run),
        "",
        *alive(run),
        *limit(run),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    source = Path(sys.argv[1])
    source.with_suffix(".md").write_text(render(json.loads(source.read_text())))
