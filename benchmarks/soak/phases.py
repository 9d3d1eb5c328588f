"""What is done over and over: one cycle of each phase makes, uses and closes something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jsrun import Runtime, RuntimePool

SCRIPT = (Path(__file__).parent / "cycle.js").read_text()
CHUNKS = 20

Cycle = Callable[[], None]


def blocking_cycle() -> None:
    with Runtime() as rt:
        assert rt.eval("6 * 7") == 42


async def awaited_cycle() -> None:
    async with Runtime.create() as rt:
        assert await rt.eval_async("6 * 7") == 42


async def numbers() -> AsyncIterator[int]:
    for number in range(CHUNKS):
        yield number


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def busy_cycle(rt: Runtime) -> None:
    """Host functions of both kinds, a function handle, a stream each way, and one that is left half-read."""
    rt.bind_function("plain", lambda number: number + 1)
    rt.bind_function("later", double)
    work = await rt.eval_async(SCRIPT)
    assert await work["hosted"].call_async(CHUNKS) == sum(2 * (n + 1) for n in range(CHUNKS))
    assert await work["total"].call_async(numbers()) == sum(range(CHUNKS))
    assert [chunk async for chunk in await work["count"].call_async(CHUNKS)] == list(range(CHUNKS))
    async for _ in await work["count"].call_async(CHUNKS):
        break


async def fresh_busy_cycle() -> None:
    async with Runtime.create() as rt:
        await busy_cycle(rt)


@contextmanager
def blocking() -> Iterator[Cycle]:
    yield blocking_cycle


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    try:
        yield loop
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


@contextmanager
def awaited() -> Iterator[Cycle]:
    with event_loop() as loop:
        yield lambda: loop.run_until_complete(awaited_cycle())


@contextmanager
def pooled() -> Iterator[Cycle]:
    """A pool whose runtimes are used again."""
    with RuntimePool(size=2, reuse=True) as pool:

        def cycle() -> None:
            with pool.runtime() as rt:
                assert rt.eval("[1, 2, 3].map(n => n * 2)") == [2, 4, 6]

        yield cycle


@contextmanager
def busy() -> Iterator[Cycle]:
    """Streams and host functions, on a fresh runtime each."""
    with event_loop() as loop:
        yield lambda: loop.run_until_complete(fresh_busy_cycle())


@contextmanager
def busy_on_one() -> Iterator[Cycle]:
    """Streams and host functions, on one runtime for the whole phase."""
    with event_loop() as loop, Runtime() as rt:
        yield lambda: loop.run_until_complete(busy_cycle(rt))


# Name, what is opened, which part of all cycles it takes, and how many times as many come before: the heap of a runtime
# that is used for long grows to its size over some 10,000 cycles, and stays there.
PHASES = {
    "blocking": (blocking, 0.3, 0),
    "awaited": (awaited, 0.2, 0),
    "busy": (busy, 0.1, 0),
    "busy_on_one": (busy_on_one, 0.3, 4),
    "pooled": (pooled, 0.1, 0),
}
