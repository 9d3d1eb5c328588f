"""One program from its start to its end: a runtime with the limits asked for, and what came out of it."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from jsrun import JavaScriptTimeout, Runtime, undefined
from jsrun._idle import IDLE

from .console import Output, discard_output
from .error_text import error_text
from .exit_codes import BROKEN_PIPE, FAILED, OK, of_error
from .files import FileModules
from .host import equip, host_config
from .json_form import error_form, to_json


@dataclass
class Program:
    """What a program is started with, and what it reported.

    Args:
        given: the options of the command line.
        root: the folder that modules come from.
        arguments: the program's own arguments.
        options: more fields of `RuntimeConfig`.
        prepare: called with the runtime before its program starts.
    """

    given: argparse.Namespace
    root: Path
    arguments: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Runtime], object] | None = None
    reported: list[BaseException] = field(default_factory=list)
    runtime: Runtime | None = None

    def __post_init__(self) -> None:
        self.files = FileModules(self.given.allow_import or self.root)

    def run(self, body: Callable[[Runtime, Deadline], Any]) -> int:
        """Run ``body``, then what its timers still do; show the result and return the exit code."""
        output = Output(self._stop, all_to_errors=self.given.json)
        config = host_config(self.given, on_console=output.message, on_unhandled_rejection=self._rejected)
        with Runtime(config, **self.options) as runtime:
            try:
                value = self._drive(runtime, body)
            except (Exception, KeyboardInterrupt) as error:
                if output.broken:
                    discard_output()
                    return BROKEN_PIPE
                return self._failed(error)
        return self._finished(value)

    def _drive(self, runtime: Runtime, body: Callable[[Runtime, Deadline], Any]) -> Any:
        self.runtime = runtime
        deadline = Deadline(self.given.timeout)
        equip(runtime, self.given, self.arguments, self.files)
        if self.prepare is not None:
            self.prepare(runtime)
        value = body(runtime, deadline)
        runtime.eval(IDLE, timeout=deadline.left())
        return value

    def _stop(self) -> None:
        if self.runtime is not None:
            self.runtime.terminate()

    def _rejected(self, error: BaseException) -> None:
        self.reported.append(error)
        if not self.given.json:
            print("Uncaught", error_text(error), file=sys.stderr)

    def _failed(self, error: BaseException) -> int:
        code = of_error(error)
        if isinstance(error, JavaScriptTimeout):
            # What was left for the last step is of no interest.
            error = JavaScriptTimeout(f"the program did not end within {self.given.timeout:g} s")
        if self.given.json:
            print(to_document(error, code))
        else:
            print(error_text(error), file=sys.stderr)
        return code

    def _finished(self, value: Any) -> int:
        if self.reported:
            if self.given.json:
                print(to_document(self.reported[0], FAILED))
            return FAILED
        if self.given.json:
            print(to_json({"ok": True, "value": value}))
        elif value is not undefined and not self.given.quiet:
            print(value if isinstance(value, str) else to_json(value, indent=2))
        return OK


def to_document(error: BaseException, code: int) -> str:
    """Return the JSON document of a program that failed."""
    return to_json({"ok": False, "error": error_form(error), "exit_code": code})


class Deadline:
    """The moment at which a program must have ended.

    Args:
        seconds: from now; ``None`` is never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._end = math.inf if seconds is None else monotonic() + seconds

    def left(self) -> float | None:
        """Return the seconds that are left.

        Raises:
            JavaScriptTimeout: there are none.
        """
        if self._seconds is None:
            return None
        left = self._end - monotonic()
        if left <= 0:
            raise JavaScriptTimeout(f"it did not end within {self._seconds:g} s")
        return left
