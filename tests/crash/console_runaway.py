"""A value whose text nothing can stop: its caller goes on in time, and its thread does not run or grow for ever."""

import resource
import time

import jsrun

TREE = "let d = []; for (let i = 0; i < 60; i++) d = [d, d];"
SHOWN = "const e = new Error('x'); e.stack = d; console.log(e)"


def memory() -> int:
    with open("/proc/self/statm") as figures:
        return int(figures.read().split()[1]) * resource.getpagesize()


def busy(seconds: float) -> float:
    """Processor time of the whole process meanwhile, in seconds."""
    before = time.process_time()
    time.sleep(seconds)
    return time.process_time() - before


for ended_by in "timeout", "terminate", "close":
    rt = jsrun.Runtime(on_console=lambda message: None)
    late = None
    try:
        rt.eval(f"{{{TREE} {SHOWN}}}", timeout=0.5)
    except jsrun.JavaScriptTimeout as error:
        late = error
    assert late is not None
    if ended_by != "timeout":
        getattr(rt, ended_by)()
    for _ in range(60):
        if busy(0.5) < 0.1:
            break
    else:
        raise AssertionError(f"{ended_by}: the thread goes on")
    before = memory()
    assert busy(1) < 0.2
    assert memory() < before + (16 << 20)
    assert rt.is_closed
    try:
        rt.eval("1")
    except (jsrun.RuntimeClosed, jsrun.RuntimeTerminated):
        pass
    else:
        raise AssertionError("a lost runtime took work")
    rt.close()
with jsrun.Runtime() as rt:
    assert rt.eval("1 + 1") == 2
print("ok", flush=True)
