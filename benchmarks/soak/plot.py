"""Draw memory over time from the results of a soak: `python plot.py results/latest.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt


def draw(run: dict[str, Any], target: Path) -> None:
    """One panel for the cycles, phase after phase; one for the crowd."""
    # The same results give the same file.
    mpl.rcParams["svg.hashsalt"] = "soak"
    figure, (cycles, crowd) = plt.subplots(2, 1, figsize=(9, 7.5), layout="constrained")
    offset = 0.0
    for name, phase in run["phases"].items():
        seconds = [offset + reading["seconds"] for reading in phase["readings"]]
        slope = phase["verdict"]["rss"]["slope"]
        label = f"{name}: {phase['cycles']:,} cycles, {slope:+.0f} B each"
        cycles.plot(seconds, [reading["rss"] / 2**20 for reading in phase["readings"]], label=label, linewidth=1.2)
        offset = seconds[-1]
    cycles.set(title="Resident memory while runtimes are made, used and closed", xlabel="seconds", ylabel="MiB")
    cycles.set_ylim(bottom=0)
    cycles.legend(fontsize=8)
    readings = run["alive"]["readings"]
    seconds = [reading["seconds"] for reading in readings]
    memory = [reading["rss"] / 2**20 for reading in readings]
    crowd.plot(seconds, memory, color="tab:red", label="resident memory, MiB", linewidth=1.2)
    crowd.set(title=f"{run['alive']['count']:,} runtimes come and go, twice", xlabel="seconds", ylabel="MiB")
    crowd.set_ylim(bottom=0)
    threads = crowd.twinx()
    count = [reading["threads"] for reading in readings]
    threads.plot(seconds, count, color="tab:blue", label="threads", linewidth=1, linestyle="--")
    threads.set_ylabel("threads")
    threads.set_ylim(bottom=0)
    lines = [*crowd.get_lines(), *threads.get_lines()]
    crowd.legend(lines, [str(line.get_label()) for line in lines], fontsize=8, loc="upper center")
    for panel in (cycles, crowd):
        panel.grid(alpha=0.3)
    figure.savefig(target, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(json.loads(source.read_text()), source.with_suffix(".svg"))
