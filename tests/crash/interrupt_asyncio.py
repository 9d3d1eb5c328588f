"""Ctrl-C under asyncio.run ends the program's task; the runtime goes on in the next run."""

import asyncio
import os
import signal
import threading
import time

import jsrun

signal.signal(signal.SIGINT, signal.default_int_handler)


async def busy(rt: jsrun.Runtime) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    await rt.eval_async("for (;;);")


async def answer(rt: jsrun.Runtime) -> object:
    return await asyncio.wait_for(rt.eval_async("1 + 1"), 5)


with jsrun.Runtime() as rt:
    for _ in range(3):
        start = time.monotonic()
        try:
            asyncio.run(busy(rt))
        except KeyboardInterrupt:
            assert time.monotonic() - start < 3
        else:
            raise AssertionError("no KeyboardInterrupt")
        assert asyncio.run(answer(rt)) == 2
print("ok", flush=True)
