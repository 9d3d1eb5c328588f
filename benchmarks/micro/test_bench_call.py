"""Micro-benchmarks of calling JavaScript functions from Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime

pytestmark = pytest.mark.benchmark(group="call")

USER = {"id": 7, "name": "Ada", "tags": ["a", "b"], "score": 1.5}


@pytest.mark.parametrize(
    ("source", "arguments", "expected"),
    [
        pytest.param("() => 1", (), 1, id="no-arguments"),
        pytest.param("(a, b) => a + b", (1, 2), 3, id="two-ints"),
        pytest.param("text => text", ("text",), "text", id="string"),
        pytest.param("user => user", (USER,), USER, id="object"),
        pytest.param("async value => value", (1,), 1, id="promise"),
    ],
)
def test_blocking(
    benchmark: BenchmarkFixture, runtime: Runtime, source: str, arguments: tuple[object, ...], expected: object
) -> None:
    function = runtime.eval(source)
    assert function(*arguments) == expected
    benchmark(function, *arguments)


def test_blocking_method(benchmark: BenchmarkFixture, runtime: Runtime) -> None:
    method = runtime.eval("({ n: 1, get() { return this.n } })")["get"]
    assert method() == 1
    benchmark(method)


def test_100_awaited_in_sequence(benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any]) -> None:
    add = runtime.eval("(a, b) => a + b")

    async def sequence() -> list[object]:
        return [await add.call_async(1, 2) for _ in range(100)]

    assert run_async(sequence) == [3] * 100
    benchmark(run_async, sequence)


def test_1000_awaited_at_once(benchmark: BenchmarkFixture, runtime: Runtime, run_async: Callable[..., Any]) -> None:
    add = runtime.eval("(a, b) => a + b")

    async def at_once() -> list[object]:
        return await asyncio.gather(*[add.call_async(1, 2) for _ in range(1000)])

    assert run_async(at_once) == [3] * 1000
    benchmark(run_async, at_once)
