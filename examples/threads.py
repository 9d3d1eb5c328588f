"""Use runtimes from several threads: one each, running side by side, or one shared by all.

Run it with `python examples/threads.py`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import jsrun
from jsrun import Runtime

BUSY = "const end = Date.now() + 300; let turns = 0; while (Date.now() < end) turns++; turns > 0"


def busy(_: int) -> bool:
    """Keep one isolate busy for 300 ms, in a runtime of this call's own."""
    with Runtime() as runtime:
        return bool(runtime.eval(BUSY))


def main() -> None:
    """Show the three ways, printing what came out."""
    # JavaScript runs without the GIL: four isolates are busy at once, and Python goes on beside them.
    ticks = 0
    started = perf_counter()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(busy, number) for number in range(4)]
        while not all(job.done() for job in jobs):
            ticks += 1
            threading.Event().wait(0.001)
        assert all(job.result() for job in jobs)
    print(f"own runtimes: 4 x 300 ms of JavaScript in {perf_counter() - started:.2f} s, main thread ran: {ticks > 50}")

    # One runtime may be used from any thread. Its operations run one after the other: nothing is lost.
    with Runtime() as runtime, ThreadPoolExecutor(4) as pool:
        runtime.eval("globalThis.count = 0")
        for _ in pool.map(lambda _: runtime.eval("count++"), range(400)):
            pass
        print("shared runtime:", runtime.eval("count"))

    # The module-level functions keep a default runtime per thread: globals do not mix.
    def remember(number: int) -> int:
        jsrun.eval(f"globalThis.mine = {number}")
        return int(jsrun.eval("mine * 10"))

    with ThreadPoolExecutor(3) as pool:
        print("default runtimes:", sorted(pool.map(remember, [1, 2, 3])))


if __name__ == "__main__":
    main()
