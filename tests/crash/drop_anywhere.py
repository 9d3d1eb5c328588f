"""Runtimes, functions and awaitables dropped from any thread, in finalisers and in cycles, while JavaScript runs."""

import asyncio
import gc
import threading
import time
import warnings

import jsrun

warnings.simplefilter("ignore")


class Holder:
    """Drops a runtime from its own finaliser."""

    def __init__(self) -> None:
        self.rt = jsrun.Runtime()
        self.function = self.rt.eval("n => n")
        self.me = self

    def __del__(self) -> None:
        self.function.close()
        self.rt.close()


def churn() -> None:
    for _ in range(30):
        rt = jsrun.Runtime()
        rt.bind_function("me", lambda rt=rt: rt)
        function = rt.eval("(n) => n")
        box = [rt, function]
        threading.Thread(target=box.clear).start()
        Holder()
        asyncio.run(rt.eval_async("1"))
        rt.eval_async("2")
        del rt, function


threads = [threading.Thread(target=churn) for _ in range(4)]
for thread in threads:
    thread.start()
end = time.monotonic() + 60
for thread in threads:
    while thread.is_alive():
        assert time.monotonic() < end
        gc.collect()
        time.sleep(0.01)
busy = jsrun.Runtime()
worker = threading.Thread(target=lambda: busy.eval("const end = Date.now() + 500; while (Date.now() < end); 0"))
worker.start()
time.sleep(0.1)
del busy
gc.collect()
worker.join(20)
assert not worker.is_alive()
print("ok", flush=True)
