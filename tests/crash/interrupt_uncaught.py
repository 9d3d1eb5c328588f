"""An uncaught Ctrl-C in a blocking eval ends the process as Python always does."""

import os
import signal
import threading

import jsrun

signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
print("ok", flush=True)
jsrun.Runtime().eval("for (;;);")
