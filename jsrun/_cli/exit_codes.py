"""What the exit codes of the command line mean; `docs/guides/command-line.md` has the same table."""

from __future__ import annotations

from jsrun import HeapLimitExceeded, JavaScriptTimeout

OK = 0
FAILED = 1
USAGE = 2
MISSING = 3
TIMEOUT = 124
INTERRUPTED = 130
HEAP_LIMIT = 137
BROKEN_PIPE = 141


def of_error(error: BaseException) -> int:
    """Return the exit code of a program that ended with ``error``."""
    if isinstance(error, JavaScriptTimeout):
        return TIMEOUT
    if isinstance(error, HeapLimitExceeded):
        return HEAP_LIMIT
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    return FAILED
