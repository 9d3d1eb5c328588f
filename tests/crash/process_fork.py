"""Fork with a live runtime in a child process: the fork gets a clear error, the runtime stays with its owner."""

import asyncio
import os
import sys
import time
import warnings

import jsrun

warnings.simplefilter("ignore", DeprecationWarning)
rt = jsrun.Runtime(isolation="process")
function = rt.eval("n => n + 1")
assert asyncio.run(rt.eval_async("1 + 1")) == 2


def refused(act: object) -> None:
    try:
        act()  # type: ignore[operator]
    except jsrun.RuntimeClosed as error:
        assert "fork" in str(error), error
    else:
        raise AssertionError("no error in the fork")


pid = os.fork()
if pid == 0:
    refused(lambda: rt.eval("1"))
    refused(lambda: function(1))
    refused(lambda: asyncio.run(rt.eval_async("1")))
    # A V8 of this process is not needed for one in a child.
    with jsrun.Runtime(isolation="process") as other:
        assert other.eval("2 + 2") == 4
    rt.close()
    del function
    sys.exit(9)
end = time.monotonic() + 30
while (done := os.waitpid(pid, os.WNOHANG)) == (0, 0):
    assert time.monotonic() < end, "the fork did not end"
    time.sleep(0.02)
assert os.waitstatus_to_exitcode(done[1]) == 9, done
assert rt.eval("3 + 3") == 6 and function(1) == 2
rt.close()
print("ok")
