"""Results that JavaScript changes before Python has them, or Python sees before they are whole; signals in between."""

import asyncio
import gc
import signal
import sys
import time
import types
import warnings
from typing import Any

import jsrun

warnings.simplefilter("ignore")
SIZE = 1 << 21
rt = jsrun.Runtime(max_serialization_bytes=1 << 28)

# A rejection is told after the result was looked at, and its getters run: one makes the string a reference to another
# and has its memory freed ...
rt.eval("globalThis.o = {}; globalThis.make = (n, k) => Array(n / 16).fill('abcdefghijklmnop').join('') + k; 0")
TOLD = "Promise.reject({get name() { return 'N'; }, get message() { %s; return 'm'; }})"
FREED = "o[s]; for (let j = 0; j < 30; j++) { const x = []; for (let i = 0; i < 50000; i++) x.push([i, i]); }"
for k in range(4):
    got = rt.eval(f"(() => {{ o[make({SIZE}, {k})] = 1; const s = make({SIZE}, {k}); {TOLD % FREED}; return s; }})()")
    assert got == "abcdefghijklmnop" * (SIZE // 16) + str(k)

# ... and one takes a buffer away and writes to it.
TAKEN = "new Uint8Array(b.buffer.transfer()).fill(9)"
assert rt.eval(f"(() => {{ const b = new Uint8Array({SIZE}).fill(7); {TOLD % TAKEN}; return b; }})()") == b"\x07" * SIZE

# Numbers behind texts that take the whole budget: it holds for what comes after as well.
with jsrun.Runtime(max_serialization_bytes=100_000) as small:
    for tail in ("", "for (let i = 0; i < 50; i++) a.push('z'.repeat(1000000));"):
        try:
            small.eval(
                "(() => { const a = []; for (let i = 0; i < 512; i++) a.push('x'.repeat(127));"
                "for (let i = 0; i < 512; i++) a.push('x'.repeat(58)); for (let i = 0; i < 512; i++) a.push(i + 0.5);"
                f"{tail} return a; }})()"
            )
        except jsrun.ConversionError as error:
            assert "max_serialization_bytes" in str(error)
        else:
            raise AssertionError("the budget does not hold")


# An array that holds itself, and fails at its last item: nothing of it stays.
def rows() -> list[dict[str, Any]]:
    return [thing for thing in gc.get_objects() if type(thing) is dict and set(thing) == {"i", "root"}]


HOLDS_ITSELF = "const a = []; for (let i = 0; i < 40000; i++) a.push({i, root: a})"
for _ in range(3):
    try:
        rt.eval(f"(() => {{ {HOLDS_ITSELF}; a.push(Symbol()); return a; }})()")
    except jsrun.ConversionError as error:
        assert "symbol" in str(error)
    else:
        raise AssertionError("a symbol came out")
gc.collect()
assert not rows()


def peek() -> int:
    """What there is of the array is like any list."""
    found = rows()
    for row in found[:3]:
        assert type(row["root"][-1]) is dict
        assert repr(row["root"][0])
    return len(found)


async def look() -> None:
    """Looks at what is there while the isolate is still at it; then gives up."""
    slow = "const t = Date.now(); while (Date.now() - t < 300); return 1"
    code = f"(() => {{ {HOLDS_ITSELF}; a.push({{get x() {{ {slow}; }}}}); return a; }})()"
    for cancelled in (False, True):
        task = asyncio.ensure_future(rt.eval_async(code))
        seen = 0
        while not task.done() and not seen:
            await asyncio.sleep(0.005)
            seen = peek()
        if cancelled:
            task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(outcome, asyncio.CancelledError) if cancelled else len(outcome) == 40001
        del outcome, task
    gc.collect()
    assert not rows()


asyncio.run(look())

# A signal while a part is made into Python objects: Ctrl-C ends the call at once, ...
DATES = "const a = []; for (let i = 0; i < 40000; i++) a.push(new Date(i * 1000))"
ENDLESS = f"(() => {{ {DATES}; a.push({{get x() {{ while (true); }}}}); return a; }})()"


def interrupt(number: int, frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
for step in range(8):
    signal.setitimer(signal.ITIMER_REAL, 0.012 + 0.006 * step)
    start = time.monotonic()
    try:
        rt.eval(ENDLESS, timeout=30)
    except KeyboardInterrupt:
        assert time.monotonic() - start < 15
    else:
        raise AssertionError("the interrupt is gone")

# ... and a handler may use another runtime meanwhile.
other = jsrun.Runtime()


def use_another(number: int, frame: types.FrameType | None) -> None:
    assert other.eval("{ const t = Date.now(); while (Date.now() - t < 20); 1 }") == 1


signal.signal(signal.SIGALRM, use_another)


async def beat() -> None:
    """Wakes the loop: a handler that blocks while it sleeps may end what it waits for."""
    while True:
        await asyncio.sleep(0.05)


async def between() -> None:
    beating = asyncio.ensure_future(beat())
    for step in range(8):
        signal.setitimer(signal.ITIMER_REAL, 0.02 + 0.004 * step)
        got = await asyncio.wait_for(rt.eval_async(f"(() => {{ {DATES}; return a; }})()"), 30)
        assert len(got) == 40000
        signal.setitimer(signal.ITIMER_REAL, 0)
    beating.cancel()


asyncio.run(between())
other.close()
rt.close()
print("ok", flush=True)
sys.exit(0)
