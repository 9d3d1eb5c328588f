"""The REPL without a terminal: inputs from standard input, values as plain lines."""

from __future__ import annotations

import argparse
import sys

from jsrun import ConsoleMessage, JavaScriptError, JsrunError

from .console import Output, discard_output
from .error_text import error_text
from .exit_codes import BROKEN_PIPE, FAILED, OK
from .files import FileModules
from .repl_commands import Leave, is_command, run_command
from .repl_session import Session


class Pipe:
    """Evaluates what comes down a pipe, one complete input after another.

    Args:
        given: the options of the command line.
        files: where modules come from.
    """

    def __init__(self, given: argparse.Namespace, files: FileModules) -> None:
        self._output = Output(self._stop)
        self._code = OK
        self._session = Session(given, files, self._heard, lambda error: self._failed(error, "Uncaught "))

    async def run(self) -> int:
        """Evaluate everything; return the exit code, which tells whether something failed."""
        try:
            await self._evaluate_all()
        except Leave:
            return self._code
        finally:
            self._session.close()
        if self._output.broken:
            discard_output()
            return BROKEN_PIPE
        return self._code

    async def _evaluate_all(self) -> None:
        pending = ""
        for line in sys.stdin:
            pending += line
            source = pending.rstrip("\n")
            if is_command(source):
                await self._command(source)
            elif self._session.syntax.is_incomplete(source):
                continue
            elif source.strip():
                await self._evaluate(source)
            pending = ""
            if self._output.broken:
                return
        if pending:
            await self._evaluate(pending)
        await self._attempt(self._session.idle())

    async def _evaluate(self, source: str) -> None:
        await self._attempt(self._shown(source))

    async def _shown(self, source: str, name: str | None = None) -> None:
        text = await self._session.evaluate(source, name)
        if text is not None and text != "undefined":
            self._output.write(text, sys.stdout)

    async def _command(self, source: str) -> None:
        try:
            said = await run_command(source, self._session, self._shown)
        except (JavaScriptError, JsrunError) as error:
            self._failed(error)
        except (OSError, ValueError, argparse.ArgumentTypeError) as error:
            self._failed(error)
        else:
            if said is not None:
                self._output.write(said, sys.stdout)

    async def _attempt(self, work: object) -> None:
        try:
            await work  # type: ignore[misc]
        except (JavaScriptError, JsrunError) as error:
            if not self._output.broken:
                self._failed(error)

    def _heard(self, message: ConsoleMessage) -> None:
        self._output.message(message)

    def _failed(self, error: BaseException, before: str = "") -> None:
        self._code = FAILED
        print(before + error_text(error), file=sys.stderr)

    def _stop(self) -> None:
        self._session.runtime.terminate()
