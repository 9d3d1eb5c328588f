"""How soon three libraries are there: from a snapshot, and evaluated with and without kept code.

Run: python benchmarks/snapshots/run.py [--rounds N]. Needs npm.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jsrun

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from provenance import commit, machine  # noqa: E402

FILES = ("lodash/lodash.js", "markdown-it/dist/markdown-it.js", "ajv/dist/ajv.bundle.js")
USE = (HERE / "use.js").read_text()
EXPECTED = "[72,true,false,[[1,2],[3]]]"
RESULTS = HERE / "results"
# Key, what it is, and whether it is in a new process.
WAYS = {
    "bare": ("nothing loaded: a runtime and `1 + 1`", True),
    "anew": ("evaluated, first time in the process", True),
    "disk": ("evaluated, code kept on disk (`code_cache=`)", True),
    "snapshot": ("from a snapshot", True),
    "bare again": ("nothing loaded, later runtimes of a process", False),
    "memory": ("evaluated, later runtimes of a process (code kept in memory)", False),
    "snapshot again": ("from a snapshot, later runtimes of a process", False),
}
AGAINST = {"anew": "snapshot", "disk": "snapshot", "memory": "snapshot again"}


def sources(folder: Path) -> list[tuple[str, str]]:
    return [(name, (folder / "node_modules" / name).read_text(encoding="utf-8")) for name in FILES]


def install(folder: Path) -> None:
    """Install exactly what the lock file names; npm compares each tarball with its checksum."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True
    )


def build(folder: Path) -> bytes:
    builder = jsrun.SnapshotBuilder()
    for name, source in sources(folder):
        builder.execute_script(name, source)
    return builder.build()


def measure(way: str, folder: Path) -> list[float]:
    """Milliseconds until a new runtime has the libraries, and until it has used them for the first time."""
    way = way.removesuffix(" again")
    scripts = sources(folder) if way in {"anew", "disk", "memory"} else []
    config = {}
    if way == "snapshot":
        config["snapshot"] = (folder / "snapshot").read_bytes()
    if way == "disk":
        config["code_cache"] = folder / "code"
    start = time.perf_counter()
    with jsrun.Runtime(**config) as rt:
        for name, source in scripts:
            rt.eval(f"{source}\n;0", filename=name)
        assert rt.eval("1 + 1") == 2
        there = time.perf_counter() - start
        result = None if way == "bare" else rt.eval(USE)
        used = time.perf_counter() - start
        assert way == "bare" or result == EXPECTED, result
    return [there * 1000, used * 1000]


def in_a_new_process(way: str, folder: Path) -> list[float]:
    command = [sys.executable, __file__, "--measure", way, "--folder", str(folder)]
    measured: list[float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return measured


def main(rounds: int) -> None:
    values: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        start = time.perf_counter()
        snapshot = build(folder)
        building = time.perf_counter() - start
        (folder / "snapshot").write_bytes(snapshot)
        # The first run fills what the others find.
        for way in WAYS:
            (in_a_new_process if WAYS[way][1] else measure)(way, folder)
        for _ in range(rounds):
            for way, (_, is_new) in WAYS.items():
                values[way].append(in_a_new_process(way, folder) if is_new else measure(way, folder))
        record = {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine(),
            "versions": {"jsrun": jsrun.__version__, "v8": jsrun._jsrun.v8_version(), "python": sys.version.split()[0]},
            "packages": json.loads((HERE / "package.json").read_text())["dependencies"],
            "characters": sum(len(source) for _, source in sources(folder)),
            "snapshot_bytes": len(snapshot),
            "snapshot_build_seconds": round(building, 2),
            "milliseconds": {
                way: [[round(part, 3) for part in pair] for pair in found] for way, found in values.items()
            },
        }
    (RESULTS / "latest.json").write_text(json.dumps(record, indent=1) + "\n")
    (RESULTS / "latest.md").write_text(rendered(record))
    print(rendered(record))


def rendered(record: dict) -> str:
    there = {way: statistics.median(pair[0] for pair in found) for way, found in record["milliseconds"].items()}
    used = {way: statistics.median(pair[1] for pair in found) for way, found in record["milliseconds"].items()}
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    system, versions = record["machine"], record["versions"]
    lines = [
        "# Three libraries from a snapshot",
        "",
        f"{packages}: {record['characters']:,} characters of JavaScript. Milliseconds from asking for a runtime",
        "until the libraries are there, and until each has done something for the first time, which compiles much of",
        f"them; medians of {len(record['milliseconds']['bare'])} rounds, in which the ways take turns.",
        f"{record['date']}, commit {record['commit']}, jsrun {versions['jsrun']}, V8 {versions['v8']},",
        f"Python {versions['python']}, {system['cpu']}, {system['cores']} cores, {system['system']}.",
        "",
        "| way | there | snapshot is | used | snapshot is |",
        "|---|---:|---:|---:|---:|",
    ]
    for way, (text, _) in WAYS.items():
        cells = [text]
        for medians in (there, used):
            ratio = f"{medians[way] / medians[AGAINST[way]]:.1f}x as fast" if way in AGAINST else ""
            cells += [f"{medians[way]:.1f}", ratio]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"The snapshot has {record['snapshot_bytes']:,} bytes; making it took {record['snapshot_build_seconds']} s.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--measure", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.folder)))
    else:
        main(asked.rounds)
