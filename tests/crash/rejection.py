"""A stray rejection is a warning on standard error and nothing more."""

import asyncio
import time

import jsrun


async def main() -> None:
    async with jsrun.Runtime.create() as rt:
        await rt.eval_async("Promise.reject(new RangeError('stray one')); 0")
        await asyncio.sleep(0.3)
        assert await rt.eval_async("1 + 1") == 2


asyncio.run(main())
with jsrun.Runtime() as rt:
    rt.eval("Promise.reject('stray two'); 0")
    for _ in range(20):
        assert rt.eval("1 + 1") == 2
        time.sleep(0.01)
    rt.eval("for (let i = 0; i < 1e5; i++) Promise.reject(i); 0")
    rt.eval("Promise.reject(new Proxy({}, {get() { throw 1 }})); 0")
    assert rt.eval("1 + 1") == 2
print("ok", flush=True)
