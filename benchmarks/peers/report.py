"""Render the raw results of a run as a Markdown table: `python report.py results/latest.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cases import CASES, JSRUN, LIBRARIES, PEERS, UNITS, Case


def render(run: dict[str, Any]) -> str:
    """The whole Markdown page; every number in it comes from `run`."""
    libraries = [name for name in LIBRARIES if name in run["libraries"]]
    machine = run["machine"]
    lines = [
        "# jsrun beside its peers",
        "",
        f"{run['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}.",
        f"Medians of {run['rounds']} round(s); load average before the run: {run['load_before']}.",
        "",
        *[f"- {LIBRARIES[n][0]}: {_version(run, n)}, Python {run['libraries'][n]['python']}" for n in libraries],
        "",
        "| case | " + " | ".join(LIBRARIES[name][0] for name in libraries) + " | better peer ÷ jsrun | goal | met |",
        "|---|" + "---:|" * (len(libraries) + 1) + "---|---|",
    ]
    footnotes: list[str] = []
    for case in CASES:
        if case.key in run["cases"]:
            lines.append(_row(case, run, libraries, footnotes))
    lines += ["", *[f"{number}. {note}" for number, note in enumerate(footnotes, 1)]]
    return "\n".join(lines) + "\n"


def _version(run: dict[str, Any], name: str) -> str:
    commit = run.get("commit")
    version: str = run["libraries"][name]["version"]
    return f"{version} ({commit})" if name == JSRUN and commit else version


def _row(case: Case, run: dict[str, Any], libraries: list[str], footnotes: list[str]) -> str:
    cells = [_cell(case, run, name, footnotes) for name in libraries]
    ratio = better_peer_ratio(case, run)
    met = _met(case, run, ratio)
    verdict = "—" if met is None else "yes" if met else "**no**"
    times = "—" if ratio is None else f"{_significant(ratio)}x"
    return f"| {case.title} | " + " | ".join(cells) + f" | {times} | {case.goal} | {verdict} |"


def _cell(case: Case, run: dict[str, Any], library: str, footnotes: list[str]) -> str:
    if not case.supports(library):
        return "—" + _marks(library, [case.unsupported[library]], footnotes)
    result = run["cases"][case.key][library]
    notes = [case.notes[library]] if library in case.notes else []
    if errors := result["errors"]:
        rounds = len(errors) + len(result["values"])
        notes.append(f"{len(errors)} of {rounds} rounds failed with {errors[0]!r}")
    median = result["median"]
    number = "failed" if median is None else f"{_significant(median / UNITS[case.unit])} {case.unit}"
    return number + _marks(library, notes, footnotes)


def _marks(library: str, notes: list[str], footnotes: list[str]) -> str:
    numbers = []
    for note in notes:
        text = f"{LIBRARIES[library][0]}: {note}."
        if text not in footnotes:
            footnotes.append(text)
        numbers.append(str(footnotes.index(text) + 1))
    return f" <sup>{', '.join(numbers)}</sup>" if numbers else ""


def better_peer_ratio(case: Case, run: dict[str, Any]) -> float | None:
    """How many times better jsrun is than the better peer, or None when one side has no number."""
    own = run["cases"][case.key].get(JSRUN, {}).get("median")
    rivals = run["cases"].get(case.versus or case.key, {})
    medians = [rivals[peer]["median"] for peer in PEERS if peer in rivals and rivals[peer]["median"] is not None]
    return min(medians) / own if own and medians else None


def _met(case: Case, run: dict[str, Any], ratio: float | None) -> bool | None:
    own = run["cases"][case.key].get(JSRUN, {}).get("median")
    if case.below is not None:
        return None if own is None else bool(own / UNITS[case.unit] < case.below)
    return None if ratio is None else ratio >= case.times_better


def _significant(number: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


if __name__ == "__main__":
    source = Path(sys.argv[1])
    source.with_suffix(".md").write_text(render(json.loads(source.read_text())))
