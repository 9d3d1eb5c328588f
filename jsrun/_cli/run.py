"""`jsrun run`, `jsrun -c` and `jsrun -m`: one program, its output and its result."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsrun import JavaScriptError, Runtime, undefined

from .files import decode_source, read_source
from .limits import add_limits
from .program import Deadline, Program

_MODULE_WORDS = re.compile(r"\b(?:import|export)\b")


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options that say how a result is shown."""
    parser.add_argument("--json", action="store_true", help="print the result, or the error, as one JSON document")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print the result")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun run`."""
    add_result_options(parser)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--script", dest="kind", action="store_const", const="script", help="FILE is a script")
    kind.add_argument("--module", dest="kind", action="store_const", const="module", help="FILE is an ES module")
    add_limits(parser)
    parser.add_argument("file", metavar="FILE", help="JavaScript; - reads standard input")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="the program's own arguments: its global `args`")


def run(given: argparse.Namespace, *, prepare: Callable[[Runtime], object] | None = None, **options: Any) -> int:
    """Run a file; return the exit code.

    Args:
        given: the arguments.
        prepare: called with the runtime before the program starts.
        **options: more fields of `RuntimeConfig`.
    """
    if given.file == "-":
        source = decode_source(sys.stdin.buffer.read(), "standard input")
        return _run_source(Program(given, Path.cwd(), given.args, options, prepare), source)
    path = Path(given.file).resolve()
    source = read_source(path)
    return _run_source(Program(given, path.parent, given.args, options, prepare), source, path)


def run_code(given: argparse.Namespace, code: str, *arguments: str) -> int:
    """Run the text that follows `-c`."""
    return Program(given, Path.cwd(), list(arguments)).run(_script(code, "<code>"))


def run_specifier(given: argparse.Namespace, specifier: str, *arguments: str) -> int:
    """Run the module that follows `-m`."""
    return Program(given, Path.cwd(), list(arguments)).run(
        lambda runtime, deadline: _default(runtime.eval_module(specifier, timeout=deadline.left()))
    )


def _run_source(program: Program, source: str, path: Path | None = None) -> int:
    source = re.sub(r"\A#!.*", "", source)
    name = "<stdin>" if path is None else program.given.file
    if (program.given.kind or kind_of(source, name)) == "script":
        return program.run(_script(source, name))

    def module(runtime: Runtime, deadline: Deadline) -> Any:
        specifier = program.files.add_main(runtime, source, path)
        return _default(runtime.eval_module(specifier, timeout=deadline.left()))

    return program.run(module)


def _script(source: str, name: str) -> Any:
    return lambda runtime, deadline: runtime.eval(source, timeout=deadline.left(), filename=name)


def _default(exports: Any) -> Any:
    """Return a module's result: its default export."""
    return exports.get("default", undefined)


def kind_of(source: str, name: str) -> str:
    """Tell whether a source is a ``script`` or a ``module``: by the name's ending, else by what is in it."""
    ending = Path(name).suffix
    if ending in {".mjs", ".cjs"}:
        return "module" if ending == ".mjs" else "script"
    if not _MODULE_WORDS.search(source):
        return "script"
    with Runtime() as parser:
        try:
            # Parsed as a whole, and left at its first statement.
            parser.eval(f"throw null;\n{source}")
        except JavaScriptError as error:
            return "script" if error.name is None else "module"
    return "script"
