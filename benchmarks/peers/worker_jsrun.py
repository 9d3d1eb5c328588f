"""Worker for the jsrun of this checkout."""

from __future__ import annotations

import asyncio
import statistics

import inputs
import worker
from worker import case, measure, measure_async

from jsrun import Runtime, RuntimeConfig

ROOMY = RuntimeConfig(max_serialization_bytes=1 << 30)  # the default budget is smaller than some payloads


@case
def create_eval_close() -> float:
    def once() -> object:
        runtime = Runtime()
        result = runtime.eval("1 + 1")
        runtime.close()
        return result

    return measure(once, 2)


@case
def blocking_eval() -> float:
    with Runtime() as runtime:
        return measure(lambda: runtime.eval("1 + 1"), 2)


@case
def blocking_call() -> float:
    with Runtime() as runtime:
        add = runtime.eval(inputs.ADD)
        return measure(lambda: add(1, 2), 3)


@case
async def awaited_eval() -> float:
    async with Runtime.create() as runtime:
        return await measure_async(lambda: runtime.eval_async("1 + 1"), 2)


@case
async def awaited_eval_1000() -> float:
    async with Runtime.create() as runtime:
        return await measure_async(
            lambda: asyncio.gather(*[runtime.eval_async("1 + 1") for _ in range(inputs.AT_ONCE)]),
            [2] * inputs.AT_ONCE,
            per=inputs.AT_ONCE,
        )


@case
async def awaited_promise() -> float:
    async with Runtime.create() as runtime:
        return await measure_async(lambda: runtime.eval_async("Promise.resolve(1)"), 1)


@case
async def awaited_call() -> float:
    async with Runtime.create() as runtime:
        add = await runtime.eval_async(inputs.ADD)
        return await measure_async(lambda: add.call_async(1, 2), 3)


def _sync_host(*, inline: bool) -> float:
    with Runtime() as runtime:
        runtime.bind_function("host", inputs.host, inline=inline)
        return measure(lambda: runtime.eval(inputs.SYNC_LOOP), inputs.SYNC_SUM, per=inputs.SYNC_CALLS)


@case
def sync_host_blocking() -> float:
    return _sync_host(inline=False)


@case
def sync_host_inline() -> float:
    return _sync_host(inline=True)


@case
async def sync_host_awaited() -> float:
    async with Runtime.create() as runtime:
        runtime.bind_function("host", inputs.host)
        loop = inputs.SYNC_LOOP
        return await measure_async(lambda: runtime.eval_async(loop), inputs.SYNC_SUM, per=inputs.SYNC_CALLS)


async def _async_host(source: str, expected: int, calls: int) -> float:
    async with Runtime.create() as runtime:
        runtime.bind_function("later", inputs.later)
        return await measure_async(lambda: runtime.eval_async(source), expected, per=calls)


@case
async def async_host_sequence() -> float:
    return await _async_host(inputs.SEQUENCE, inputs.SEQUENCE_SUM, inputs.SEQUENCE_CALLS)


@case
async def async_host_parallel() -> float:
    return await _async_host(inputs.PARALLEL, inputs.PARALLEL_SUM, inputs.PARALLEL_CALLS)


def _to_python(payload: inputs.Payload) -> float:
    with Runtime(ROOMY) as runtime:
        runtime.eval(f"globalThis.data = {payload.js}; 0")
        return measure(lambda: runtime.eval("data"), payload.value)


def _to_js(payload: inputs.Payload) -> float:
    with Runtime(ROOMY) as runtime:
        value = payload.value
        worker.check(runtime.eval(payload.js_check)(value), True)
        size = runtime.eval(inputs.SIZE)
        return measure(lambda: size(value), len(value))


@case
def rows_to_python() -> float:
    return _to_python(inputs.ROWS)


@case
def rows_to_js() -> float:
    return _to_js(inputs.ROWS)


@case
def floats_to_python() -> float:
    return _to_python(inputs.FLOATS)


@case
def floats_to_js() -> float:
    return _to_js(inputs.FLOATS)


@case
def bytes_to_python() -> float:
    return _to_python(inputs.BYTES)


@case
def bytes_to_js() -> float:
    return _to_js(inputs.BYTES)


@case
def text_to_python() -> float:
    return _to_python(inputs.TEXT)


@case
def text_to_js() -> float:
    return _to_js(inputs.TEXT)


async def _stream_to_python(source: str, chunk: object, count: int) -> float:
    async with Runtime.create(ROOMY) as runtime:

        async def once() -> list[object]:
            return [part async for part in await runtime.eval_async(source)]

        return await measure_async(once, [chunk] * count, per=count)


async def _stream_to_js(reader: str, chunk: object, count: int) -> float:
    async with Runtime.create(ROOMY) as runtime:
        read = await runtime.eval_async(reader)

        async def once() -> object:
            source = runtime.stream_from_async_iterable(inputs.repeat(chunk, count))
            return await read.call_async(source)

        return await measure_async(once, [count, 7 * count], per=count)


@case
async def stream_objects_to_python() -> float:
    return await _stream_to_python(inputs.OBJECT_STREAM, inputs.OBJECT, inputs.OBJECTS)


@case
async def stream_objects_to_js() -> float:
    return await _stream_to_js(inputs.READ_OBJECTS, inputs.OBJECT, inputs.OBJECTS)


@case
async def stream_blocks_to_python() -> float:
    return await _stream_to_python(inputs.BLOCK_STREAM, inputs.BLOCK, inputs.BLOCKS)


@case
async def stream_blocks_to_js() -> float:
    return await _stream_to_js(inputs.READ_BLOCKS, inputs.BLOCK, inputs.BLOCKS)


@case
def memory_at_50() -> float:
    return worker.memory_at_50(Runtime, lambda runtime: runtime.eval("1 + 1"), Runtime.close)


@case
def isolates_200() -> float:
    return worker.isolates_200(Runtime, lambda runtime: runtime.eval("1 + 1"), Runtime.close)


@case
async def timeout_overshoot() -> float:
    samples = []
    for _ in range(3):
        async with Runtime.create() as runtime:
            await runtime.eval_async("1 + 1")
            endless = runtime.eval_async(inputs.FOREVER, timeout=worker.TIMEOUT)
            samples.append(await worker.overshoot(endless, lambda error: isinstance(error, TimeoutError)))
    return statistics.median(samples)


if __name__ == "__main__":
    worker.serve("jsrun")
