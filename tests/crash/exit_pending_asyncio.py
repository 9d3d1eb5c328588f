"""Leave asyncio.run with host coroutines, promises and unawaited operations pending."""

import asyncio

import jsrun

rt = jsrun.Runtime()


async def forever() -> None:
    await asyncio.sleep(3600)


async def main() -> None:
    rt.bind_function("forever", forever)
    tasks = [asyncio.create_task(rt.eval_async("forever()")) for _ in range(50)]
    kept = rt.eval_async("new Promise(r => { globalThis.r = r })")
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in tasks)
    del kept
    print("ok", flush=True)


asyncio.run(main())
