"""What the operating system keeps a child from: outliving its host, dumping core, files, memory, processor time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Final

_SET_PDEATHSIG: Final = 1
_SET_NO_NEW_PRIVS: Final = 38
_DESCRIPTORS: Final = 64


def tie_to_host() -> None:
    """Die with the host, and never gain a privilege. Linux; elsewhere the end of the socket does the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() == 1:
        os._exit(0)


def confine(memory: int | None, seconds: int | None) -> None:
    """Set limits for good.

    Args:
        memory: bytes that the process may have for itself. Address space is no measure of it: V8 reserves terabytes.
        seconds: processor time.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    if memory is not None:
        _limit(resource.RLIMIT_DATA, memory)
    if seconds is not None:
        _limit(resource.RLIMIT_CPU, seconds)


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (most, most))
