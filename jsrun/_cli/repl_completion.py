"""Completion in the REPL: names of the live global object, keywords, and the dot commands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from .repl_session import Session

_PATH = re.compile(r"(?:^|[^\w$.'\"`\])}])((?:[\w$]+\??\.)*)([\w$]*)$")
_KEYWORDS = (
    "async await break case catch class const continue debugger default delete do else export extends false finally "
    "for function if import in instanceof let new null of return static super switch this throw true try typeof var "
    "void while yield"
).split()
_COMMANDS = ("exit", "help", "load", "reset", "save", "timeout")


class NameCompleter(Completer):
    """Completes the dotted path before the cursor.

    Args:
        session: whose global object it is.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what may stand at the cursor."""
        before = document.text_before_cursor
        if command := re.fullmatch(r"\s*\.([a-z]*)", before):
            yield from _matching(_COMMANDS, command[1])
            return
        found = _PATH.search(before)
        if found is None:
            return
        path = [name.rstrip("?") for name in found[1].split(".")[:-1]]
        typed = found[2]
        if not path and not typed and before.strip():
            return
        if (path[0] if path else typed)[:1].isdigit():
            return
        names = self._session.complete(path)
        yield from _matching(names if path else [*names, *_KEYWORDS], typed)


def _matching(names: Iterable[str], typed: str) -> Iterable[Completion]:
    matching = {name for name in names if name.startswith(typed) and (typed or not name.startswith("_"))}
    for name in sorted(matching, key=lambda name: (name.startswith("_"), name.lower(), name)):
        yield Completion(name, start_position=-len(typed))
