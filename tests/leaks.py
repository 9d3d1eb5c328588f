"""What a test must give back: isolate threads, file descriptors, live runtimes and children of this process."""

from __future__ import annotations

import gc
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import jsrun
from jsrun import _jsrun

PATIENCE = 5.0


def isolate_threads() -> int:
    """Operating-system threads of isolates, alive now."""
    count = 0
    for entry in Path("/proc/self/task").iterdir():
        try:
            count += (entry / "comm").read_text().startswith("jsrun-iso-")
        except OSError:  # the thread ended meanwhile
            continue
    return count


def open_files() -> dict[str, str]:
    """Descriptor number to what it names."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the descriptor of this very listing
            continue
    return found


def live_runtimes() -> int:
    """Isolates the native module counts as alive, where it counts them."""
    counter = getattr(_jsrun, "live_isolates", None)
    return int(counter()) if counter else 0


def children() -> int:
    """Child processes of runtimes, and the threads that serve them."""
    count = sum(thread.name == "jsrun-child" for thread in threading.enumerate())
    for task in Path("/proc/self/task").iterdir():
        try:
            for child in (task / "children").read_text().split():
                count += b"jsrun._process" in Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:  # the thread or the process ended meanwhile
            continue
    return count


@dataclass(frozen=True)
class Census:
    """One count of everything that could leak."""

    threads: int
    files: int
    runtimes: int
    children: int

    @classmethod
    def take(cls) -> Census:
        return cls(isolate_threads(), len(open_files()), live_runtimes(), children())

    def exceeds(self, other: Census) -> bool:
        return (
            self.threads > other.threads
            or self.files > other.files
            or self.runtimes > other.runtimes
            or self.children > other.children
        )


def isolates() -> tuple[int, int]:
    """Isolate threads and live runtimes, where descriptors of a loop that still runs do not count."""
    return isolate_threads(), live_runtimes()


def settle(before: Census, patience: float = PATIENCE) -> Census:
    """Count until nothing exceeds `before` or patience ends, and return the last count."""
    gc.collect()
    end = time.monotonic() + patience
    while (now := Census.take()).exceeds(before) and time.monotonic() < end:
        time.sleep(0.01)
        gc.collect()
    return now


def warm_up() -> None:
    """Make everything that a process makes only once, so that it is no leak of the first test."""

    async def answer() -> object:
        return await rt.eval_async("42")

    with jsrun.Runtime() as rt:
        rt.bind_function("answer", answer)
        assert rt.eval("answer()") == 42
