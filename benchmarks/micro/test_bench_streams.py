"""Micro-benchmarks of streams: small objects and 64 KiB blocks, each way, from the first chunk to the end."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jsrun import Runtime

pytestmark = pytest.mark.benchmark(group="streams")

BLOCK = bytes(range(256)) * 256
READ = "async (s) => { let n = 0; let last; for await (const c of s) { n++; last = c } return [n, last] }"
CHUNKS = [
    pytest.param("{id: 7, name: 'Ada'}", {"id": 7, "name": "Ada"}, 1000, id="1000-objects"),
    pytest.param("Uint8Array.from({length: 65536}, (_, i) => i)", BLOCK, 100, id="100-blocks"),
]


async def repeat(chunk: object, count: int) -> AsyncIterator[object]:
    for _ in range(count):
        yield chunk


@pytest.mark.parametrize(("code", "chunk", "count"), CHUNKS)
@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "blocking"])
def test_to_python(
    benchmark: BenchmarkFixture,
    runtime: Runtime,
    run_async: Callable[..., Any],
    awaited: bool,
    code: str,
    chunk: object,
    count: int,
) -> None:
    runtime.eval(f"globalThis.chunk = {code}; 0")
    make = f"(async function* () {{ for (let i = 0; i < {count}; i++) yield chunk }})()"

    async def read() -> list[object]:
        return [part async for part in await runtime.eval_async(make)]

    def once() -> list[object]:
        return run_async(read) if awaited else list(runtime.eval(make))  # type: ignore[no-any-return]

    assert once() == [chunk] * count
    benchmark(once)


@pytest.mark.parametrize(("code", "chunk", "count"), CHUNKS)
@pytest.mark.parametrize("byte_stream", [False, True], ids=["values", "bytes"])
def test_to_javascript(
    benchmark: BenchmarkFixture,
    runtime: Runtime,
    run_async: Callable[..., Any],
    byte_stream: bool,
    code: str,
    chunk: object,
    count: int,
) -> None:
    if byte_stream and not isinstance(chunk, bytes):
        pytest.skip("a byte stream has chunks of bytes")
    read = runtime.eval(READ)

    async def feed() -> Any:
        source = runtime.stream_from_async_iterable(repeat(chunk, count), byte_stream=byte_stream)
        return await read.call_async(source)

    assert run_async(feed) == [count, chunk]
    benchmark(run_async, feed)


def test_copying_blocks(benchmark: BenchmarkFixture) -> None:
    """As many blocks copied once, between memories larger than a cache: what streams of blocks are held against."""
    sources = [bytes(reversed(BLOCK)) for _ in range(1000)]
    targets = [bytearray(len(BLOCK)) for _ in range(1000)]
    turns = itertools.cycle(range(0, 1000, 100))

    def once() -> None:
        first = next(turns)
        for target, source in zip(targets[first : first + 100], sources[first : first + 100], strict=True):
            target[:] = source

    benchmark(once)
    assert all(target == source for target, source in zip(targets, sources, strict=True))
