"""The dot commands of the REPL."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from .limits import seconds
from .repl_session import Session

HELP = """\
.help         this text
.exit         leave; so does Ctrl-D
.load FILE    evaluate a file
.save FILE    write what was evaluated so far to a file
.reset        begin anew, with an empty global object
.timeout N    stop evaluations after N seconds, or `off`

await works at the top level, let and const may be declared
again, and _ is the last value. Modules are imported with
await import('./file.js').

Tab completes. Enter goes on in the next line while the input
is unfinished; Alt-Enter always does. Ctrl-C stops an evaluation,
or drops the input."""

Evaluate: TypeAlias = Callable[[str, str | None], Awaitable[object]]

_COMMAND = re.compile(r"\s*\.([a-z]+)(?:\s+(.*?))?\s*")


class Leave(Exception):
    """The user wants to leave."""


def is_command(text: str) -> bool:
    """Tell whether a line is a command, and no JavaScript such as ``.5`` or the rest of a chain, ``.map(f)``."""
    return _COMMAND.fullmatch(text) is not None


async def run_command(text: str, session: Session, evaluate: Evaluate) -> str | None:
    """Run one command; return what there is to say.

    Args:
        text: the line.
        session: the REPL's state.
        evaluate: evaluates a source, from a file or none, and shows its value.

    Raises:
        Leave: it was ``.exit``.
        OSError, ValueError: a file cannot be read or written.
    """
    found = _COMMAND.fullmatch(text)
    name, argument = (found[1], found[2] or "") if found else ("", "")
    if name == "exit":
        raise Leave
    if name in {"load", "save"} and not argument:
        return f".{name} needs the name of a file"
    if name == "load":
        await evaluate(_read(argument), argument)
        return None
    return _AT_ONCE[name](session, argument) if name in _AT_ONCE else f"there is no command .{name}; .help lists them"


def _help(_: Session, __: str) -> str:
    return HELP


def _reset(session: Session, _: str) -> str:
    session.reset()
    return "the global object is new"


def _set_timeout(session: Session, argument: str) -> str:
    if argument:
        session.timeout = None if argument in {"off", "none"} else seconds(argument)
    return "no timeout" if session.timeout is None else f"evaluations stop after {session.timeout:g} s"


def _read(name: str) -> str:
    return Path(name).expanduser().read_text(encoding="utf-8")


def _save(session: Session, name: str) -> str:
    Path(name).expanduser().write_text("".join(f"{source}\n" for source in session.inputs), encoding="utf-8")
    return f"{name}: {len(session.inputs)} inputs"


_AT_ONCE: dict[str, Callable[[Session, str], str]] = {
    "help": _help,
    "reset": _reset,
    "save": _save,
    "timeout": _set_timeout,
}
