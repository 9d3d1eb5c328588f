"""Gigantic buffers, strings, numbers and wasm memories are errors, not aborts."""

import time

import jsrun

BOMBS = [
    "new ArrayBuffer(2 ** 40)",
    "new ArrayBuffer(2 ** 53 - 1)",
    "new ArrayBuffer(8, {maxByteLength: 2 ** 40})",
    "new SharedArrayBuffer(2 ** 40)",
    "new SharedArrayBuffer(8, {maxByteLength: 2 ** 40})",
    "new Float64Array(2 ** 32)",
    "const all = []; for (;;) all.push(new ArrayBuffer(64 * 2 ** 20))",
    "const all = []; for (;;) all.push(new Uint8Array(64 * 2 ** 20).fill(1))",
    "let n = 1; const r = new ArrayBuffer(1, {maxByteLength: 2 ** 33}); for (;;) r.resize(n *= 2)",
    "'a'.repeat(2 ** 30)",
    "let s = 'ab'; for (;;) s += s",
    "'x'.repeat(2 ** 28).replace(/./g, 'yy')",
    "'x'.repeat(2 ** 24).split('').join('yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')",
    "2n ** (2n ** 30n)",
    "(10n ** 1000000n).toString().length === 0",
    "new WebAssembly.Memory({initial: 65537})",
    "const m = []; for (;;) m.push(new WebAssembly.Memory({initial: 1000}))",
    "const w = new WebAssembly.Memory({initial: 1}); for (;;) w.grow(1000)",
    "new Array(2 ** 32)",
    "new Array(2 ** 27).fill(0).sort()",
    "structuredClone",
    "(1.5).toFixed(101)",
    "new Intl.NumberFormat('en', {maximumFractionDigits: 1e9})",
]
for bomb in BOMBS:
    print("next:", bomb[:60], flush=True)
    start = time.monotonic()
    with jsrun.Runtime(max_heap_size=64 * 1024 * 1024, max_buffer_bytes=256 * 1024 * 1024) as rt:
        try:
            rt.eval(f"{bomb}; 'survived'", timeout=20)
        except (jsrun.JavaScriptError, jsrun.HeapLimitExceeded, jsrun.JavaScriptTimeout):
            pass
    assert time.monotonic() - start < 40, bomb
with jsrun.Runtime() as rt:
    assert rt.eval("1 + 1") == 2
print("ok", flush=True)
