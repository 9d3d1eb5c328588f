"""JavaScript calls Python calls JavaScript without end: bounded, with a clear error, in every direction."""

import asyncio
import time

import jsrun


def check(act: object) -> None:
    start = time.monotonic()
    try:
        act()  # type: ignore[operator]
    except (jsrun.JavaScriptError, jsrun.JsrunError, RecursionError) as error:
        assert str(error)
        assert len(str(error)) < 100_000
    else:
        raise AssertionError("endless recursion came back")
    assert time.monotonic() - start < 60


with jsrun.Runtime() as rt, jsrun.Runtime() as other:
    rt.bind_function("down", lambda: rt.eval("down()"))
    check(lambda: rt.eval("down()"))
    assert rt.eval("1 + 1") == 2
    check(lambda: asyncio.run(rt.eval_async("down()")))
    assert rt.eval("1 + 1") == 2

    rt.eval("globalThis.callback = () => viaFunction(callback); 0")
    rt.bind_function("viaFunction", lambda f: f())
    check(lambda: rt.eval("callback()"))
    assert rt.eval("1 + 1") == 2

    rt.bind_function("ping", lambda: other.eval("pong()"))
    other.bind_function("pong", lambda: rt.eval("ping()"))
    check(lambda: rt.eval("ping()"))
    assert (rt.eval("1 + 1"), other.eval("1 + 1")) == (2, 2)

    async def deeper() -> object:
        return await rt.eval_async("deeper()")

    rt.bind_function("deeper", deeper)
    check(lambda: asyncio.run(rt.eval_async("deeper()", timeout=5)))
    assert rt.eval("1 + 1") == 2
print("ok", flush=True)
