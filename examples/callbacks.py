"""Call Python from JavaScript and JavaScript from Python: plain and async functions, objects, exceptions.

Run it with `python examples/callbacks.py`.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from jsrun import JavaScriptError, JsFunction, Runtime

user: ContextVar[str] = ContextVar("user", default="nobody")


class OutOfStock(Exception):
    """A Python exception that travels through JavaScript and comes back as itself."""


async def main() -> None:
    """Show each direction once, printing what came out."""
    async with Runtime.create() as runtime:
        # A plain function runs on this thread, in this task's context, while JavaScript waits for its value.
        runtime.bind_function("currentUser", lambda: user.get())
        user.set("ada")
        print("sync:", await runtime.eval_async("`hello, ${currentUser()}`"))

        # A coroutine function gives JavaScript a promise. Both of these sleep at the same time.
        @runtime.bind
        async def price(item: str) -> float:
            await asyncio.sleep(0.05)
            if item == "moon":
                raise OutOfStock(item)
            return len(item) * 1.5

        print("async:", await runtime.eval_async("Promise.all(['tea', 'coffee'].map(item => price(item)))"))

        # An object is a mapping of functions and plain data, nested as you like.
        runtime.bind_object("shop", {"name": "Corner", "math": {"round": round}, "open": [9, 17]})
        print("object:", await runtime.eval_async("`${shop.name} ${shop.math.round(2.5)} ${shop.open.join('-')}`"))

        # JavaScript may catch a Python exception; uncaught, it comes back with the same object as cause.
        print("caught:", await runtime.eval_async("price('moon').catch(error => `${error.name}: ${error.message}`)"))
        try:
            await runtime.eval_async("price('moon')")
        except JavaScriptError as error:
            assert isinstance(error.__cause__, OutOfStock)
            print("uncaught:", repr(error.__cause__))

        # A JavaScript function is called like one of ours, and takes Python functions as arguments.
        total = await runtime.eval_async("async (items, each) => { for (const i of items) each(i, await price(i)); }")
        assert isinstance(total, JsFunction)
        bill: dict[str, float] = {}
        await total.call_async(["tea", "cake"], bill.__setitem__, timeout=5)
        print("function:", bill)

        # A method keeps its object.
        counter = await runtime.eval_async("({count: 0, next() { return ++this.count }})")
        await counter["next"].call_async()
        print("method:", await counter["next"].call_async())


if __name__ == "__main__":
    asyncio.run(main())
