"""`ProcessIsolation`: what the child process of a runtime may use."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import RuntimeConfig

# The child itself needs most of these.
_LEAST = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessIsolation:
    """A child process, and what it may use: a value of `RuntimeConfig.isolation`. See docs/guides/process-isolation.md.

    What cannot be had is an `OSError` when the runtime is made, never a weaker child.

    Args:
        memory: bytes of memory that the child may have for itself; more is a crash. No limit when ``None``.
        cpu: seconds of processor time after which the kernel kills it. No limit when ``None``.
        descriptors: files and sockets it may have open, at least 32.
        nice: how far it stands back behind other processes: 0 to 19.
        seccomp: leave it only the system calls that calculating needs: no programs, no processes, no sockets, nothing
            that writes to files. Others fail with ``EPERM``. Linux.
        landlock: leave it only the files of Python's standard library, of this package and ``readable``, for reading;
            and neither TCP nor signals to other processes, where the kernel can. Linux 5.13.
        readable: folders and files that it may read beside these, such as the root of a `FileSystemLoader`; with
            ``landlock`` alone.

    Raises:
        TypeError, ValueError: an option is wrong.

    Example:
        >>> import jsrun
        >>> with jsrun.Runtime(isolation=jsrun.ProcessIsolation(memory=1 << 30, nice=5)) as rt:
        ...     rt.eval("6 * 7")
        42
    """

    memory: int | None = None
    cpu: int | None = None
    descriptors: int = 64
    nice: int = 0
    seccomp: bool = False
    landlock: bool = False
    readable: Iterable[str | os.PathLike[str]] = ()

    def __post_init__(self) -> None:
        bounds = {"memory": (1, 1 << 63), "cpu": (1, 1 << 31), "descriptors": (_LEAST, 1 << 20), "nice": (0, 20)}
        for name, (least, beyond) in bounds.items():
            value = getattr(self, name)
            if value is None and name in {"memory", "cpu"}:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, got {value!r}")
            if not least <= value < beyond:
                raise ValueError(f"{name} must be between {least} and {beyond - 1}, got {value}")
        for name in ("seccomp", "landlock"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool, got {getattr(self, name)!r}")
        paths = self.readable
        if isinstance(paths, (str, bytes)) or not isinstance(paths, Iterable):
            raise TypeError(f"readable must be several paths, such as a list, got {paths!r}")
        paths = tuple(paths)
        for path in paths:
            if not isinstance(path, (str, os.PathLike)):
                raise TypeError(f"readable must be paths, got {path!r}")
        # Later changes of the working directory are not meant, and the child has another one.
        object.__setattr__(self, "readable", tuple(str(Path(path).absolute()) for path in paths))
        if self.readable and not self.landlock:
            raise ValueError("readable needs landlock=True: without it, all files are readable")


def of(config: RuntimeConfig) -> ProcessIsolation:
    """Return what the child of a runtime with this configuration may use, whichever options say it."""
    isolation = config.isolation if isinstance(config.isolation, ProcessIsolation) else ProcessIsolation()
    memory, cpu = config.max_process_memory, config.max_process_cpu
    return dataclasses.replace(
        isolation,
        memory=isolation.memory if memory is None else memory,
        cpu=isolation.cpu if cpu is None else cpu,
    )
