"""The state behind a REPL: a runtime, what was typed so far, and how a source is evaluated and its value shown."""

from __future__ import annotations

import argparse
import asyncio
import re
import secrets
import signal
from collections.abc import Callable
from typing import Any

from jsrun import ConsoleMessage, ConversionError, JavaScriptError, JsrunError, Runtime, undefined
from jsrun._idle import IDLE

from .files import FileModules
from .host import equip, host_config, javascript
from .repl_source import Shift, Syntax

_DECLARED = re.compile(r"\b(?:let|const|class)\s+([\w$]+)")
_COMPLETION_SECONDS = 2.0


class Session:
    """One REPL's runtime.

    Args:
        given: the options of the command line.
        files: where modules come from.
        heard: called with every console message.
        rejected: called with every unhandled rejection.
    """

    def __init__(
        self,
        given: argparse.Namespace,
        files: FileModules,
        heard: Callable[[ConsoleMessage], object],
        rejected: Callable[[JavaScriptError], object],
    ) -> None:
        self.timeout: float | None = given.timeout
        self.inputs: list[str] = []
        self.syntax = Syntax()
        self._given = given
        self._files = files
        self._heard = heard
        self._rejected = rejected
        self._token = secrets.token_hex(8)
        self._shown: str | None = None
        self._variables: dict[str, None] = {}
        self._shifts: dict[str, Shift] = {}
        self._count = 0
        self._open()

    def _open(self) -> None:
        config = host_config(self._given, on_console=self._console, on_unhandled_rejection=self._rejection)
        self.runtime = Runtime(config)
        equip(self.runtime, self._given, [], self._files)
        self._functions = self.runtime.eval(javascript("repl.js"), filename="jsrun:repl.js")(self._token)

    def close(self) -> None:
        """Free the runtimes."""
        self.runtime.close()
        self.syntax.close()

    def reset(self) -> None:
        """Begin anew, with an empty global object."""
        self.close()
        self.syntax = Syntax()
        self._variables.clear()
        self._open()

    async def evaluate(self, source: str, name: str | None = None) -> str | None:
        """Evaluate a source; return its value as text, or ``None`` for the ``undefined`` of a statement.

        Args:
            source: what was typed.
            name: the file that it comes from.

        Raises:
            KeyboardInterrupt: Ctrl-C, after JavaScript has stopped.
            JavaScriptError, JsrunError: those of `Runtime.eval`, with the places that the user knows.
        """
        self._count += 1
        name = name or f"repl{self._count}"
        prepared = self.syntax.prepare(source)
        if prepared.shift is not None:
            self._shifts[name] = prepared.shift
        self._shown = None
        try:
            value = await self._interruptible(
                self.runtime.eval_async(prepared.text, timeout=self.timeout, filename=name)
            )
            if not prepared.shows and value is not undefined:
                await self._interruptible(self._functions["show"].call_async(value, timeout=self.timeout))
        except ConversionError as error:
            raise ConversionError(f"{error}; end with an expression to see such a value") from None
        except (JavaScriptError, JsrunError) as error:
            self._put_right(error)
            raise
        self.inputs.append(source)
        self._variables.update(dict.fromkeys(_DECLARED.findall(source)))
        return self._shown

    async def idle(self) -> None:
        """Wait until no timer is set."""
        await self._interruptible(self.runtime.eval_async(IDLE, timeout=self.timeout))

    def complete(self, path: list[str]) -> list[str]:
        """Return the names that may follow ``path``, or all global ones; runs no getter."""
        try:
            names: list[str] = self._functions["complete"](path, list(self._variables), timeout=_COMPLETION_SECONDS)
        except (JavaScriptError, JsrunError):
            # A proxy that throws or takes its time has no names to offer.
            return []
        return names

    async def _interruptible(self, operation: Any) -> Any:
        """Await an operation that Ctrl-C cancels."""
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(operation)
        interrupted = False

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            task.cancel()

        loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            return await task
        except asyncio.CancelledError:
            if interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def _console(self, message: ConsoleMessage) -> None:
        before, found, text = message.text.partition(self._token)
        if found and not before.strip():
            self._shown = text
        else:
            self._heard(message)

    def _rejection(self, error: JavaScriptError) -> None:
        self._put_right(error)
        self._rejected(error)

    def _put_right(self, error: BaseException | None) -> None:
        """Take out of an error's places what was put into the sources."""
        while isinstance(error, (JavaScriptError, JsrunError)):
            if isinstance(error, JavaScriptError):
                for frame in error.frames:
                    shift = self._shifts.get(frame.get("file_name", ""))
                    if shift is not None:
                        frame["column_number"] = shift.undo(frame.get("line_number", 0), frame.get("column_number", 0))
            error = error.__cause__
