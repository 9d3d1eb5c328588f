"""Worker for mini-racer, which moves composite values as JSON and knows asyncio host functions only."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import inputs
import worker
from py_mini_racer import MiniRacer, mini_racer
from worker import case, measure, measure_async


@case
def create_eval_close() -> float:
    def once() -> object:
        racer = MiniRacer()
        result = racer.eval("1 + 1")
        racer.close()
        return result

    return measure(once, 2)


@case
def blocking_eval() -> float:
    with MiniRacer() as racer:
        return measure(lambda: racer.eval("1 + 1"), 2)


@case
def blocking_call() -> float:
    with MiniRacer() as racer:
        add: Any = racer.eval(inputs.ADD)
        return measure(lambda: add(1, 2), 3)


@case
async def awaited_eval() -> float:
    with mini_racer() as racer:
        return await measure_async(lambda: racer.eval_cancelable("1 + 1"), 2)


@case
async def awaited_eval_1000() -> float:
    with mini_racer() as racer:
        return await measure_async(
            lambda: asyncio.gather(*[racer.eval_cancelable("1 + 1") for _ in range(inputs.AT_ONCE)]),
            [2] * inputs.AT_ONCE,
            per=inputs.AT_ONCE,
        )


@case
async def awaited_promise() -> float:
    with mini_racer() as racer:

        async def once() -> object:
            promise: Any = racer.eval("Promise.resolve(1)")
            return await promise

        return await measure_async(once, 1)


@case
async def awaited_call() -> float:
    with mini_racer() as racer:
        function: Any = racer.eval(inputs.ADD)
        add = function.cancelable()
        return await measure_async(lambda: add(1, 2), 3)


async def _async_host(source: str, expected: int, calls: int) -> float:
    with mini_racer() as racer:
        async with racer.wrap_py_function(inputs.later) as later:
            bind: Any = racer.eval("function_ => { globalThis.later = function_ }")
            bind(later)

            async def once() -> object:
                promise: Any = racer.eval(source)
                return await promise

            return await measure_async(once, expected, per=calls)


@case
async def async_host_sequence() -> float:
    return await _async_host(inputs.SEQUENCE, inputs.SEQUENCE_SUM, inputs.SEQUENCE_CALLS)


@case
async def async_host_parallel() -> float:
    return await _async_host(inputs.PARALLEL, inputs.PARALLEL_SUM, inputs.PARALLEL_CALLS)


def _json_to_python(payload: inputs.Payload) -> float:
    with MiniRacer() as racer:
        racer.eval(f"globalThis.data = {payload.js}; 0")
        return measure(lambda: racer.execute("data"), payload.value)


def _json_to_js(payload: inputs.Payload) -> float:
    with MiniRacer() as racer:
        value = payload.value
        racer.eval(f"globalThis.isRight = {payload.js_check}; globalThis.size = {inputs.SIZE}; 0")
        worker.check(racer.call("isRight", value), True)
        return measure(lambda: racer.call("size", value), len(value))


@case
def rows_to_python() -> float:
    return _json_to_python(inputs.ROWS)


@case
def rows_to_js() -> float:
    return _json_to_js(inputs.ROWS)


@case
def floats_to_python() -> float:
    return _json_to_python(inputs.FLOATS)


@case
def floats_to_js() -> float:
    return _json_to_js(inputs.FLOATS)


@case
def bytes_to_python() -> float:
    with MiniRacer() as racer:
        racer.eval(f"globalThis.data = {inputs.BYTES.js}; 0")

        def once() -> bytes:
            view: Any = racer.eval("data")
            return bytes(view)

        return measure(once, inputs.BYTES.value)


@case
def bytes_to_js() -> float:
    with MiniRacer() as racer:
        value = inputs.BYTES.value

        def once() -> int:
            view: Any = racer.eval(f"globalThis.data = new ArrayBuffer({len(value)})")
            view[:] = value
            return len(view)

        once()
        worker.check(racer.eval(f"({inputs.BYTES.js_check})(new Uint8Array(data))"), True)
        return measure(once, len(value))


@case
def text_to_python() -> float:
    with MiniRacer() as racer:
        racer.eval(f"globalThis.data = {inputs.TEXT.js}; 0")
        return measure(lambda: racer.eval("data"), inputs.TEXT.value)


@case
def text_to_js() -> float:
    with MiniRacer() as racer:
        value = inputs.TEXT.value
        is_right: Any = racer.eval(inputs.TEXT.js_check)
        worker.check(is_right(value), True)
        size: Any = racer.eval(inputs.SIZE)
        return measure(lambda: size(value), len(value))


@case
def memory_at_50() -> float:
    return worker.memory_at_50(MiniRacer, lambda racer: racer.eval("1 + 1"), MiniRacer.close)


@case
def isolates_200() -> float:
    return worker.isolates_200(MiniRacer, lambda racer: racer.eval("1 + 1"), MiniRacer.close)


@case
async def timeout_overshoot() -> float:
    samples = []
    for _ in range(3):
        with mini_racer() as racer:
            await racer.eval_cancelable("1 + 1")
            endless = asyncio.wait_for(racer.eval_cancelable(inputs.FOREVER), worker.TIMEOUT)
            samples.append(await worker.overshoot(endless, lambda error: isinstance(error, asyncio.TimeoutError)))
    return statistics.median(samples)


if __name__ == "__main__":
    worker.serve("mini-racer")
