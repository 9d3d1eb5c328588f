"""Source text, patterns and data that overflow parsers give JavaScript errors."""

import jsrun

SOURCES = [
    "[" * 1_000_000,
    "(" * 1_000_000,
    "{" * 1_000_000,
    "`${" * 100_000,
    "1+" * 2_000_000 + "1",
    "!" * 1_000_000 + "1",
    "a=>" * 100_000 + "1",
    "f(" * 100_000 + ")" * 100_000,
    "if(1)" * 200_000 + "1",
    "var a" + ",a" * 1_000_000,
    "await " * 200_000 + "1",
    "await 1;" + "[" * 500_000,
    "x" * 5_000_000,
    "'" + "a" * 5_000_000,
    "/*" + "*" * 5_000_000,
    "JSON.parse('['.repeat(1e6))",
    "JSON.parse('['.repeat(1e6) + ']'.repeat(1e6)); 0",
    "new RegExp('('.repeat(1e5) + ')'.repeat(1e5)); 0",
    "new RegExp('a{1000}'.repeat(100) + '{1000}{1000}'); 0",
    "/(((((((((((a+)+)+)+)+)+)+)+)+)+)+)+b/.test('a'.repeat(30)); 0",
    "let p = {}; for (let i = 0; i < 1e6; i++) p = new Proxy(p, {}); p.x",
    "let f = () => 1; for (let i = 0; i < 1e6; i++) f = f.bind(null); f()",
    "let o = null; for (let i = 0; i < 1e6; i++) o = Object.create(o); o.x",
    "const o = {toString() { return '' + this }}; '' + o",
    "let s = ''; for (let i = 0; i < 1e6; i++) s = s + i; s.length",
    "eval('1+'.repeat(1e6) + '1')",
    "new Function('['.repeat(1e6))",
    "function f() { try { f() } finally { f() } } f()",
    "let e = new Error('x'); for (let i = 0; i < 1e5; i++) e = new AggregateError([e]); throw e",
    "import('['.repeat(1e6))",
    "label:" * 100_000 + "1",
    "<!--" * 100_000,
    "\0" * 1000,
    "\ud800" * 1000,
    "#!" + "x" * 1000,
]
with jsrun.Runtime() as steady:
    for source in SOURCES:
        print("next:", ascii(source[:40]), flush=True)
        with jsrun.Runtime() as rt:
            try:
                rt.eval(source, timeout=20)
            except (jsrun.JavaScriptError, jsrun.JavaScriptTimeout, jsrun.HeapLimitExceeded, jsrun.ConversionError):
                pass
            except jsrun.DeadlockError:
                pass
            except jsrun.ModuleError as error:
                assert len(str(error)) < 1000
        assert steady.eval("1 + 1") == 2, source[:50]
print("ok", flush=True)
