"""The verdict: a straight line through the readings of a phase, and whether its slope is within what is stated."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

# The first part of a phase fills caches, arenas and pools that are used again.
WARM_UP = 0.25


@dataclasses.dataclass(frozen=True)
class Line:
    """Least squares: growth per cycle, and its standard error."""

    slope: float
    error: float

    @classmethod
    def through(cls, xs: Sequence[float], ys: Sequence[float]) -> Line:
        if len(xs) < 3:
            raise ValueError("a slope with an error needs three readings")
        mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - mean_x) ** 2 for x in xs)
        slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
        rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
        return cls(slope, math.sqrt(rest / (len(xs) - 2) / spread))


@dataclasses.dataclass(frozen=True)
class Stated:
    """The most that one cycle may leave behind: bytes of resident memory, and pieces of everything that is counted."""

    rss: float
    pieces: float


def steady(cycles: Sequence[int]) -> slice:
    """The readings after the warm-up."""
    first = next(index for index, cycle in enumerate(cycles) if cycle >= cycles[-1] * WARM_UP)
    return slice(min(first, len(cycles) - 3), None)


Verdict = dict[str, float | bool]


def judge(cycles: Sequence[int], columns: dict[str, Sequence[float]], stated: Stated) -> dict[str, Verdict]:
    """For each column its line after the warm-up, what is stated, and whether it holds."""
    part = steady(cycles)
    verdict: dict[str, Verdict] = {}
    for name, values in columns.items():
        line = Line.through([float(cycle) for cycle in cycles[part]], values[part])
        most = stated.rss if name == "rss" else stated.pieces
        verdict[name] = {"slope": line.slope, "error": line.error, "most": most, "holds": line.slope <= most}
    return verdict
