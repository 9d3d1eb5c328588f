"""Exceptions as data that the page shows: what happened, where in the editor, and what caused it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jsrun import JavaScriptError, JsFrame

from .value_tree import shortened, value_tree

_CAUSES = 5
_FRAMES = 30
# Files that are not the visitor's.
_INTERNAL = ("ext:", "<bootstrap>", "jsrun:")


@dataclass(frozen=True)
class Source:
    """What was run: places in an error that are in it are places in the editor.

    Args:
        name: its name in stack traces.
        text: the code.
    """

    name: str
    text: str

    def lines(self) -> int:
        """Return how many lines there are."""
        return self.text.count("\n") + 1

    def has(self, name: str | None, line: int) -> bool:
        """Tell whether a place is in it."""
        return name == self.name and 1 <= line <= self.lines()


def error_report(error: BaseException, source: Source, depth: int = 0) -> dict[str, Any]:
    """Return an exception as data.

    ``type`` is the Python class; ``name``, ``message``, ``frames`` (texts) and ``position`` (line and column from 1, or
    ``None``) what happened; and where there are such things ``value``, ``cause`` and ``errors``.
    """
    kind = type(error).__name__
    report: dict[str, Any] = {"type": kind, "name": kind, "message": shortened(str(error)), "frames": []}
    report["position"] = position_of(error, source)
    if isinstance(error, JavaScriptError):
        frames = [frame for frame in error.frames if _is_visitors(frame)][:_FRAMES]
        report |= {"name": error.name, "message": shortened(error.message), "frames": [*map(_frame_text, frames)]}
        if error.name is None:
            report["value"] = value_tree(error.value)
        if error.errors and depth < _CAUSES:
            report["errors"] = [error_report(one, source, depth + 1) for one in error.errors[:_FRAMES]]
    if error.__cause__ is not None and depth < _CAUSES:
        report["cause"] = error_report(error.__cause__, source, depth + 1)
    return report


def position_of(error: BaseException, source: Source) -> dict[str, int] | None:
    """Return where in the source an exception arose; ``None`` when it was elsewhere."""
    if not isinstance(error, JavaScriptError):
        return None
    if error.source is not None and source.has(error.source[0], error.source[1]):
        return {"line": error.source[1], "column": error.source[2]}
    for frame in error.frames:
        line = frame.get("line_number", 0)
        if source.has(frame.get("file_name"), line):
            return {"line": line, "column": frame.get("column_number", 1)}
    return None


def _is_visitors(frame: JsFrame) -> bool:
    return not frame.get("file_name", "").startswith(_INTERNAL) and frame.get("line_number", 0) > 0


def _frame_text(frame: JsFrame) -> str:
    place = f"{frame.get('file_name', '<anonymous>')}:{frame.get('line_number')}:{frame.get('column_number')}"
    function = frame.get("function_name")
    return f"{function} ({place})" if function else place
