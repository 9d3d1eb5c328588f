"""Strict equality of converted values: types, signs of zero, NaN, identity of shared parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def same(left: Any, right: Any) -> bool:
    """Equal in type and content, where NaN equals NaN and -0.0 differs from 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, memoryview):
        return left.format == right.format and same(left.tolist(), right.tolist())
    return bool(left == right)
