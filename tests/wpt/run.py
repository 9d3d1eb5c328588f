"""`nox -s wpt`: run the suite, compare with what is expected, keep the results; what got worse makes it fail."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import carrier
import expected
import running
import suite

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
TABLE = HERE / "RESULTS.md"


def main() -> int:
    """Run what the command line names; 0 when nothing got worse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("areas", nargs="*", help=f"of {', '.join(suite.AREAS)}; all when none is named")
    parser.add_argument("--home", type=Path, default=Path(".nox/wpt-suite"), help="where the suite is, or is put")
    parser.add_argument("--update", action="store_true", help="write down the failures as expected, and the results")
    asked = parser.parse_args()
    unknown = [area for area in asked.areas if area not in suite.AREAS]
    if unknown:
        parser.error(f"no area is called {unknown[0]!r}")
    tree = carrier.fetch(asked.home)
    known = expected.load()
    failures: expected.Failures = {}
    areas: dict[str, Any] = {}
    news = expected.News()
    for area in asked.areas or suite.AREAS:
        counts: Counter[str] = Counter()
        for case in suite.cases(tree, area):
            why = expected.reason_to_skip(case.path)
            if why is not None:
                counts["files not run"] += 1
                continue
            outcome = running.run(tree, case)
            counts["files"] += 1
            counts.update("passed" if status == "PASS" else "failed" for _, status, _ in outcome.results)
            failed = expected.failed(outcome)
            if failed:
                failures[case.name] = failed
            news.compare(case.name, failed, known.get(case.name, []), {name for name, _, _ in outcome.results})
        areas[area] = {key: counts[key] for key in ("files", "files not run", "passed", "failed")}
        print(f"{area}: {counts['passed']} passed, {counts['failed']} failed", flush=True)
    for line in news.lines():
        print(line)
    if asked.update:
        expected.store(failures, {case.name for area in areas for case in suite.cases(tree, area)})
        keep(areas)
    return 1 if news.worse else 0


def keep(areas: dict[str, Any]) -> None:
    """Write the results and the table made from them."""
    sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))
    from provenance import commit, machine

    when = datetime.now(timezone.utc).date().isoformat()
    # A run of some areas replaces theirs.
    before = json.loads(RESULTS.read_text())["areas"] if RESULTS.exists() else {}
    merged = {area: {**before, **areas}[area] for area in suite.AREAS if area in before or area in areas}
    record = {"suite": carrier.ARCHIVE, "date": when, "commit": commit(), "machine": machine(), "areas": merged}
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")
    TABLE.write_text(table(record))


def table(record: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Results of web-platform-tests",
        "",
        f"Made by `nox -s wpt -- --update` on {record['date']} from commit {record['commit']} and the tests in",
        f"`{record['suite']}`. Not edited by hand.",
        "",
        "| area | files | not run | tests passed | failed | passed |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    total: Counter[str] = Counter()
    for area, counts in record["areas"].items():
        total.update(counts)
        lines.append(row(area, counts))
    lines.append(row("all", total))
    return "\n".join(lines) + "\n"


def row(area: str, counts: Any) -> str:
    """One line of the table."""
    share = counts["passed"] / max(counts["passed"] + counts["failed"], 1)
    cells = [area, counts["files"], counts["files not run"], counts["passed"], counts["failed"], f"{share:.1%}"]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
