"""Ctrl-C while a blocked thread waits for a runtime, and while a task does: the pool is none the worse."""

import asyncio
import os
import signal
import threading
import time

import jsrun

signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt_when_waiting(pool: jsrun.RuntimePool) -> threading.Thread:
    def interrupt() -> None:
        while not pool.get_stats().waiting:
            time.sleep(0.001)
        # Python may miss a signal that comes a moment before it blocks.
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


with jsrun.RuntimePool(size=1, reuse=True) as pool:
    for _ in range(10):
        with pool.runtime() as rt:
            thread = interrupt_when_waiting(pool)
            try:
                pool.eval("1")
            except KeyboardInterrupt:
                pass
            else:
                raise AssertionError("no KeyboardInterrupt")
            thread.join()
        assert pool.eval("2", timeout=20) == 2
    stats = pool.get_stats()
    assert (stats.cancelled, stats.created, stats.waiting) == (10, 1, 0), stats


async def main() -> None:
    async with jsrun.RuntimePool(size=1) as pool, pool.runtime():
        interrupt_when_waiting(pool)
        await pool.eval_async("1")


for _ in range(5):
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("no KeyboardInterrupt")
assert [thread.name for thread in threading.enumerate() if thread.name == "jsrun-pool"] == []
print("ok", flush=True)
