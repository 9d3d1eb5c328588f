"""Hostile inputs 1 to 14: JavaScript that does not end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from modes import outcome

from jsrun import DeadlockError, HeapLimitExceeded, JavaScriptError, JavaScriptTimeout, OperationLost, Runtime

Run = Callable[..., Any]
SOON = 0.15
# (module (func (export "f") (loop br 0))), and the same as the start function.
TYPES, EXPORT = "0061736d01000000 010401600000 03020100", "0705010166 0000"
LOOPING = bytes.fromhex(f"{TYPES} {EXPORT} 0a09010700 03400c00 0b0b")
STARTING = bytes.fromhex(f"{TYPES} {EXPORT} 080100 0a09010700 03400c00 0b0b")


def times_out(run: Run, rt: Runtime, code: str, **options: Any) -> None:
    with pytest.raises(JavaScriptTimeout):
        run(rt, code, **(options or {"timeout": SOON}))


@pytest.mark.parametrize("limit", ["timeout", "cpu_timeout"])
def test_01_a_loop(run: Run, rt: Runtime, limit: str) -> None:
    with pytest.raises(JavaScriptTimeout, match="CPU" if limit == "cpu_timeout" else "finish"):
        run(rt, "while (true) {}", **{limit: SOON})


@pytest.mark.parametrize(
    "code",
    [
        "for (;;) try { for (;;); } catch { }",
        "try { for (;;); } finally { for (;;); }",
        "const again = () => { try { for (;;); } finally { again() } }; again()",
    ],
)
def test_02_a_loop_that_catches(run: Run, rt: Runtime, code: str) -> None:
    times_out(run, rt, code)


@pytest.mark.parametrize("limit", ["timeout", "cpu_timeout"])
@pytest.mark.parametrize(
    "code", ["(async () => { for (;;) await 0 })()", "const p = () => Promise.resolve().then(p); p()"]
)
# In the second each promise keeps the one that it waits for: there is room for them until their time is up.
@pytest.mark.parametrize("max_heap_size", [1 << 30])
def test_03_promise_jobs_without_end(run: Run, rt: Runtime, code: str, limit: str) -> None:
    times_out(run, rt, code, **{limit: SOON})


FOREVER = {
    "queueMicrotask": "await new Promise(r => { globalThis.r = r; const f = () => queueMicrotask(f); f() })",
    "setTimeout": "await new Promise(r => { globalThis.r = r; const f = () => setTimeout(f, 0); f() })",
    "MessageChannel": """await new Promise(r => { globalThis.r = r; const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => port2.postMessage(0); port2.onmessage = () => port1.postMessage(0); port1.postMessage(0) })""",
}


@pytest.mark.parametrize("kind", FOREVER)
def test_04_jobs_that_make_jobs(run: Run, rt: Runtime, kind: str) -> None:
    times_out(run, rt, FOREVER[kind])


@pytest.mark.parametrize("kind", ["setTimeout", "MessageChannel"])
async def test_04_others_are_not_starved(rt: Runtime, kind: str) -> None:
    flood = asyncio.ensure_future(outcome(rt.eval_async(FOREVER[kind], timeout=30)))
    for number in range(20):
        assert await rt.eval_async(f"await Promise.resolve({number})", timeout=20) == number
    rt.eval("r('stopped')")
    assert await flood == "stopped"


@pytest.mark.parametrize("limit", ["timeout", "cpu_timeout"])
def test_05_catastrophic_patterns(run: Run, rt: Runtime, limit: str) -> None:
    times_out(run, rt, "/(a+)+$/.test('a'.repeat(40) + '!')", **{limit: SOON})


def test_06_webassembly_that_loops(rt: Runtime) -> None:
    instance = rt.eval(
        "(bytes, f) => { const i = new WebAssembly.Instance(new WebAssembly.Module(bytes)); if (f) i.exports.f() }"
    )
    with pytest.raises(JavaScriptTimeout):
        instance(LOOPING, True, timeout=SOON)
    with pytest.raises(JavaScriptTimeout):
        instance(STARTING, False, timeout=SOON)
    assert rt.eval("new Promise(r => setTimeout(r, 1, 'fine'))") == "fine"


def leb(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def test_06_a_bomb_for_the_compiler(rt: Runtime) -> None:
    body = b"\x00" + b"\x01" * 8_000_000 + b"\x0b"
    section = b"\x01" + leb(len(body)) + body
    bomb = bytes.fromhex(TYPES) + b"\x0a" + leb(len(section)) + section
    with pytest.raises(JavaScriptError, match="CompileError.*maximum function size"):
        rt.eval("bytes => { new WebAssembly.Module(bytes) }")(bomb, timeout=30)


def test_07_atomics_wait(run: Run, rt: Runtime) -> None:
    code = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"
    with pytest.raises(JavaScriptError, match="TypeError"):
        run(rt, code)
    with Runtime(allow_atomics_wait=True) as waiting:
        times_out(run, waiting, code)
        assert waiting.eval(code.replace("0, 0)", "0, 0, 5)")) == "timed-out"


BUILTINS = [
    "new Array(2 ** 22).fill(0).sort()",
    "new Array(2 ** 24).join()",
    "'x'.repeat(2 ** 22).replace(/./g, 'yy')",
    "'x'.repeat(2 ** 24).split('')",
    "new Uint32Array(2 ** 23).fill(7).sort((a, b) => b - a)",
]


@pytest.mark.parametrize("code", BUILTINS)
def test_08_builtins_that_do_not_yield(run: Run, code: str) -> None:
    with Runtime(max_heap_size=512 << 20) as rt:
        with pytest.raises((JavaScriptTimeout, HeapLimitExceeded)):
            for _ in range(1000):
                run(rt, code + "; 0", timeout=0.02)
        assert rt.eval("6 * 7", timeout=50) == 42
        assert rt.state == "open"


@pytest.mark.parametrize("limit", ["timeout", "cpu_timeout"])
def test_08_the_caller_is_released_while_the_runtime_drains(limit: str, drained: Callable[..., Any]) -> None:
    with Runtime() as rt:
        with pytest.raises(JavaScriptTimeout):
            rt.eval("new Array(2 ** 24).fill(0).sort(); 0", **{limit: SOON})
        assert rt.state == "draining"
        with drained(rt):
            assert rt.eval("6 * 7", timeout=50) == 42


@pytest.mark.parametrize("limit", ["timeout", "cpu_timeout"])
@pytest.mark.parametrize(
    "code",
    [
        "[2, 1].sort(() => { for (;;); })",
        "({ get x() { for (;;); } })",
        "new Proxy({}, { ownKeys() { for (;;); } })",
        "new Proxy({ a: 1 }, { get() { for (;;); } })",
        "({ get then() { for (;;); } })",
        "({ toJSON() { for (;;); }, get a() { return this.toJSON() } })",
    ],
)
def test_09_loops_in_what_is_converted(run: Run, rt: Runtime, code: str, limit: str) -> None:
    times_out(run, rt, code, **{limit: SOON})


@pytest.mark.parametrize(
    "code",
    [
        "Error.prepareStackTrace = () => { for (;;); }; new Error('x').stack",
        "Error.prepareStackTrace = () => { for (;;); }; throw new Error('x')",
        *(
            f"const e = new Error('x'); Object.defineProperty(e, '{name}', {{ get() {{ for (;;); }} }}); throw e"
            for name in ("stack", "message", "name", "cause", "errors")
        ),
    ],
)
def test_10_errors_that_loop_when_looked_at(run: Run, rt: Runtime, code: str) -> None:
    # What is never read cannot loop: then the error itself comes.
    with pytest.raises((JavaScriptTimeout, JavaScriptError)):
        run(rt, code, timeout=SOON)
    rt.eval("delete Error.prepareStackTrace")


def test_11_a_timeout_at_the_moment_of_completion(rt: Runtime) -> None:
    spin = rt.eval("(ms) => { const end = performance.now() + ms; while (performance.now() < end); return 'done' }")
    ended = {"done": 0, "stopped": 0}
    for _ in range(400):
        try:
            ended[spin(1.0, timeout=0.001)] += 1
        except JavaScriptTimeout:
            ended["stopped"] += 1
        # Without a timeout of its own: only a stray stop could end it.
        assert rt.eval("'next'") == "next"
    assert sum(ended.values()) == 400


def test_12_a_promise_that_never_settles(run: Run, rt: Runtime) -> None:
    times_out(run, rt, "globalThis.kept = []; new Promise(r => kept.push(r))")
    with pytest.raises(DeadlockError):
        run(rt, "new Promise(() => { })", timeout=50)


@pytest.mark.parametrize(
    "code", ["2n ** (2n ** 30n)", "2n ** (2n ** 31n)", "10n ** 4000000n + '' === ''", "1n << (1n << 40n)"]
)
def test_13_bigint_bombs(run: Run, rt: Runtime, code: str) -> None:
    with pytest.raises((JavaScriptError, JavaScriptTimeout), match="RangeError|finish"):
        run(rt, code, timeout=0.5)


@pytest.mark.parametrize(
    "code",
    [
        "for (;;) (1.1).toLocaleString('de', { minimumFractionDigits: 100 })",
        "for (;;) new Date().toLocaleString('ar-EG', { dateStyle: 'full', timeStyle: 'full' })",
        "const f = new Intl.NumberFormat('en', { maximumFractionDigits: 100 }); for (;;) f.format(1n << 4000n)",
        "for (;;) 'a'.repeat(1e5).localeCompare('b'.repeat(1e5))",
        "for (;;) 'a\u0301'.repeat(1e5).normalize('NFC')",
    ],
)
def test_14_intl_without_end(run: Run, rt: Runtime, code: str) -> None:
    times_out(run, rt, code)


async def test_76_a_stop_costs_unrelated_operations_at_most_their_jobs(rt: Runtime) -> None:
    """Not on the list: what is stopped inside a promise job takes V8's queue with it."""
    waiting = asyncio.ensure_future(outcome(rt.eval_async("new Promise(r => setTimeout(r, 400, 'fine'))")))
    await asyncio.sleep(0)
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("(async () => { for (;;) await 0 })()", timeout=SOON)
    ended = await waiting
    assert ended == "fine" or isinstance(ended, OperationLost)


def test_77_cpu_time_is_not_waiting_time(run: Run, rt: Runtime) -> None:
    """Not on the list: a slow host is no reason to stop, and short timers do add up."""
    assert run(rt, "new Promise(r => setTimeout(r, 600, 'waited'))", cpu_timeout=0.3) == "waited"
    burn = "const end = performance.now() + 2; while (performance.now() < end);"
    times_out(
        run, rt, f"await new Promise(r => {{ globalThis.r = r; setInterval(() => {{ {burn} }}) }})", cpu_timeout=SOON
    )
    times_out(
        run, rt, "await new Promise(r => { globalThis.r = r; setTimeout(() => { for (;;); }) })", cpu_timeout=SOON
    )
