"""A signal handler may use another runtime, and the interrupted call goes on when it returns."""

import os
import signal
import threading

import jsrun

rt, other = jsrun.Runtime(), jsrun.Runtime()
seen: list[object] = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(other.eval("1 + 1")))
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
assert rt.eval("const end = Date.now() + 800; while (Date.now() < end); 'whole'") == "whole"
assert seen == [2], seen
print("ok", flush=True)
