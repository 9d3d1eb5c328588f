"""Micro-benchmarks of runtimes in child processes, beside those in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime


@pytest.fixture(params=["thread", "process"])
def isolation(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def runtime(isolation: str) -> Iterator[Runtime]:
    with Runtime(isolation=isolation, max_serialization_bytes=1 << 30) as runtime:
        runtime.eval("1 + 1")
        yield runtime


@pytest.mark.benchmark(group="process-create")
def test_create_and_close(benchmark: BenchmarkFixture, isolation: str) -> None:
    def cycle() -> object:
        with Runtime(isolation=isolation) as runtime:
            return runtime.eval("1 + 1")

    assert benchmark.pedantic(cycle, rounds=20, warmup_rounds=2) == 2


@pytest.mark.benchmark(group="process-eval")
def test_blocking(benchmark: BenchmarkFixture, runtime: Runtime) -> None:
    assert benchmark(runtime.eval, "1 + 1") == 2


@pytest.mark.benchmark(group="process-100-awaited-in-sequence")
def test_100_awaited_in_sequence(benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any]) -> None:
    async def sequence() -> list[object]:
        return [await runtime.eval_async("1 + 1") for _ in range(100)]

    assert benchmark(run_async, sequence) == [2] * 100


@pytest.mark.benchmark(group="process-1000-awaited-at-once")
def test_1000_awaited_at_once(benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any]) -> None:
    async def together() -> list[object]:
        return list(await asyncio.gather(*(runtime.eval_async("1 + 1") for _ in range(1000))))

    assert benchmark(run_async, together) == [2] * 1000


@pytest.mark.benchmark(group="process-host-call")
def test_100_host_calls(benchmark: BenchmarkFixture, runtime: Runtime) -> None:
    runtime.bind_function("add", lambda a, b: a + b)
    code = "(() => { let n = 0; for (let i = 0; i < 100; i++) n = add(n, 1); return n })()"
    assert benchmark(runtime.eval, code) == 100


VALUES = {
    "numbers": "Array.from({ length: 10_000 }, (_, i) => i / 2)",
    "records": "Array.from({ length: 1_000 }, (_, id) => ({ id, name: `user ${id}`, tags: ['a', 'b'] }))",
    "megabyte": "new Uint8Array(1 << 20)",
}


@pytest.mark.benchmark(group="process-values")
@pytest.mark.parametrize("name", VALUES)
def test_values(benchmark: BenchmarkFixture, runtime: Runtime, name: str) -> None:
    value = runtime.eval(f"globalThis.value = {VALUES[name]}")
    assert benchmark(runtime.eval, "value") == value
