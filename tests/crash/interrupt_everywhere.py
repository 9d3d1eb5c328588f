"""Ctrl-C in every call that can block: KeyboardInterrupt comes soon, and what is left is usable."""

import os
import signal
import threading
import time
from collections.abc import Callable

import jsrun

signal.signal(signal.SIGINT, signal.default_int_handler)
NEVER = "new ReadableStream({ pull() { return new Promise(done => { globalThis.held = done }) } })"
# Does not look for interrupts for a while.
DEAF = "begin(); new Array(2 ** 25).fill(0).sort(); 0"


def interrupted(what: str, act: Callable[[], object], most: float = 3.0) -> None:
    print(what, flush=True)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    try:
        act()
    except KeyboardInterrupt:
        took = time.monotonic() - start
        assert took < most, f"{what}: {took:.1f} s"
    else:
        raise AssertionError(f"{what}: no KeyboardInterrupt")
    timer.join()


rt = jsrun.Runtime()
rt.add_static_module("endless", "for (;;);")
rt.add_static_module("waiting", "await new Promise(done => { globalThis.done = done })")
rt.set_module_loader(lambda _: time.sleep(3600))
interrupted("eval_module", lambda: rt.eval_module("endless"))
interrupted("eval_module, top-level await", lambda: rt.eval_module("waiting"))
interrupted("eval_module, in the loader", lambda: rt.eval_module("elsewhere"))
assert rt.eval("6 * 7") == 42

stream = rt.eval(NEVER)
interrupted("for loop over a stream", lambda: list(stream))
stream.close()
endless = rt.eval("new ReadableStream({ pull() { for (;;); } }, { highWaterMark: 0 })")
interrupted("for loop over a producer that never yields", lambda: list(endless))
# Nobody but terminate() stops that one.
rt.terminate()
endless.close()
rt.close()

rt = jsrun.Runtime()
stream = rt.eval("new ReadableStream({ cancel() { return new Promise(done => { globalThis.held = done }) } })")
interrupted("close of a stream", stream.close)
writable = rt.eval("new WritableStream({ write() { return new Promise(done => { globalThis.held = done }) } })")
interrupted("write", lambda: [writable.write_blocking(number) for number in range(1000)])
function = rt.eval("() => new Promise(done => { globalThis.done = done })")
interrupted("call", function)
assert rt.eval("6 * 7") == 42

interrupted("Runtime()", lambda: jsrun.Runtime(bootstrap="for (;;);"))
with jsrun.Runtime() as other:
    assert other.eval("1") == 1

builder = jsrun.SnapshotBuilder()
interrupted("execute_script", lambda: builder.execute_script("endless.js", "for (;;);"))
builder.execute_script("lib.js", "globalThis.answer = 42")
builder.execute_script("slow.js", "{ const end = Date.now() + 1000; while (Date.now() < end); }")
interrupted("build", builder.build)
assert jsrun.eval("1 + 1") == 2
interrupted("module-level eval", lambda: jsrun.eval("for (;;);"))


def refused(act: Callable[[], object]) -> None:
    try:
        act()
    except jsrun.RuntimeClosed:
        pass


def press_when_closing() -> None:
    while not rt.is_closed():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)


# close() waits for V8 for five seconds at most, and Ctrl-C is heard when it returns.
begun = threading.Event()
rt.bind_function("begin", begun.set)
busy = threading.Thread(target=lambda: refused(lambda: rt.eval(DEAF)))
busy.start()
assert begun.wait(20)
time.sleep(0.1)
presser = threading.Thread(target=press_when_closing)
presser.start()
start = time.monotonic()
try:
    rt.close()
    # The machine may be so slow that the signal comes only now.
    presser.join()
except KeyboardInterrupt:
    assert time.monotonic() - start < 10
else:
    raise AssertionError("close: no KeyboardInterrupt")
presser.join()
assert rt.is_closed()
busy.join(60)
assert not busy.is_alive()
rt.close()
print("ok", flush=True)
