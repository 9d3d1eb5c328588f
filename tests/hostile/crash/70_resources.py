"""Input 70: no threads, no descriptors, no memory: an exception for that runtime, and the others live."""

import resource
import threading
from pathlib import Path

import jsrun

steady = jsrun.Runtime()
assert steady.eval("1") == 1
threads = threading.active_count()


def refused(limit: int, value: int) -> None:
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value, hard))
    made = []
    try:
        for _ in range(20):
            made.append(jsrun.Runtime())
    except (OSError, RuntimeError, MemoryError) as error:
        print("refused:", type(error).__name__, error, flush=True)
    finally:
        resource.setrlimit(limit, (soft, hard))
        for rt in made:
            rt.close()
    assert steady.eval("6 * 7") == 42
    with jsrun.Runtime() as rt:
        assert rt.eval("1") == 1


refused(resource.RLIMIT_NOFILE, 3)
status = Path("/proc/self/status").read_text().split("VmSize:")[1]
used = int(status.split()[0]) * 1024
refused(resource.RLIMIT_AS, used + (4 << 20))
assert threading.active_count() == threads
steady.close()
print("ok", flush=True)
