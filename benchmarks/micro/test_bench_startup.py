"""Micro-benchmarks of creating and closing runtimes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime

pytestmark = pytest.mark.benchmark(group="startup")

ROUNDS = 30


def test_create_close(benchmark: BenchmarkFixture) -> None:
    def once() -> bool:
        runtime = Runtime()
        runtime.close()
        return runtime.is_closed()

    assert once()
    benchmark.pedantic(once, rounds=ROUNDS)


def test_create_eval_close(benchmark: BenchmarkFixture) -> None:
    def once() -> object:
        with Runtime() as runtime:
            return runtime.eval("1 + 1")

    assert once() == 2
    benchmark.pedantic(once, rounds=ROUNDS)


def test_create_with_bootstrap(benchmark: BenchmarkFixture) -> None:
    def once() -> object:
        with Runtime(bootstrap="globalThis.answer = 42") as runtime:
            return runtime.eval("answer")

    assert once() == 42
    benchmark.pedantic(once, rounds=ROUNDS)


@pytest.mark.parametrize(
    "name", ["console", "TextEncoder", "URL", "structuredClone", "crypto", "AbortSignal", "ReadableStream"]
)
def test_first_use(benchmark: BenchmarkFixture, name: str) -> None:
    """The first read of a global, which loads what it brings."""
    made: list[Runtime] = []

    def setup() -> None:
        for runtime in made:
            runtime.close()
        made[:] = [Runtime()]
        made[0].eval("1")

    def first_use() -> object:
        return made[0].eval(f"typeof {name}")

    setup()
    assert first_use() in ("function", "object")
    benchmark.pedantic(first_use, setup=setup, rounds=ROUNDS)
    made[0].close()


def test_create_eval_close_awaited(benchmark: BenchmarkFixture, run_async: Callable[..., Any]) -> None:
    async def once() -> object:
        async with Runtime.create() as runtime:
            return await runtime.eval_async("1 + 1")

    assert run_async(once) == 2
    benchmark.pedantic(run_async, (once,), rounds=ROUNDS)


def test_20_alive_at_once(benchmark: BenchmarkFixture) -> None:
    def once() -> list[object]:
        alive = [Runtime() for _ in range(20)]
        results = [runtime.eval("1 + 1") for runtime in alive]
        for runtime in alive:
            runtime.close()
        return results

    assert once() == [2] * 20
    benchmark.pedantic(once, rounds=5)
