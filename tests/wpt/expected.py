"""What is known to fail, and why: names in `expectations.json`, reasons and files not run in `reasons.json`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running import Outcome

HERE = Path(__file__).parent
EXPECTATIONS = HERE / "expectations.json"
REASONS = HERE / "reasons.json"
# The name under which a file's own failure stands.
WHOLE = "(the file)"

# Case to the names of its tests that fail.
Failures = dict[str, list[str]]


def load() -> Failures:
    """The failures that are expected."""
    if not EXPECTATIONS.exists():
        return {}
    failures: Failures = json.loads(EXPECTATIONS.read_text(encoding="utf-8"))
    return failures


def store(failures: Failures, ran: set[str]) -> None:
    """Expect these failures of the cases that ran, and of the others what was expected."""
    kept = {name: failed for name, failed in load().items() if name not in ran}
    merged = dict(sorted({**kept, **failures}.items()))
    EXPECTATIONS.write_text(json.dumps(merged, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


def failed(outcome: Outcome) -> list[str]:
    """The names of what failed, each once and in order; the file itself when it did not end well."""
    names = {name for name, status, _ in outcome.results if status != "PASS"}
    if outcome.status != "OK":
        names.add(WHOLE)
    return sorted(names)


def reason_to_skip(path: str) -> str | None:
    """Why a file is not run; None when it is."""
    skipped: dict[str, str] = json.loads(REASONS.read_text(encoding="utf-8"))["not run"]
    return next((why for pattern, why in skipped.items() if fnmatchcase(path, pattern)), None)


def reason(case: str) -> str | None:
    """Why tests of a case fail; None when nobody has said."""
    reasons: dict[str, str] = json.loads(REASONS.read_text(encoding="utf-8"))["failing"]
    path = re.sub(r"\?.*$", "", case)
    return next((why for pattern, why in reasons.items() if fnmatchcase(path, pattern)), None)


@dataclass
class News:
    """What differs from what is expected.

    Example:
        >>> news = News()
        >>> news.compare("a.any.js", ["x", "y"], ["y", "z"], {"x", "y", "z"})
        >>> list(news.lines())
        ['worse: a.any.js: x', 'better: a.any.js: z']
    """

    worse: list[str] = field(default_factory=list)
    better: list[str] = field(default_factory=list)

    def compare(self, case: str, failed: list[str], known: list[str], met: set[str]) -> None:
        """Take note of one case. A test that was not met any more is neither."""
        self.worse += [f"{case}: {name}" for name in failed if name not in known]
        self.better += [f"{case}: {name}" for name in known if name not in failed and (name in met or name == WHOLE)]

    def lines(self) -> Iterator[str]:
        """What to print."""
        yield from (f"worse: {line}" for line in self.worse)
        yield from (f"better: {line}" for line in self.better)
