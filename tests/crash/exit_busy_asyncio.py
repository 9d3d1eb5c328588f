"""Leave asyncio.run while an awaited endless loop is in flight: the exit code is kept."""

import asyncio
import sys

import jsrun

rt = jsrun.Runtime()


async def main() -> None:
    task = asyncio.create_task(rt.eval_async("for (;;);"))
    await asyncio.sleep(0.3)
    assert not task.done()
    print("ok", flush=True)
    sys.exit(7)


asyncio.run(main())
