"""Fixtures of the micro-benchmarks: a roomy runtime, and an event loop to await things in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from jsrun import Runtime, RuntimeConfig

T = TypeVar("T")
RunAsync = Callable[[Callable[[], Awaitable[T]]], T]


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime whose conversion budget no payload here reaches."""
    with Runtime(RuntimeConfig(max_serialization_bytes=1 << 30)) as runtime:
        runtime.eval("1 + 1")
        yield runtime


@pytest.fixture
def run_async() -> Iterator[RunAsync[object]]:
    """Run a coroutine function to its end in one loop that lives as long as the test.

    Entering and leaving the loop costs tens of microseconds, so callers await many operations per run.
    """
    loop = asyncio.new_event_loop()

    def run(function: Callable[[], Awaitable[object]]) -> object:
        async def main() -> object:
            return await function()

        return loop.run_until_complete(main())

    yield run
    loop.close()
