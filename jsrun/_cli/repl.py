"""`jsrun repl`: type JavaScript, see what it gives; or pipe it in."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from .files import FileModules
from .limits import add_limits


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun repl`."""
    add_limits(parser)


def run(given: argparse.Namespace) -> int:
    """Run the REPL until its end; return the exit code."""
    files = FileModules(given.allow_import or Path.cwd())
    if sys.stdin.isatty() and sys.stdout.isatty():
        # Here, because a pipe needs none of its packages.
        from .repl_screen import run_on_terminal

        return asyncio.run(run_on_terminal(given, files))
    from .repl_pipe import Pipe

    return asyncio.run(Pipe(given, files).run())
