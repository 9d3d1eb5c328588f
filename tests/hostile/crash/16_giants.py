"""Input 16: one allocation that is larger than everything there is."""

import jsrun

GIANTS = [
    "[...'.'.repeat(2 ** 28)]",
    "Array(1e9).fill()",
    "Array(2 ** 27).fill(0.5).map(x => [x])",
    "JSON.stringify(Array.from({length: 3e6}, (_, i) => 'row number ' + i))",
    "JSON.parse('[' + '[1.5],'.repeat(3e6) + '1]')",
    "new Array(2 ** 26).fill('x').join('yyyyyyyyyyyyyyyyyyyyyyyy')",
    "Object.fromEntries(Array.from({length: 2e6}, (_, i) => ['k' + i, i]))",
    "new Map(Array.from({length: 2e6}, (_, i) => [i, i]))",
    "'x'.repeat(2 ** 27).split('')",
    "Array.prototype.concat.apply([], Array(1e5).fill(Array(1e3).fill(1)))",
    "new BigUint64Array(2 ** 28)",
    "'ab'.repeat(2 ** 27).matchAll(/./g).toArray()",
    "structuredClone(Array(2 ** 25).fill(1.5))",
    "[].concat(...Array(200).fill(Array(2 ** 20).fill(1)))",
]
for giant in GIANTS:
    print("next:", giant, flush=True)
    with jsrun.Runtime(max_heap_size=64 << 20, max_buffer_bytes=64 << 20) as rt:
        try:
            rt.eval(f"{giant}; 'survived'", timeout=5)
        except jsrun.HeapLimitExceeded as error:
            assert ("condemned" in str(error)) == (rt.state == "condemned"), (rt.state, error)
        except jsrun.JavaScriptError as error:
            assert error.name == "RangeError", error
        except (jsrun.JavaScriptTimeout, jsrun.RuntimeCrashed):
            pass
        try:
            # Behind a builtin that has not come back: only then is it known whether the memory did.
            assert rt.eval("6 * 7", timeout=50) == 42
        except jsrun.HeapLimitExceeded as error:
            assert rt.state == "condemned", rt.state
            assert "condemned" in str(error), error
        except jsrun.RuntimeCrashed as error:
            # In a child process, whose V8 had a second to come back.
            assert error.exit_code == 70, error
print("ok", flush=True)
