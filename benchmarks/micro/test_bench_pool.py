"""Micro-benchmarks of pools: borrowing a runtime that is ready, and whole uses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime, RuntimePool

pytestmark = pytest.mark.benchmark(group="pool")

READY = 4
ROUNDS = 200
# With room beyond what is ready, every checkout orders another runtime; without, every return does.
POOLS = {
    "fresh": {"size": READY},
    "fresh_with_room": {"size": (READY, 2 * READY)},
    "reuse": {"size": READY, "reuse": True},
}


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest) -> Iterator[RuntimePool]:
    with RuntimePool(**POOLS[request.param]) as pool:
        yield pool


class Borrower:
    """Gives each round a lease on a full pool at rest, and takes it back after the round."""

    def __init__(self, pool: RuntimePool) -> None:
        self.pool = pool
        self.lease: Any = None

    def prepare(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self.give_back()
        while not self._rests():
            time.sleep(0.0005)
        self.lease = self.pool.runtime()
        return (self.lease,), {}

    def give_back(self) -> None:
        if self.lease is not None:
            self.lease.__exit__(None, None, None)

    def _rests(self) -> bool:
        now = self.pool.get_stats()
        return (now.idle, now.coming, now.closing) == (READY, 0, 0)


def test_checkout(benchmark: BenchmarkFixture, pool: RuntimePool) -> None:
    """A blocked thread gets a runtime that is ready."""
    borrower = Borrower(pool)
    runtime = benchmark.pedantic(lambda lease: lease.__enter__(), setup=borrower.prepare, rounds=ROUNDS)
    assert runtime.eval("1 + 1") == 2
    borrower.give_back()
    assert pool.get_stats().waiting == 0


def test_checkout_awaited(benchmark: BenchmarkFixture, run_async: Callable[..., Any], pool: RuntimePool) -> None:
    """A task gets a runtime that is ready. That awaits nothing, so one step of the coroutine is all of it."""
    borrower = Borrower(pool)

    def enter(lease: Any) -> Runtime:
        try:
            lease.__aenter__().send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the pool was drained")

    async def main() -> Runtime:
        return benchmark.pedantic(enter, setup=borrower.prepare, rounds=ROUNDS)

    assert run_async(main).eval("1 + 1") == 2
    borrower.give_back()


@pytest.mark.parametrize("reuse", [False, True], ids=["fresh", "reuse"])
def test_100_evals_at_once(benchmark: BenchmarkFixture, run_async: Callable[..., Any], reuse: bool) -> None:
    """More tasks than runtimes: with fresh ones, making and closing them is the work."""

    async def once() -> list[object]:
        return await asyncio.gather(*(pool.eval_async("1 + 1") for _ in range(100)))

    with RuntimePool(READY, reuse=reuse) as pool:
        assert run_async(once) == [2] * 100
        benchmark.pedantic(run_async, (once,), rounds=5)
