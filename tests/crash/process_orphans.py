"""However a program ends, the children of its runtimes end too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import contextlib, os, signal, sys, threading
import jsrun
def spin():
    with contextlib.suppress(jsrun.RuntimeClosed):
        runtimes[0].eval("for (;;);")
runtimes = [jsrun.Runtime(isolation="process") for _ in range(2)]
threading.Thread(target=spin, daemon=True).start()
print(*(rt._native.id for rt in runtimes), flush=True)
{end}
"""
ENDS = {"": 0, "os._exit(3)": 3, "os.kill(os.getpid(), signal.SIGKILL)": -signal.SIGKILL, "sys.exit(4)": 4}
for end, code in ENDS.items():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, (end, done.returncode, done.stderr)
    assert done.stderr == "", done.stderr
    children = [int(number) for number in done.stdout.split()]
    assert len(children) == 2, done.stdout
    limit = time.monotonic() + 10
    for number in children:
        stat = Path(f"/proc/{number}/stat")
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < limit, (end, number, os.getpid())
            time.sleep(0.02)
print("ok")
