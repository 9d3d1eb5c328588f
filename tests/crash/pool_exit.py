"""Leave the interpreter with an open pool and a thread that waits for it: the thread gets an error, nothing hangs."""

import sys
import threading
import time

import jsrun

pool = jsrun.RuntimePool(size=1)
pool.__enter__()
lease = pool.runtime()
rt = lease.__enter__()
waits = threading.Event()


def wait() -> None:
    waits.set()
    try:
        pool.eval("1")
    except jsrun.RuntimeClosed:
        print("ended by RuntimeClosed", flush=True)


threading.Thread(target=wait).start()
waits.wait()
while not pool.get_stats().waiting:
    time.sleep(0.001)
print("ok", flush=True)
sys.exit(7)
