"""Micro-benchmarks of moving values between JavaScript and Python."""

from __future__ import annotations

import array
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime

# The same value twice: as JavaScript source and as Python object.
VALUES = {
    "ints": ("Array.from({ length: 10000 }, (_, i) => i)", list(range(10_000))),
    "floats": ("Array.from({ length: 10000 }, (_, i) => i + 0.5)", [i + 0.5 for i in range(10_000)]),
    "strings": ("Array.from({ length: 10000 }, (_, i) => `text ${i}`)", [f"text {i}" for i in range(10_000)]),
    "rows": (
        "Array.from({ length: 1000 }, (_, i) => ({ id: i, name: `user ${i}`, score: i * 0.5, ok: true, tag: null }))",
        [{"id": i, "name": f"user {i}", "score": i * 0.5, "ok": True, "tag": None} for i in range(1000)],
    ),
    "wide-object": (
        "Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, i]))",
        {f"key{i}": i for i in range(1000)},
    ),
    "map": ("new Map(Array.from({ length: 1000 }, (_, i) => [i, i]))", {i: i for i in range(1000)}),
    "ascii-1MiB": ("'x'.repeat(1 << 20)", "x" * (1 << 20)),
    "utf16-1Mi": ("'\u20ac'.repeat(1 << 20)", "\u20ac" * (1 << 20)),
    "bytes-1MiB": ("new Uint8Array(1 << 20)", bytes(1 << 20)),
    "float64-array": ("new Float64Array(100000)", array.array("d", bytes(800_000))),
    "bigints": ("Array.from({ length: 1000 }, () => 2n ** 100n)", [2**100] * 1000),
}


@pytest.fixture(params=list(VALUES))
def value(request: pytest.FixtureRequest) -> tuple[str, Any]:
    return VALUES[request.param]


@pytest.mark.benchmark(group="convert: JavaScript to Python")
def test_to_python(benchmark: BenchmarkFixture, runtime: Runtime, value: tuple[str, Any]) -> None:
    source, expected = value
    runtime.eval(f"globalThis.value = {source}; 0")
    assert runtime.eval("value") == expected
    benchmark(runtime.eval, "value")


@pytest.mark.benchmark(group="convert: Python to JavaScript")
def test_to_js(benchmark: BenchmarkFixture, runtime: Runtime, value: tuple[str, Any]) -> None:
    _, argument = value
    assert runtime.eval("value => value")(argument) == argument
    ignore = runtime.eval("value => true")
    assert ignore(argument) is True
    benchmark(ignore, argument)
