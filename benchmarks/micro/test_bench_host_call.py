"""Micro-benchmarks of JavaScript calling Python functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime

pytestmark = pytest.mark.benchmark(group="host_call")

LOOP_100 = "(() => { let sum = 0; for (let i = 0; i < 100; i++) sum += host(i); return sum })()"
SEQUENCE_100 = "(async () => { let sum = 0; for (let i = 0; i < 100; i++) sum += await host(i); return sum })()"
PARALLEL_1000 = "Promise.all(Array.from({ length: 1000 }, (_, i) => host(i))).then(all => all.reduce((a, b) => a + b))"


def identity(value: object) -> object:
    return value


async def identity_async(value: object) -> object:
    return value


@pytest.mark.parametrize("inline", [False, True], ids=["waiting-thread", "inline"])
def test_100_sync_in_blocking_eval(benchmark: BenchmarkFixture, runtime: Runtime, inline: bool) -> None:
    runtime.bind_function("host", identity, inline=inline)
    assert runtime.eval(LOOP_100) == sum(range(100))
    benchmark(runtime.eval, LOOP_100)


def test_100_sync_in_awaited_eval(benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any]) -> None:
    runtime.bind_function("host", identity)
    assert run_async(lambda: runtime.eval_async(LOOP_100)) == sum(range(100))
    benchmark(run_async, lambda: runtime.eval_async(LOOP_100))


def test_sync_with_object(benchmark: BenchmarkFixture, runtime: Runtime) -> None:
    """One call that takes an object and gives it back."""
    runtime.bind_function("host", identity)
    code = "host({ id: 7, name: 'Ada', tags: ['a', 'b'] })"
    assert runtime.eval(code) == {"id": 7, "name": "Ada", "tags": ["a", "b"]}
    benchmark(runtime.eval, code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(SEQUENCE_100, sum(range(100)), id="100-in-sequence"),
        pytest.param(PARALLEL_1000, sum(range(1000)), id="1000-in-parallel"),
    ],
)
@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "blocking"])
def test_async(
    benchmark: BenchmarkFixture,
    runtime: Runtime,
    run_async: Callable[..., Any],
    code: str,
    expected: int,
    awaited: bool,
) -> None:
    def once() -> Any:
        return run_async(lambda: runtime.eval_async(code)) if awaited else runtime.eval(code)

    runtime.bind_function("host", identity_async)
    assert once() == expected
    benchmark(once)
