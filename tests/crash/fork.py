"""Fork with a live runtime: the child gets a clear error and leaves cleanly, the parent goes on."""

import asyncio
import os
import sys
import time
import warnings

import jsrun

warnings.simplefilter("ignore", DeprecationWarning)
rt = jsrun.Runtime()
function = rt.eval("n => n + 1")
assert asyncio.run(rt.eval_async("1 + 1")) == 2


def refused(act: object) -> None:
    start = time.monotonic()
    try:
        act()  # type: ignore[operator]
    except RuntimeError as error:
        assert "fork" in str(error), error
    else:
        raise AssertionError("no error in the child")
    assert time.monotonic() - start < 2


pid = os.fork()
if pid == 0:
    refused(lambda: rt.eval("1"))
    refused(lambda: function(1))
    refused(lambda: asyncio.run(rt.eval_async("1")))
    refused(lambda: jsrun.Runtime())
    refused(lambda: jsrun.eval("1"))
    rt.close()
    del function
    sys.exit(9)
end = time.monotonic() + 20
while (done := os.waitpid(pid, os.WNOHANG)) == (0, 0):
    assert time.monotonic() < end, "the child did not end"
    assert rt.eval("1 + 1") == 2
    time.sleep(0.01)
assert os.waitstatus_to_exitcode(done[1]) == 9, done
assert function(1) == 2
assert asyncio.run(rt.eval_async("2 + 2")) == 4
with jsrun.Runtime() as fresh:
    assert fresh.eval("3") == 3
print("ok", flush=True)
