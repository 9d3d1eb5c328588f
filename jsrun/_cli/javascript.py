"""The JavaScript files of the command line."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jsrun import Runtime


def evaluate(runtime: Runtime, name: str) -> Any:
    """Evaluate the file ``name`` of this package in ``runtime`` and return its value."""
    source = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return runtime.eval(source, filename=f"jsrun:{name}")
