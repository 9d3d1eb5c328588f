"""SIGTERM under asyncio: a handler that closes runtimes ends what is in flight, and the program leaves by itself."""

import asyncio
import os
import signal
import sys

import jsrun


async def forever() -> None:
    await asyncio.sleep(3600)


async def main() -> int:
    runtimes = [await jsrun.Runtime.create() for _ in range(3)]
    pool = jsrun.RuntimePool(size=1)
    async with pool:
        closing: list[asyncio.Task[None]] = []

        def on_term() -> None:
            closing.extend(asyncio.ensure_future(rt.aclose()) for rt in runtimes)

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_term)
        runtimes[1].bind_function("forever", forever)
        in_flight = [
            asyncio.ensure_future(runtimes[0].eval_async("for (;;);")),
            asyncio.ensure_future(runtimes[1].eval_async("forever()")),
            asyncio.ensure_future(runtimes[2].eval_async("new Promise(done => { globalThis.done = done })")),
        ]
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in in_flight)
        print("ok", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        outcomes = await asyncio.gather(*in_flight, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [jsrun.RuntimeClosed] * 3, outcomes
        await asyncio.gather(*closing)
        assert all(rt.is_closed() for rt in runtimes)
        assert await pool.eval_async("6 * 7") == 42
    return 7


sys.exit(asyncio.run(main()))
