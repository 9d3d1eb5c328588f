"""Ctrl-C in a blocking eval raises KeyboardInterrupt at once, and the runtime goes on."""

import asyncio
import os
import signal
import threading
import time

import jsrun

signal.signal(signal.SIGINT, signal.default_int_handler)


async def forever() -> None:
    await asyncio.sleep(3600)


rt = jsrun.Runtime()
rt.bind_function("forever", forever)
rt.bind_function("sleep", time.sleep)
function = rt.eval("() => { for (;;); }")
for act in (
    lambda: rt.eval("for (;;);"),
    lambda: rt.eval("for (;;) { try { for (;;); } catch {} }"),
    lambda: rt.eval("globalThis.gate = new Promise(r => globalThis.open = r)"),
    lambda: rt.eval("(async () => { for (;;) await 0 })()"),
    lambda: rt.eval("forever()"),
    lambda: rt.eval("sleep(3600)"),
    lambda: rt.eval("for (;;) sleep(0.001)"),
    lambda: rt.eval("for (;;);", timeout=3600),
    function,
):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        act()
    except KeyboardInterrupt:
        assert time.monotonic() - start < 3
    else:
        raise AssertionError("no KeyboardInterrupt")
    assert rt.eval("1 + 1") == 2
rt.close()
print("ok", flush=True)
