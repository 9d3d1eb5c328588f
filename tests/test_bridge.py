"""The way back to asyncio: many loops, threads and runs, debug mode, contexts, fairness, idleness."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import leaks
import pytest
from modes import PY311, background, in_thread, loop_kinds, new_loop, outcome, run_on, running_loop, soon

from jsrun import JavaScriptError, Runtime

MakeRuntime = Callable[..., Runtime]
on_each_loop = pytest.mark.parametrize("kind", loop_kinds())

# --- many loops -------------------------------------------------------------------------------------------------


@on_each_loop
def test_one_runtime_across_consecutive_runs(rt: Runtime, kind: str) -> None:
    for number in range(10):
        assert run_on(kind, lambda n=number: _sum(rt, n, 20)) == sum(range(number, number + 20))


async def _sum(rt: Runtime, start: int, count: int) -> int:
    return sum(await asyncio.gather(*(rt.eval_async(f"{start + n}") for n in range(count))))


@on_each_loop
def test_several_loops_in_several_threads_on_one_runtime(rt: Runtime, kind: str) -> None:
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for _ in range(5):
                assert run_on(kind, lambda: _sum(rt, start, 100)) == sum(range(start, start + 100))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


@on_each_loop
def test_a_waiter_on_one_loop_is_woken_from_another(rt: Runtime, kind: str) -> None:
    rt.eval("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    got: list[Any] = []

    async def wait() -> None:
        got.append(await rt.eval_async("gate"))

    async def wake() -> None:
        await asyncio.sleep(0.1)
        await rt.eval_async("open('across'); 0")

    with background(lambda: run_on(kind, wait)):
        run_on(kind, wake)
    assert got == ["across"]


def test_asyncio_and_uvloop_on_one_runtime_at_once(rt: Runtime) -> None:
    pytest.importorskip("uvloop")
    sums: list[int] = []
    with background(lambda: sums.append(run_on("uvloop", lambda: _sum(rt, 0, 500)))):
        sums.append(run_on("asyncio", lambda: _sum(rt, 0, 500)))
    assert sums == [sum(range(500))] * 2


@on_each_loop
def test_many_runtimes_on_one_loop(runtimes: MakeRuntime, kind: str) -> None:
    many = [runtimes() for _ in range(10)]

    async def body() -> list[Any]:
        return await asyncio.gather(*(rt.eval_async(f"{n} * 10") for n, rt in enumerate(many)))

    assert run_on(kind, body, may_block=False) == [n * 10 for n in range(10)]


@on_each_loop
def test_each_operation_belongs_to_its_own_loop_and_thread(rt: Runtime, kind: str) -> None:
    rt.bind_function("who", threading.get_ident)

    async def body() -> bool:
        return await rt.eval_async("who()") == threading.get_ident()

    assert run_on(kind, body)
    assert in_thread(lambda: run_on(kind, body))
    assert rt.eval("who()") == threading.get_ident()


# --- loops that end early ---------------------------------------------------------------------------------------


@on_each_loop
@pytest.mark.parametrize("code", ["gate", "const end = Date.now() + 300; while (Date.now() < end); 0", "1"])
def test_a_loop_closed_in_flight_harms_nobody(rt: Runtime, kind: str, code: str) -> None:
    rt.eval("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    pending: list[Any] = []

    async def start() -> None:
        pending.extend(rt.eval_async(code) for _ in range(10))

    loop = new_loop(kind)
    loop.run_until_complete(start())
    loop.close()
    rt.eval("open(1); 0")
    assert run_on(kind, lambda: _sum(rt, 0, 10)) == 45
    del loop
    pending.clear()
    gc.collect()
    assert rt.eval("1 + 1") == 2


@on_each_loop
def test_a_loop_stopped_and_run_again_loses_nothing(rt: Runtime, kind: str) -> None:
    async def start() -> Any:
        return asyncio.ensure_future(rt.eval_async("'kept'"))

    with running_loop(kind) as loop:
        pending = loop.run_until_complete(start())
        rt.eval("0")
        time.sleep(0.05)
        assert loop.run_until_complete(pending) == "kept"


@on_each_loop
def test_a_runtime_closed_between_two_runs_of_a_loop(kind: str) -> None:
    async def start(rt: Runtime) -> Any:
        return asyncio.ensure_future(rt.eval_async("for (;;);"))

    with running_loop(kind) as loop:
        with Runtime() as rt:
            pending = loop.run_until_complete(start(rt))
        assert type(loop.run_until_complete(outcome(pending))).__name__ == "RuntimeClosed"


@on_each_loop
def test_a_closed_loop_gives_its_descriptor_back(rt: Runtime, kind: str) -> None:
    run_on(kind, lambda: _sum(rt, 0, 3))
    gc.collect()
    before = leaks.Census.take()
    for _ in range(20):
        run_on(kind, lambda: _sum(rt, 0, 3))
    assert not leaks.settle(before).exceeds(before)


@on_each_loop
def test_a_closed_loop_is_freed(rt: Runtime, kind: str) -> None:
    loop = new_loop(kind)
    loop.run_until_complete(_sum(rt, 0, 3))
    loop.close()
    watch = weakref.ref(loop)
    del loop
    gc.collect()
    assert watch() is None


@on_each_loop
def test_a_host_coroutine_of_a_closed_loop_leaves_the_runtime_usable(rt: Runtime, kind: str) -> None:
    async def forever() -> None:
        await asyncio.sleep(3600)

    rt.bind_function("forever", forever)
    pending: list[Any] = []

    async def start() -> None:
        pending.append(asyncio.ensure_future(outcome(rt.eval_async("forever()"))))
        await asyncio.sleep(0.05)

    run_on(kind, start)
    assert run_on(kind, lambda: _sum(rt, 0, 10)) == 45


# --- debug mode -------------------------------------------------------------------------------------------------


async def test_debug_mode_reports_nothing_of_ours(rt: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    async def echo(value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    rt.bind_function("echo", echo)
    rt.bind_function("plain", lambda value: value)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        for _ in range(20):
            chunk = [rt.eval_async("[plain(1), {a: 'b'}]") for _ in range(50)]
            assert await asyncio.gather(*chunk) == [[1, {"a": "b"}]] * 50
            assert await rt.eval_async("Promise.all(Array.from({length: 50}, (_, i) => echo(i)))") == list(range(50))
        busy = asyncio.ensure_future(rt.eval_async("for (;;);"))
        await asyncio.sleep(0.3)
        busy.cancel()
        assert isinstance(await outcome(busy), asyncio.CancelledError)
        rows = "Array.from({length: 5000}, (_, i) => ({i, s: 'x' + i}))"
        assert len(await rt.eval_async(rows)) == 5000
    loop.set_debug(False)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.loops("asyncio")
async def test_debug_mode_sees_no_call_from_a_foreign_thread(runtimes: MakeRuntime) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    many = [runtimes() for _ in range(4)]
    for rt in many:
        rt.bind_function("host", lambda: 1)
    results = await asyncio.gather(*(rt.eval_async("host()") for rt in many for _ in range(25)))
    loop.set_debug(False)
    assert results == [1] * 100


# --- contextvars ------------------------------------------------------------------------------------------------

request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


async def test_each_operation_sees_the_context_of_its_caller(rt: Runtime) -> None:
    async def later() -> str:
        await asyncio.sleep(0.01)
        return request.get()

    rt.bind_function("now", request.get)
    rt.bind_function("later", later)

    async def ask(name: str) -> list[str]:
        request.set(name)
        result: list[str] = await rt.eval_async("Promise.all([now(), later()])")
        return result

    names = [f"r{n}" for n in range(20)]
    assert await asyncio.gather(*(asyncio.create_task(ask(name)) for name in names)) == [[name] * 2 for name in names]


async def test_the_context_is_taken_when_the_call_is_made(rt: Runtime) -> None:
    rt.bind_function("now", request.get)
    request.set("before")
    pending = rt.eval_async("now()")
    request.set("after")
    assert await pending == "before"


async def test_the_bridge_keeps_no_context_of_its_first_caller(rt: Runtime) -> None:
    class Payload:
        pass

    holder: contextvars.ContextVar[Payload | None] = contextvars.ContextVar("holder", default=None)
    payloads = [Payload()]
    watch = weakref.ref(payloads[0])

    async def first() -> None:
        holder.set(payloads.pop())
        await rt.eval_async("1")

    await asyncio.create_task(first())
    await rt.eval_async("2")
    await soon(lambda: gc.collect() >= 0 and watch() is None)


async def test_a_result_is_received_in_the_context_of_the_awaiting_task(rt: Runtime) -> None:
    async def ask(name: str) -> str:
        request.set(name)
        await rt.eval_async("1")
        return request.get()

    assert await asyncio.gather(ask("a"), ask("b")) == ["a", "b"]


# --- fairness ---------------------------------------------------------------------------------------------------


async def test_a_busy_sequential_await_loop_does_not_starve_others(rt: Runtime) -> None:
    ticks = 0

    async def ticker() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    task = asyncio.create_task(ticker())
    end = time.monotonic() + 1
    while time.monotonic() < end:
        assert await rt.eval_async("1") == 1
    task.cancel()
    assert ticks > 10


async def test_wait_for_around_an_endless_loop_of_awaits_fires(rt: Runtime) -> None:
    async def forever() -> None:
        while True:
            await rt.eval_async("1")

    start = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(forever(), 0.3)
    assert time.monotonic() - start < 3
    assert await rt.eval_async("2") == 2


@pytest.mark.skipif(not PY311, reason="asyncio.timeout came with Python 3.11")
async def test_a_timeout_around_an_endless_loop_of_awaits_fires(rt: Runtime) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            while True:
                await rt.eval_async("1")
    assert await rt.eval_async("2") == 2


async def test_a_busy_loop_of_host_calls_does_not_starve_others(rt: Runtime) -> None:
    rt.bind_function("host", lambda: 1)
    ticks = 0
    busy = asyncio.ensure_future(rt.eval_async("const end = Date.now() + 700; while (Date.now() < end) host(); 'done'"))
    while not busy.done():
        ticks += 1
        await asyncio.sleep(0.005)
    assert await busy == "done"
    assert ticks > 10


async def test_a_flood_of_results_is_drained_in_bounded_batches(rt: Runtime) -> None:
    pending = [asyncio.ensure_future(rt.eval_async("'x'.repeat(1000)")) for _ in range(5000)]
    assert all(len(text) == 1000 for text in await asyncio.gather(*pending))


async def test_tasks_take_turns_on_one_runtime(rt: Runtime) -> None:
    counts = [0] * 10

    async def work(number: int) -> None:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            await rt.eval_async("1")
            counts[number] += 1

    await asyncio.gather(*(work(number) for number in range(10)))
    assert min(counts) * 10 >= max(counts)


# --- idle -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 100])
def test_idle_runtimes_use_no_cpu(runtimes: MakeRuntime, count: int) -> None:
    for rt in [runtimes() for _ in range(count)]:
        assert rt.eval("1") == 1
    time.sleep(1)
    start = time.process_time()
    time.sleep(1)
    assert time.process_time() - start < 0.15


async def test_a_waiting_operation_uses_no_cpu(rt: Runtime) -> None:
    async def slow() -> str:
        await asyncio.sleep(1.5)
        return "slept"

    rt.bind_function("slow", slow)
    pending = [asyncio.ensure_future(rt.eval_async("slow()")) for _ in range(20)]
    await asyncio.sleep(0.3)
    start = time.process_time()
    await asyncio.sleep(1)
    assert time.process_time() - start < 0.15
    assert await asyncio.gather(*pending) == ["slept"] * 20


def test_a_blocked_thread_uses_no_cpu(rt: Runtime) -> None:
    async def slow() -> str:
        await asyncio.sleep(1.5)
        return "slept"

    rt.bind_function("slow", slow)
    with background(lambda: rt.eval("slow()")):
        time.sleep(0.3)
        start = time.process_time()
        time.sleep(1)
        assert time.process_time() - start < 0.15


async def test_the_loop_may_run_other_readers(rt: Runtime) -> None:
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, port)
        data, value = await asyncio.gather(reader.read(), rt.eval_async("1 + 1"))
        assert (data, value) == (b"", 2)
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_errors_keep_apart_when_many_end_at_once(rt: Runtime) -> None:
    pending = [rt.eval_async(f"if ({n} % 2) throw new Error('e{n}'); {n}") for n in range(200)]
    ends = await asyncio.gather(*pending, return_exceptions=True)
    for number, end in enumerate(ends):
        if number % 2:
            assert isinstance(end, JavaScriptError)
            assert end.message == f"e{number}"
        else:
            assert end == number


async def test_a_runtime_used_from_a_thread_while_the_loop_waits(rt: Runtime) -> None:
    done = threading.Event()

    def work() -> None:
        for number in range(200):
            assert rt.eval(f"{number}") == number
        done.set()

    with background(work):
        while not done.is_set():
            assert await asyncio.gather(*(rt.eval_async("'loop'") for _ in range(10))) == ["loop"] * 10
        await soon(done.is_set)
