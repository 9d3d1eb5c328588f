"""Hostile inputs 15 to 26: JavaScript that takes more than there is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from modes import soon

from jsrun import (
    ConversionError,
    HeapLimitExceeded,
    JavaScriptError,
    JavaScriptTimeout,
    ModuleError,
    Runtime,
    RuntimeTerminated,
)

Run = Callable[..., Any]
MIB = 1 << 20
FILL = "for (;;) h.push(new Array(1000).fill(1.5))"


@pytest.mark.parametrize(
    "code",
    [
        f"const h = []; {FILL}",
        "let o = null; for (;;) o = { o, pad: [1.5, 2.5] }",
        "let f = () => 1; for (;;) { const g = f; const pad = new Array(100).fill(0.5); f = () => [g, pad] }",
        f"const h = []; try {{ {FILL} }} catch {{ for (;;); }} finally {{ for (;;); }}",
        f"await new Promise(r => setTimeout(() => {{ const h = []; {FILL} }}))",
        f"await Promise.resolve().then(() => {{ const h = []; {FILL} }})",
        "(async () => { const h = []; for (;;) { h.push(new Array(1000).fill(1.5)); await 0 } })()",
    ],
)
def test_15_a_heap_that_grows(run: Run, code: str) -> None:
    with Runtime(max_heap_size=32 * MIB) as rt:
        with pytest.raises(HeapLimitExceeded) as caught:
            run(rt, f"{{ {code} }}" if "await new" not in code and "await P" not in code else code, timeout=50)
        if rt.state == "open":
            assert "goes on" in str(caught.value)
            assert rt.eval("6 * 7") == 42
        else:
            assert rt.state == "condemned"
            with pytest.raises(HeapLimitExceeded, match="condemned"):
                rt.eval("1")


def test_15_a_heap_that_stays_full_condemns_its_runtime(run: Run) -> None:
    with Runtime(max_heap_size=32 * MIB) as rt:
        with pytest.raises(HeapLimitExceeded, match="condemned"):
            run(rt, f"globalThis.h = []; {FILL}", timeout=50)
        assert rt.state == "condemned"
        with pytest.raises(RuntimeTerminated):
            rt.eval("1")
    assert rt.state == "closed"


def test_16_single_gigantic_allocations(survives: Callable[[str], str]) -> None:
    survives("16_giants")


def test_17_strings_longer_than_v8_takes(run: Run, rt: Runtime) -> None:
    with pytest.raises(JavaScriptError, match="RangeError: Invalid string length"):
        run(rt, "'a'.repeat(2 ** 30)")
    longest = 2**29
    text = "a" * longest
    with pytest.raises(ValueError, match="V8 takes at most"):
        run(rt, text)
    with pytest.raises(ConversionError):
        rt.eval("x => x.length")(text)


OVER = [
    "new ArrayBuffer(2 ** 40)",
    "new ArrayBuffer(65 * 2 ** 20)",
    "new ArrayBuffer(8, { maxByteLength: 2 ** 40 })",
    "new SharedArrayBuffer(2 ** 40)",
    "{ const all = []; for (;;) all.push(new ArrayBuffer(2 ** 20)) }",
    "{ const r = new ArrayBuffer(0, { maxByteLength: 2 ** 30 }); for (;;) r.resize(r.byteLength + 2 ** 20) }",
    "{ const s = new SharedArrayBuffer(0, { maxByteLength: 2 ** 30 }); for (;;) s.grow(s.byteLength + 2 ** 20) }",
    "{ const all = []; for (;;) all.push(structuredClone(new ArrayBuffer(2 ** 20, { maxByteLength: 2 ** 30 }))) }",
    "{ const all = []; for (;;) all.push(new ArrayBuffer(2 ** 20, { maxByteLength: 2 ** 30 }).transfer()) }",
    "{ const all = []; for (;;) all.push(new ArrayBuffer(0, { maxByteLength: 2 ** 33 })) }",
]


@pytest.mark.parametrize("code", OVER)
def test_18_buffers_over_their_quota(run: Run, rt: Runtime, code: str) -> None:
    with pytest.raises(JavaScriptError, match="RangeError"):
        run(rt, f"{code}; 0", timeout=50)
    # What the quota lent comes back.
    assert rt.eval("new ArrayBuffer(60 * 2 ** 20).byteLength", timeout=50) == 60 * MIB


def test_18_what_shrinks_gives_back(rt: Runtime) -> None:
    code = "const r = new ArrayBuffer(60 * 2 ** 20, { maxByteLength: 2 ** 30 }); r.resize(1); new ArrayBuffer(50 * 2 ** 20)"
    assert len(bytes(rt.eval(f"{code}.slice(0, 1)"))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "new WebAssembly.Memory({ initial: 65536 })",
        "{ const m = new WebAssembly.Memory({ initial: 1 }); for (;;) m.grow(16) }",
        "{ const all = []; for (;;) all.push(new WebAssembly.Memory({ initial: 16 })) }",
        "{ const all = []; for (;;) all.push(new WebAssembly.Memory({ initial: 0 })) }",
        "{ const m = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }); for (;;) m.grow(16) }",
    ],
)
def test_19_webassembly_memories_over_the_quota(run: Run, rt: Runtime, code: str) -> None:
    with pytest.raises(JavaScriptError, match="RangeError"):
        run(rt, f"{code}; 0", timeout=50)
    assert rt.eval("new WebAssembly.Memory({ initial: 800 }).buffer.byteLength", timeout=50) == 800 << 16


@pytest.mark.parametrize("body", ["for (;;);", f"const h = []; {FILL}"])
def test_20_finalizers_that_loop_or_hoard(rt: Runtime, body: str) -> None:
    rt.eval(f"globalThis.reg = new FinalizationRegistry(() => {{ {body} }}); reg.register({{}}, 0); 0")
    with pytest.raises((JavaScriptTimeout, HeapLimitExceeded)):
        rt.eval(
            "globalThis.h = []; for (;;) { h = new Array(1e5).fill({}); await new Promise(r => setTimeout(r)) }",
            timeout=1,
        )


def test_21_nearly_full_and_freed_again_and_again() -> None:
    with Runtime(max_heap_size=48 * MIB) as rt:
        for _ in range(60):
            assert (
                rt.eval(
                    "(() => { const h = []; for (let i = 0; i < 3500; i++) h.push(new Array(1000).fill(i)); return 1 })()"
                )
                == 1
            )
        assert rt.state == "open"


def test_22_a_flood_of_modules() -> None:
    with Runtime(max_modules=50) as rt:
        rt.set_module_loader(lambda name: "export default 1")
        with pytest.raises(ModuleError, match="max_modules"):
            rt.eval("for (let i = 0; ; i++) await import(`flood/${i}`)", timeout=50)
        # Those that are there go on working.
        assert rt.eval("(await import('flood/0')).default") == 1
        with pytest.raises(ModuleError, match="max_modules"):
            rt.eval_module("another")


def test_22_a_flood_of_functions(run: Run, rt: Runtime) -> None:
    assert run(rt, "for (let i = 0; i < 20_000; i++) new Function(`return ${i}`); 'fine'", timeout=50) == "fine"


@pytest.mark.parametrize(
    "code",
    [
        "eval('1+'.repeat(1e6) + '1'); throw new RangeError('parsed')",
        "eval('['.repeat(1e6))",
        "eval('~'.repeat(1e6) + '1')",
        "eval('1'.repeat(2e7)); throw new RangeError('parsed')",
        "new Function('('.repeat(1e6))",
    ],
)
def test_23_source_bombs(run: Run, rt: Runtime, code: str) -> None:
    with pytest.raises((JavaScriptError, HeapLimitExceeded, JavaScriptTimeout)):
        run(rt, code, timeout=20)


def test_23_a_gigantic_file_name(run: Run, rt: Runtime) -> None:
    with pytest.raises(JavaScriptError, match="TypeError") as caught:
        run(rt, "null.x", filename="~" * 1_000_000)
    assert len(str(caught.value)) < 10_000


@pytest.mark.parametrize("code", ["const a = []; a[2 ** 32 - 2] = 1; a", "const a = []; a.length = 2 ** 32 - 1; a"])
def test_24_sparse_arrays(run: Run, rt: Runtime, code: str) -> None:
    with pytest.raises(ConversionError, match="max_serialization_bytes"):
        run(rt, code, timeout=20)


def test_24_keys_that_collide(run: Run, rt: Runtime) -> None:
    code = "const m = new Map(); for (let i = 0; i < 2e5; i++) m.set(i * 2 ** 21, i); m.size"
    assert run(rt, code, timeout=50) == 200_000


def test_25_a_flood_of_messages() -> None:
    seen: list[Any] = []
    with Runtime(on_console=seen.append) as rt:
        with pytest.raises(JavaScriptTimeout):
            rt.eval("for (;;) console.log('x'.repeat(1e4))", timeout=0.5)
        rt.eval("console.log('last')")
    assert seen[-1].text == "last"


async def test_25_messages_that_nobody_takes_are_dropped_and_counted() -> None:
    seen: list[Any] = []
    async with Runtime.create(on_console=seen.append) as rt:
        # The loop takes nothing while it is blocked here.
        count = rt.eval_async("for (let i = 0; i < 5000; i++) console.log(i); 'done'")
        time.sleep(0.5)
        assert await count == "done"
        await rt.eval_async("console.log('last')")
        await soon(lambda: seen and seen[-1].text == "last")
    assert len(seen) <= 1001
    assert len(seen) + sum(message.dropped for message in seen) == 5001


async def test_26_what_nobody_reads_is_not_made(rt: Runtime) -> None:
    code = """globalThis.made = 0; new ReadableStream({ pull(c) { made++; c.enqueue(made) } })"""
    stream = await rt.eval_async(code)
    await asyncio.sleep(0.1)
    assert await rt.eval_async("made") <= 100
    assert await stream.read() == 1
    await stream.aclose()


async def test_26_host_calls_in_flight_are_bounded() -> None:
    started: list[int] = []

    async def forever() -> None:
        started.append(1)
        await asyncio.Event().wait()

    with Runtime(max_host_calls=100) as rt:
        rt.bind_function("forever", forever)
        with pytest.raises(JavaScriptError, match="RangeError.*max_host_calls"):
            await rt.eval_async("for (;;) forever().catch(() => { })")
        assert len(started) <= 100
        assert await rt.eval_async("6 * 7") == 42
