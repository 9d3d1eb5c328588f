"""What the operating system keeps a child from: outliving its host, dumping core, files, memory, processor time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

from .. import _jsrun

_SET_PDEATHSIG: Final = 1
_SET_NO_NEW_PRIVS: Final = 38


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


def confine(rights: dict[str, Any], *, listen: bool) -> None:
    """Give up for good what `ProcessIsolation` does not grant. Before V8 starts, and any thread.

    Args:
        rights: the fields of a `ProcessIsolation`.
        listen: whether an inspector listens.

    Raises:
        OSError: the kernel cannot do what is asked, or a path is not there.
    """
    os.nice(rights["nice"])
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, rights["descriptors"])
    if rights["memory"] is not None:
        # Address space is no measure of it: V8 reserves terabytes.
        _limit(resource.RLIMIT_DATA, rights["memory"])
    if rights["cpu"] is not None:
        _limit(resource.RLIMIT_CPU, rights["cpu"])
    readable = None
    if rights["landlock"]:
        # What Python imports later is here.
        own = [*map(Path, sys.path), Path(__file__).parent.parent]
        readable = [*filter(Path.exists, own), *map(Path, rights["readable"])]
    if readable is not None or rights["seccomp"]:
        _jsrun.confine(readable, rights["seccomp"], listen)


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (most, most))
