"""Input 68: a fork with a live runtime, also inside a host function; descriptors are not inherited by programs."""

import os
import subprocess
import sys
import warnings

import jsrun

warnings.simplefilter("ignore", DeprecationWarning)


def child_is_refused() -> None:
    child = os.fork()
    if child == 0:
        try:
            assert rt.state == "closed", rt.state
            rt.eval("1")
        except jsrun.RuntimeClosed:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


rt = jsrun.Runtime()
assert rt.eval("1") == 1
child_is_refused()
rt.bind_function("fork", child_is_refused)
rt.eval("fork()")
assert rt.eval("6 * 7") == 42
listing = "import os; print(sorted(os.listdir('/proc/self/fd')))"
seen = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, close_fds=False, check=True)
assert len(eval(seen.stdout)) <= 5, seen.stdout
rt.close()
print("ok", flush=True)
