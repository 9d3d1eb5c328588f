"""What a process holds, read from the kernel: memory, descriptors, threads, mappings, live runtimes."""

from __future__ import annotations

import dataclasses
import gc
import os
import time
from pathlib import Path

from jsrun import _jsrun


@dataclasses.dataclass(frozen=True)
class Reading:
    """One look; sizes are bytes."""

    rss: int
    files: int
    threads: int
    runtimes: int
    mappings: int

    @classmethod
    def take(cls) -> Reading:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        with Path("/proc/self/maps").open("rb") as maps:
            mappings = sum(1 for _ in maps)
        # The listing has a descriptor of its own.
        files = len(os.listdir("/proc/self/fd")) - 1
        rss = int(status["VmRSS"].split()[0]) << 10
        return cls(rss, files, threads(), int(_jsrun.live_isolates()), mappings)

    def beyond(self, other: Reading) -> dict[str, int]:
        """Pieces that there are more of than in `other`."""
        return {name: max(0, getattr(self, name) - getattr(other, name)) for name in ("threads", "files", "runtimes")}


def threads() -> int:
    """Threads of the process, without those of isolates made ahead, of which there are two at most, now and then."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        try:
            count += not (task / "comm").read_text().startswith("jsrun-spare")
        except OSError:  # it ended meanwhile
            continue
    return count


def address_space() -> int:
    """Bytes of address space that the process has reserved."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")


def settled(until: Reading, patience: float = 30.0) -> Reading:
    """A reading when threads, descriptors and runtimes are back at `until`, or patience has ended."""
    end = time.monotonic() + patience
    while True:
        gc.collect()
        now = Reading.take()
        if not any(now.beyond(until).values()) or time.monotonic() > end:
            return now
        time.sleep(0.05)


def system_limits() -> dict[str, str]:
    """What bounds the number of runtimes here."""
    paths = {
        "vm.max_map_count": "/proc/sys/vm/max_map_count",
        "kernel.threads-max": "/proc/sys/kernel/threads-max",
        "kernel.pid_max": "/proc/sys/kernel/pid_max",
        "pids.max": "/sys/fs/cgroup/pids.max",
    }
    found = {name: Path(path).read_text().strip() for name, path in paths.items() if Path(path).exists()}
    memory = Path("/proc/meminfo").read_text().split("\n", 1)[0].split()
    return {**found, "memory": f"{int(memory[1]) >> 20} GiB"}
