"""Micro-benchmarks of `eval` and `eval_async`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime

pytestmark = pytest.mark.benchmark(group="eval")

FIBONACCI = "(() => { const f = n => (n < 2 ? n : f(n - 1) + f(n - 2)); return f(15) })()"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("1 + 1", 2, id="expression"),
        pytest.param("'text'", "text", id="string"),
        pytest.param("({ a: 1, b: [2, 3] })", {"a": 1, "b": [2, 3]}, id="object"),
        pytest.param(FIBONACCI, 610, id="fibonacci-15"),
        pytest.param("Promise.resolve(1)", 1, id="promise"),
        pytest.param("await Promise.resolve(1)", 1, id="top-level-await"),
    ],
)
def test_blocking(benchmark: BenchmarkFixture, runtime: Runtime, code: str, expected: object) -> None:
    assert runtime.eval(code) == expected
    benchmark(runtime.eval, code)


def test_blocking_new_source(benchmark: BenchmarkFixture, runtime: Runtime) -> None:
    """Every source differs, so none comes from the compilation cache."""
    assert runtime.eval("1 + 1") == 2
    sources = (f"{number} + 1" for number in range(10_000_000))
    benchmark(lambda: runtime.eval(next(sources)))


@pytest.mark.parametrize(
    ("code", "expected"),
    [pytest.param("1 + 1", 2, id="expression"), pytest.param("Promise.resolve(1)", 1, id="promise")],
)
def test_100_awaited_in_sequence(
    benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any], code: str, expected: object
) -> None:
    async def sequence() -> list[object]:
        return [await runtime.eval_async(code) for _ in range(100)]

    assert run_async(sequence) == [expected] * 100
    benchmark(run_async, sequence)


def test_1000_awaited_at_once(benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any]) -> None:
    async def at_once() -> list[object]:
        return await asyncio.gather(*[runtime.eval_async("1 + 1") for _ in range(1000)])

    assert run_async(at_once) == [2] * 1000
    benchmark(run_async, at_once)
