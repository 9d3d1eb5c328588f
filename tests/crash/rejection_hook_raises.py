"""A hook for unhandled rejections that raises is reported and harms nothing."""

import asyncio
import time

import jsrun


def hook(error: jsrun.JavaScriptError) -> None:
    raise ZeroDivisionError("the hook itself")


async def main(rt: jsrun.Runtime) -> None:
    await rt.eval_async("Promise.reject(1); 0")
    await asyncio.sleep(0.2)
    assert await rt.eval_async("1 + 1") == 2


with jsrun.Runtime(on_unhandled_rejection=hook) as rt:
    rt.eval("Promise.reject(1); 0")
    time.sleep(0.2)
    assert rt.eval("1 + 1") == 2
    asyncio.run(main(rt))
print("ok", flush=True)
