"""Entering host functions, conversion and errors with the stack almost full never aborts."""

import jsrun

ENTRIES = [
    "host(1)",
    "hostAsync()",
    "inline(1)",
    "hostThrows()",
    "__host_op_sync__(OP, {a: [1, 2, {b: 3}]})",
    "__host_op_async__(OP)",
    "host({get a() { return dive() }})",
    "new Error('x').stack",
    "import('x')",
    "Promise.resolve().then(dive)",
    "null.x",
    "JSON.stringify({a: [1]})",
    "eval('1 + 1')",
]


async def later() -> int:
    return 1


def throws() -> None:
    raise ValueError("x")


with jsrun.Runtime() as rt:
    rt.bind_function("host", lambda value: value)
    rt.bind_function("hostAsync", later)
    rt.bind_function("hostThrows", throws)
    rt.bind_function("inline", lambda value: value, inline=True)
    op = rt.register_op("op", lambda *args: 1)
    for entry in ENTRIES:
        code = (
            f"let calls = 0; function dive() {{ if (calls > 300) return; try {{ dive() }} catch {{ }}"
            f" calls++; try {{ {entry.replace('OP', str(op))} }} catch {{ }} }} dive(); 'done'"
        )
        try:
            rt.eval("{ " + code + " }", timeout=30)
        except (jsrun.JavaScriptError, jsrun.JavaScriptTimeout):
            pass
        assert rt.eval("1 + 1") == 2, entry
print("ok", flush=True)
