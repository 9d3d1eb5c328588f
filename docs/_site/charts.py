"""Tables and plots of the benchmarks page, made from benchmarks/*/results/latest.json and nothing else."""

from __future__ import annotations

import html
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
LEFT, WIDTH, RIGHT, BAR, GAP = 290, 380, 90, 13, 12


def results(kind: str) -> dict[str, Any]:
    """The raw results of one kind of benchmark."""
    run: dict[str, Any] = json.loads((BENCHMARKS / kind / "results/latest.json").read_text(encoding="utf-8"))
    return run


def report(kind: str) -> ModuleType:
    """The module that renders these results as Markdown for the repository."""
    folder = BENCHMARKS / kind
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location(f"{kind}_report", folder / "report.py")
        if spec is None or spec.loader is None:
            raise FileNotFoundError(folder / "report.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def table(kind: str) -> str:
    """The report without its title."""
    text: str = report(kind).render(results(kind))
    return text.partition("\n")[2].strip() + "\n"


def peers_table() -> str:
    """All cases beside their peers."""
    return table("peers")


def apps_table() -> str:
    """The web handler under load."""
    return table("apps")


def peers_charts() -> str:
    """One plot for each unit: bars of all libraries, on a logarithmic scale."""
    run, module = results("peers"), report("peers")
    names = {name: module.LIBRARIES[name][0] for name in module.LIBRARIES if name in run["libraries"]}
    plots = []
    for unit, worth in module.UNITS.items():
        rows: dict[str, dict[str, float]] = {}
        for case in module.CASES:
            if case.unit != unit or case.key not in run["cases"]:
                continue
            found = run["cases"][case.key]
            medians = {name: found[name]["median"] for name in names if name in found}
            rows[case.title.replace("`", "")] = {
                names[name]: median / worth for name, median in medians.items() if median is not None
            }
        if rows:
            plots.append(bars(rows, list(names.values()), unit, f"Shorter is better; {unit}, logarithmic"))
    return "\n\n".join(plots)


def apps_chart() -> str:
    """Requests per second of each variant."""
    cases = results("apps")["cases"].values()
    rows: dict[str, dict[str, float]] = {}
    for case in cases:
        rows.setdefault(case["job"].replace("`", ""), {})[case["variant"]] = case["median"]["requests_per_second"]
    series = list(dict.fromkeys(case["variant"] for case in cases))
    return bars(rows, series, "/s", "Longer is better; requests per second, logarithmic")


def bars(rows: Mapping[str, Mapping[str, float]], series: list[str], unit: str, caption: str) -> str:
    """A plot with a group of bars for each row, in the colours of the site's style sheet."""
    numbers = [number for row in rows.values() for number in row.values() if number > 0]
    low, high = math.log10(min(numbers)) - 0.25, math.log10(max(numbers))

    def length(number: float) -> float:
        return max(2.0, WIDTH * (math.log10(number) - low) / max(high - low, 0.25))

    parts, top = [], 34.0
    for title, row in rows.items():
        middle = top + BAR * len(row) / 2
        parts.append(f'<text x="{LEFT - 10}" y="{middle + 4:.0f}" text-anchor="end">{html.escape(title)}</text>')
        for name in series:
            if name in row:
                size = length(row[name])
                across, low_edge = LEFT + size + 6, top + BAR - 4
                parts.append(
                    f'<rect class="series-{series.index(name)}" x="{LEFT}" y="{top:.0f}" width="{size:.1f}" '
                    f'height="{BAR - 2}" rx="2"><title>{html.escape(name)}</title></rect>'
                    f'<text class="number" x="{across:.1f}" y="{low_edge:.0f}">{shown(row[name])} {unit}</text>'
                )
                top += BAR
        top += GAP
    legend, across = [], float(LEFT)
    for number, name in enumerate(series):
        legend.append(
            f'<rect class="series-{number}" x="{across:.0f}" y="6" width="11" height="11" rx="2"/>'
            f'<text x="{across + 16:.0f}" y="16">{html.escape(name)}</text>'
        )
        across += 34 + 6.2 * len(name)
    wide = max(LEFT + WIDTH + RIGHT, across)
    return (
        f'<div class="diagram"><svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(caption)}" '
        f'viewBox="0 0 {wide:.0f} {top:.0f}">{"".join(legend)}{"".join(parts)}</svg>'
        f"<p>{html.escape(caption)}.</p></div>"
    )


def shown(number: float) -> str:
    """Three significant digits, without an exponent."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


RENDERERS: Mapping[str, Callable[[], str]] = {
    "peers_table": peers_table,
    "peers_charts": peers_charts,
    "apps_table": apps_table,
    "apps_chart": apps_chart,
}

if __name__ == "__main__":
    print(RENDERERS[sys.argv[1]]())
