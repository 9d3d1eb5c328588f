"""Input 66: Ctrl-C in a blocking evaluation, and a SIGTERM handler that closes the runtime."""

import os
import signal
import threading

import jsrun

with jsrun.Runtime() as rt:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        rt.eval("for (;;);", timeout=30)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("no KeyboardInterrupt")
    assert rt.eval("6 * 7") == 42
rt = jsrun.Runtime()
signal.signal(signal.SIGTERM, lambda *_: rt.close())
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
try:
    rt.eval("for (;;);", timeout=30)
except jsrun.RuntimeClosed:
    pass
assert rt.state == "closed"
print("ok", flush=True)
