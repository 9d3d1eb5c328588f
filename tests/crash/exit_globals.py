"""Exit with runtimes, functions and results in module globals and reference cycles, nothing closed."""

import jsrun

rt = jsrun.Runtime()
other = jsrun.Runtime()
function = rt.eval("n => n + 1")
promise = rt.eval("({p: new Promise(() => {})})")
rt.bind_function("me", lambda: rt)
other.bind_function("there", lambda code: rt.eval(code))
cycle = [rt, function]
cycle.append(cycle)
jsrun.eval("globalThis.x = 1; 0")
assert other.eval("there('1 + 1')") == 2
assert function(1) == 2


class Owner:
    """Calls a runtime while the interpreter goes away."""

    def __init__(self) -> None:
        self.rt = rt

    def __del__(self) -> None:
        try:
            self.rt.eval("1")
        except BaseException:
            pass
        self.rt.close()


owner = Owner()
print("ok", flush=True)
