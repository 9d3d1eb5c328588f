"""What the user typed, seen by V8's parser: is it complete, and how is it evaluated so that its value can be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jsrun import JavaScriptError, Runtime
from jsrun._repl_mode import in_repl_mode

# Makes V8 parse everything, the way the REPL runs it, and leave at the first statement.
_PARSE_ONLY = "await undefined; throw null;\n"
_SHOW = "__jsrun_show__(("
_CLOSERS = ("\n)", "\nfinally {}")
_BLANK = r"(?:\s|//[^\n]*(?:\n|$)|/\*.*?\*/)*"
_DECLARATION = re.compile(_BLANK + r"(?:async\s+function|function|class|let)\b", re.DOTALL)


@dataclass(frozen=True)
class Shift:
    """Where text was put in that the user did not type: after ``column`` of ``line``, ``width`` wide."""

    line: int
    column: int
    width: int

    def undo(self, line: int, column: int) -> int:
        """Return the column that the user knows."""
        return column - self.width if line == self.line and column > self.column + self.width else column


@dataclass(frozen=True)
class Prepared:
    """A source as it is run.

    Args:
        text: what V8 gets.
        shows: whether it shows its own value; otherwise its value is still to be shown.
        shift: what was put in.
    """

    text: str
    shows: bool
    shift: Shift | None = None


class Syntax:
    """Parses sources in a runtime of its own, where nothing of them runs."""

    def __init__(self) -> None:
        self._parser = Runtime()

    def close(self) -> None:
        """Free the parser."""
        self._parser.close()

    def is_incomplete(self, source: str) -> bool:
        """Tell whether more text could make a program of the source, and without more it is none."""
        place = self._place(source)
        if place is None:
            return False
        # The end of the input is behind the name that REPL mode appends.
        if place[0] > source.count("\n") + 2 or source.split("\n")[place[0] - 2][place[1] - 1 :].startswith("/*"):
            return True
        # Some errors are reported at the last token though the next one is what is missing: it moves them on.
        return any((moved := self._place(source + more)) is None or moved > place for more in _CLOSERS)

    def _place(self, source: str) -> tuple[int, int] | None:
        error = self._error(source)
        return None if error is None or error.source is None else error.source[1:3]

    def prepare(self, source: str) -> Prepared:
        """Return how to run a source: if it is, or ends with, an expression, its very value is shown."""
        if not source.strip():
            return Prepared("undefined", shows=False)
        bare = source.rstrip()
        if not bare.startswith("{"):
            bare = bare.rstrip("; \t\n")
        for cut in (0, bare.rfind(";") + 1):
            head, tail = bare[:cut], bare[cut:]
            if self._is_expression(tail) and (not head or self._ends_well(head)):
                shift = Shift(head.count("\n") + 1, _units(head.rpartition("\n")[2]), len(_SHOW))
                return Prepared(in_repl_mode(f"{head}{_SHOW}{tail}\n))"), True, shift)
        # A source that does not parse goes as it is, so that V8's error shows what was typed.
        return Prepared(source if self._error(source) else in_repl_mode(source), shows=False)

    def _is_expression(self, source: str) -> bool:
        return (
            bool(source.strip())
            and _DECLARATION.match(source) is None
            # As it stands, so that no parenthesis inside closes ours; an object literal is a block there, or wrong.
            and (source.lstrip().startswith("{") or self._error(source) is None)
            and self._error(f"(({source}\n))") is None
        )

    def _ends_well(self, head: str) -> bool:
        return "//" not in head.rpartition("\n")[2] and self._error(head) is None

    def _error(self, source: str) -> JavaScriptError | None:
        try:
            self._parser.eval(_PARSE_ONLY + source)
        except JavaScriptError as error:
            return error if error.name == "SyntaxError" else None
        return None


def _units(text: str) -> int:
    """Return a text's length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
