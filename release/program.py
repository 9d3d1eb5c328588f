"""A program as users write them, to be run with nothing but the wheel: a bit of everything that could need a file."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

START = time.perf_counter()

import jsrun  # noqa: E402

IMPORTED = time.perf_counter() - START


async def awaited() -> None:
    """Host functions, many at once, streams, modules, the Web platform, a pool."""
    async with jsrun.Runtime.create(enable_console=False) as rt:

        @rt.bind
        async def price(item: str) -> int:
            await asyncio.sleep(0)
            return {"tea": 3, "cake": 5}[item]

        assert await rt.eval_async("(await price('tea')) + (await price('cake'))") == 8
        squares = await asyncio.gather(*(rt.eval_async(f"{n} ** 2") for n in range(100)))
        assert sum(squares) == 328350
        assert await rt.eval_async("new URL('../b?c=1', 'https://example.org/a/d').href") == "https://example.org/b?c=1"
        stream = await rt.eval_async("new Blob(['one two']).stream().pipeThrough(new TextDecoderStream())")
        assert [chunk async for chunk in stream] == ["one two"]
        digest = await rt.eval_async("crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'))")
        assert bytes(digest).hex().startswith("ba7816bf")
        rt.add_static_module("double", "export default (n) => n * 2")
        rt.add_static_module("main", "import double from 'double'; export const answer = double(21)")
        module = await rt.eval_module_async("main")
        assert module["answer"] == 42
        assert await rt.eval_async("new Intl.DateTimeFormat('de', { month: 'long' }).format(new Date(0))") == "Januar"
        when = "Temporal.PlainDate.from('2024-02-29').add({ years: 1 }).toString()"
        assert await rt.eval_async(when) == "2025-02-28"
    async with jsrun.RuntimePool(size=1) as pool, pool.runtime() as rt:
        assert await rt.eval_async("6 * 7") == 42


def blocking() -> None:
    """Errors with places, deadlines, a start-up snapshot, a runtime in a child process."""
    with jsrun.Runtime(timeout=0.2) as rt:
        try:
            rt.eval("while (true) {}")
        except jsrun.JavaScriptTimeout:
            pass
        else:
            raise AssertionError("a loop without end ended")
        try:
            rt.eval("null.name", filename="shop.js")
        except jsrun.JavaScriptError as error:
            assert error.name == "TypeError"
            assert "shop.js:1" in (error.stack or "")
    builder = jsrun.SnapshotBuilder()
    builder.execute_script("library.js", "globalThis.greet = (name) => `hello, ${name}`")
    with jsrun.Runtime(snapshot=builder.create_snapshot()) as rt:
        assert rt.eval("greet('world')") == "hello, world"
    if sys.platform == "linux":
        with jsrun.Runtime(isolation="process") as rt:
            assert rt.eval("[1, 2, 3].reduce((a, b) => a + b)") == 6


def main() -> None:
    """Run all of it, and say from where."""
    blocking()
    asyncio.run(awaited())
    print(f"jsrun {jsrun.__version__} from {Path(jsrun.__file__).parent}, Python {sys.version.split()[0]}")
    print(f"imported in {IMPORTED * 1000:.0f} ms")
    print("everything ran")


if __name__ == "__main__":
    main()
