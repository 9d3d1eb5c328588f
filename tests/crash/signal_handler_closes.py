"""A signal handler that closes the runtime ends a blocking eval with RuntimeClosed."""

import os
import signal
import threading

import jsrun

rt = jsrun.Runtime()
signal.signal(signal.SIGTERM, lambda *_: rt.close())
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
try:
    rt.eval("for (;;);")
except jsrun.RuntimeClosed:
    print("ok", flush=True)
