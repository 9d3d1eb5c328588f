"""Where a program's console goes: standard output and error, until nobody reads them any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

from jsrun import ConsoleMessage


def prepare_streams() -> None:
    """Make standard output show lines as they come, whatever characters are in them; open what a shell has closed."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


class Output:
    """Writes console messages; `broken` is true once the reader has gone.

    Args:
        stop: called once, when the reader has gone.
        all_to_errors: write everything to standard error: standard output is for a document.
    """

    def __init__(self, stop: Callable[[], object], *, all_to_errors: bool = False) -> None:
        self._all_to_errors = all_to_errors
        self.broken = False
        self._stop = stop

    def message(self, message: ConsoleMessage) -> None:
        """Write one console message: warnings and errors to standard error, the rest to standard output."""
        stream = sys.stderr if self._all_to_errors or message.level in {"warning", "error"} else sys.stdout
        if message.dropped:
            self.write(f"[{message.dropped} console messages dropped]", stream)
        self.write(message.text, stream)

    def write(self, text: str, stream: TextIO) -> None:
        """Write a line."""
        if self.broken:
            return
        try:
            stream.write(text + "\n")
        except BrokenPipeError:
            self.broken = True
            self._stop()


def discard_output() -> None:
    """Let what is still buffered vanish, so that nothing complains at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
