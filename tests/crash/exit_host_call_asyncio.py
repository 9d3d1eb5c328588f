"""Leave the program from a host function of an awaited operation."""

import asyncio
import sys

import jsrun


async def main() -> None:
    async with jsrun.Runtime.create() as rt:
        rt.bind_function("leave", lambda: sys.exit(7))
        print("ok", flush=True)
        await rt.eval_async("leave(); for (;;);")


asyncio.run(main())
