"""What goes to the log: lives of runtimes, slow evaluations, rejections that nobody handles, crashes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._runtime import Runtime
    from .errors import JavaScriptError

# Records get text, never an exception or a runtime: handlers may keep them for as long as they like.
# By convention a library says nothing unless the program has set up logging.
logging.getLogger("jsrun").addHandler(logging.NullHandler())

runtimes: Final = logging.getLogger("jsrun.runtime")
pools: Final = logging.getLogger("jsrun.pool")
processes: Final = logging.getLogger("jsrun.process")


def created(runtime: Runtime, began: float) -> None:
    """Log that a runtime takes work; ``began`` is when making it began, by `time.perf_counter`."""
    if runtimes.isEnabledFor(logging.DEBUG):
        took = (time.perf_counter() - began) * 1e3
        runtimes.debug("runtime %s created in %.1f ms (%s)", runtime._native.id, took, runtime._config.isolation)


def closed(runtime: Runtime, why: str) -> None:
    """Log that a runtime ends, and why."""
    runtimes.debug("runtime %s closed: %s", runtime._native.id, why)


def terminated(runtime: Runtime) -> None:
    """Log that a runtime was stopped for good."""
    runtimes.debug("runtime %s terminated", runtime._native.id)


def condemned(runtime: int) -> None:
    """Log that a runtime's heap stays full."""
    runtimes.warning("runtime %s condemned: its heap is full and stays full; close it and make a new one", runtime)


def slow(runtime: int, what: str, name: str | None, took: float, limit: float) -> None:
    """Log an operation that took longer than `RuntimeConfig.slow_evaluation`. Times are seconds."""
    text = f"{what} of {name}" if name is not None else what
    runtimes.warning("slow %s in runtime %s: %.3f s (slow_evaluation=%g)", text, runtime, took, limit)


def rejection(runtime: int, error: JavaScriptError, what: str, handled: bool) -> None:
    """Log a rejection, or an exception of a timer, that no JavaScript handles; ``handled``: Python does."""
    level = logging.DEBUG if handled else logging.WARNING
    if runtimes.isEnabledFor(level):
        runtimes.log(level, "%s in runtime %s: %s", what, runtime, str(error))


def crashed(error: BaseException) -> None:
    """Log that a child process ended by itself, or had to be killed."""
    processes.error("%s", str(error))
