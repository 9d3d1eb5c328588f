"""Every way to exhaust the heap ends that runtime with a typed error; the process and other runtimes live."""

import asyncio
import time

import jsrun

MIB = 1024 * 1024
BOMBS = [
    "const a = []; for (;;) a.push(new Array(1000).fill(1.5))",
    "const a = []; for (;;) a.push({x: a.length})",
    "let s = 'x'; const keep = []; for (;;) { s += 'y'.repeat(1000) + keep.length; keep.push(s.split('')) }",
    "const m = new Map(); for (let i = 0; ; i++) m.set(i, [i])",
    "let f = () => 1; for (;;) { const g = f; const pad = new Array(100).fill(0.5); f = () => [g, pad] }",
    "[...'.'.repeat(2 ** 28)]",
    "Array(2 ** 27).fill(0.5).map(x => [x])",
    "JSON.stringify(Array.from({length: 3e6}, (_, i) => 'row number ' + i))",
    "JSON.parse('[' + '[1.5],'.repeat(5e6) + '1]')",
    "const o = {}; for (let i = 0; ; i++) o['key' + i] = i",
    "(async () => { const a = []; for (;;) { a.push(new Array(1000).fill(1.5)); await 0 } })()",
    "const p = []; for (;;) p.push(new Promise(() => {}))",
    "const r = []; for (;;) r.push(new RegExp('a'.repeat(1000) + r.length))",
    "for (let i = 0; ; i++) eval('globalThis.f' + i + ' = function () { return ' + i + ' }')",
    "const e = []; for (;;) e.push(new Error('x'.repeat(100) + e.length))",
    "try { const a = []; for (;;) a.push(new Array(1000).fill(1.5)) } catch { for (;;); } finally { for (;;); }",
]
other = jsrun.Runtime()
for number, bomb in enumerate(BOMBS):
    print("next:", bomb[:60], flush=True)
    rt = jsrun.Runtime(max_heap_size=24 * MIB)
    start = time.monotonic()
    try:
        result = rt.eval(bomb, timeout=30) if number % 2 else asyncio.run(rt.eval_async(bomb, timeout=30))
    except jsrun.HeapLimitExceeded:
        try:  # what is left of the heap decides whether the runtime goes on
            assert rt.eval("1") == 1
        except jsrun.RuntimeTerminated:
            pass
    except (jsrun.JavaScriptError, jsrun.ConversionError) as error:
        assert rt.eval("1") == 1, (bomb, error)
    else:
        raise AssertionError(f"{bomb} ended with {str(result)[:50]}")
    assert time.monotonic() - start < 40, bomb
    rt.close()
    assert other.eval("1 + 1") == 2
print("ok", flush=True)
