"""`RuntimePool`: one body for both forms, on every loop; then threads, several loops, cancellation, closing."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import leaks
import pytest
from modes import background, in_thread, new_loop, outcome, soon, wait_until

import jsrun
from jsrun import (
    DeadlockError,
    HeapLimitExceeded,
    JavaScriptError,
    JavaScriptTimeout,
    PoolStats,
    PoolTimeout,
    Runtime,
    RuntimeClosed,
    RuntimeConfig,
    RuntimePool,
    RuntimeTerminated,
)

ADD = "globalThis.uses = (globalThis.uses ?? 0) + 1"
LATER = "new Promise(resolve => setTimeout(resolve, 60000))"


class Form:
    """A pool as a task or a blocking program uses it: the same words in a test block or await."""

    def __init__(self, awaited: bool) -> None:
        self.awaited = awaited

    @asynccontextmanager
    async def open(self, *args: Any, **options: Any) -> AsyncIterator[RuntimePool]:
        pool = RuntimePool(*args, **options)
        if self.awaited:
            async with pool as opened:
                yield opened
        else:
            with pool as opened:
                yield opened

    @asynccontextmanager
    async def runtime(self, pool: RuntimePool, **options: Any) -> AsyncIterator[Runtime]:
        if self.awaited:
            async with pool.runtime(**options) as rt:
                yield rt
        else:
            with pool.runtime(**options) as rt:
                yield rt

    async def eval(self, on: RuntimePool | Runtime, code: str, **options: Any) -> Any:
        return await on.eval_async(code, **options) if self.awaited else on.eval(code, **options)


@pytest.fixture(params=["awaited", "blocking"])
def form(request: pytest.FixtureRequest) -> Form:
    return Form(request.param == "awaited")


async def rest(pool: RuntimePool, idle: int) -> PoolStats:
    """Wait until the pool is at rest with so many ready."""

    def resting() -> bool:
        now = pool.get_stats()
        return (now.idle, now.lent, now.coming, now.closing) == (idle, 0, 0, 0)

    await soon(resting)
    return pool.get_stats()


def living(pool: RuntimePool) -> int:
    """Runtimes that the pool has, in whichever state."""
    now = pool.get_stats()
    return now.idle + now.lent + now.coming + now.closing


# ---- what a use gets -------------------------------------------------------------------------------------------


async def test_every_use_gets_a_runtime_nobody_used(form: Form) -> None:
    seen = []
    async with form.open(size=2) as pool:
        for _ in range(5):
            async with form.runtime(pool) as rt:
                assert await form.eval(rt, ADD) == 1
                assert await form.eval(rt, ADD) == 2
                seen.append(rt)
        assert [await form.eval(pool, ADD) for _ in range(3)] == [1, 1, 1]
        await soon(lambda: pool.get_stats().closing == 0)
        assert all(rt.is_closed() for rt in seen)
    assert len(set(map(id, seen))) == 5


async def test_with_reuse_it_is_handed_out_as_it_was_left(form: Form) -> None:
    async with form.open(size=1, reuse=True) as pool:
        assert [await form.eval(pool, ADD) for _ in range(20)] == list(range(1, 21))
        assert [await form.eval(pool, f"await null; {ADD}") for _ in range(20)] == list(range(21, 41))
        assert (pool.get_stats().created, pool.get_stats().checkouts) == (1, 40)


async def test_a_runtime_is_used_as_often_as_allowed(form: Form) -> None:
    async with form.open(size=1, reuse=True, max_uses=3) as pool:
        assert [await form.eval(pool, ADD) for _ in range(7)] == [1, 2, 3, 1, 2, 3, 1]


async def test_without_reuse_max_uses_allows_one(form: Form) -> None:
    async with form.open(size=1, max_uses=3) as pool:
        assert [await form.eval(pool, ADD) for _ in range(3)] == [1, 1, 1]


async def reset_later(rt: Runtime) -> None:
    await asyncio.sleep(0)
    await rt.eval_async("uses = 10")


@pytest.mark.parametrize(
    "reset", ["uses = 10", lambda rt: rt.eval("uses = 10"), lambda rt: rt.eval_async("uses = 10"), reset_later]
)
async def test_reset_runs_between_two_uses(form: Form, reset: Any) -> None:
    async with form.open(size=1, reuse=True, reset=reset) as pool:
        assert [await form.eval(pool, ADD) for _ in range(3)] == [1, 11, 11]
        assert pool.get_stats().created == 1


@pytest.mark.parametrize("reset", ["throw new Error('no')", lambda rt: 1 // 0, lambda rt: rt.terminate()])
async def test_a_runtime_whose_reset_fails_is_replaced(form: Form, reset: Any) -> None:
    async with form.open(size=1, reuse=True, reset=reset) as pool:
        assert [await form.eval(pool, ADD) for _ in range(3)] == [1, 1, 1]


async def test_a_failing_reset_shows_in_the_statistics(form: Form) -> None:
    async with form.open(size=1, reuse=True, reset="throw new Error('no')") as pool:
        await form.eval(pool, "1")
        await soon(lambda: pool.get_stats().failures == 1)
        # Below Python 3.11 the text has the JavaScript stack as well.
        assert (pool.get_stats().last_failure or "").splitlines()[0] == "JavaScriptError: Error: no"


async def set_up_later(rt: Runtime) -> None:
    await asyncio.sleep(0)
    await rt.eval_async("globalThis.ready = 7")


def snapshot() -> bytes:
    builder = jsrun.SnapshotBuilder()
    builder.execute_script("ready.js", "globalThis.ready = 7")
    return builder.build()


@pytest.mark.parametrize(
    "setup",
    [lambda rt: rt.eval("globalThis.ready = 7"), lambda rt: rt.eval_async("globalThis.ready = 7"), set_up_later],
)
async def test_setup_prepares_each_runtime(form: Form, setup: Any) -> None:
    async with form.open(size=2, setup=setup) as pool:
        assert [await form.eval(pool, "ready++") for _ in range(4)] == [7] * 4


@pytest.mark.blocks_loop
async def test_setup_may_be_a_snapshot(form: Form) -> None:
    async with form.open(size=1, setup=snapshot()) as pool:
        assert [await form.eval(pool, "ready++") for _ in range(3)] == [7] * 3


async def test_setup_binds_python_functions(form: Form) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    async with form.open(size=1, setup=lambda rt: rt.bind_function("answer", answer)) as pool:
        assert [await form.eval(pool, "answer()") for _ in range(3)] == [42] * 3


async def test_the_configuration_is_that_of_every_runtime(form: Form) -> None:
    async with form.open(size=1, config=RuntimeConfig(bootstrap="globalThis.first = 1", timeout=0.05)) as pool:
        assert await form.eval(pool, "first") == 1
        with pytest.raises(JavaScriptTimeout):
            await form.eval(pool, "for (;;) {}")


# ---- what goes wrong -------------------------------------------------------------------------------------------


async def test_a_checkout_raises_what_setup_raised_and_the_pool_recovers(form: Form) -> None:
    errors = [KeyError(number) for number in range(4)]
    left = list(errors)

    def setup(rt: Runtime) -> None:
        if left:
            raise left.pop(0)
        rt.eval("globalThis.ready = 7")

    async with form.open(size=1, setup=setup) as pool:
        raised = []
        while left:
            with pytest.raises(KeyError) as failure:
                async with form.runtime(pool):
                    raise AssertionError("not reached")
            raised.append(failure.value)
        # One by one, each to whoever asked; one may have gone to nobody, before anyone did.
        assert all(any(error is one for one in errors) for error in raised)
        assert await form.eval(pool, "ready") == 7
        assert pool.get_stats().failures == 4
        assert pool.get_stats().last_failure == "KeyError: 3"


async def test_a_broken_setup_is_not_tried_without_end(form: Form) -> None:
    tries = 0

    async def setup(rt: Runtime) -> None:
        nonlocal tries
        tries += 1
        raise OSError("still broken")

    async with form.open(size=(3, 8), setup=setup) as pool:
        await soon(lambda: tries >= 3)
        await asyncio.sleep(0.03)
        # The reserve of three, once; then a pause that grows.
        assert tries == 3
        for _ in range(5):
            with pytest.raises(OSError, match="still broken"):
                await form.eval(pool, "1")
        assert tries == 8
        assert pool.get_stats().idle == 0


async def test_the_reserve_is_filled_once_setup_works_again(form: Form) -> None:
    broken = True

    def setup(rt: Runtime) -> None:
        if broken:
            raise OSError("broken")

    async with form.open(size=2, setup=setup) as pool:
        await soon(lambda: pool.get_stats().failures >= 2)
        broken = False
        assert (await rest(pool, 2)).checkouts == 0


async def test_everyone_who_waits_for_a_broken_setup_is_told() -> None:
    gate = asyncio.Event()

    async def setup(rt: Runtime) -> None:
        await gate.wait()
        raise OSError("broken")

    async with RuntimePool(size=2, setup=setup) as pool:
        tasks = [asyncio.ensure_future(outcome(pool.eval_async("1"))) for _ in range(10)]
        await soon(lambda: pool.get_stats().waiting == 10)
        gate.set()
        assert [type(error) for error in await asyncio.gather(*tasks)] == [OSError] * 10


@pytest.mark.parametrize(
    ("setup", "error"), [(lambda rt: rt.close(), RuntimeClosed), (lambda rt: rt.terminate(), RuntimeTerminated)]
)
async def test_a_setup_that_ends_its_runtime_has_failed(form: Form, setup: Any, error: type[Exception]) -> None:
    async with form.open(size=1, setup=setup) as pool:
        with pytest.raises(error, match="setup"):
            await form.eval(pool, "1")


async def test_setup_and_bootstrap_that_throw_in_javascript(form: Form) -> None:
    for options in ({"setup": lambda rt: rt.eval("null.x")}, {"config": RuntimeConfig(bootstrap="null.x")}):
        async with form.open(size=1, **options) as pool:
            with pytest.raises(JavaScriptError, match="null"):
                await form.eval(pool, "1")


async def test_what_the_body_raises_passes(form: Form) -> None:
    error = LookupError("mine")
    async with form.open(size=1, reuse=True) as pool:
        with pytest.raises(LookupError) as failure:
            async with form.runtime(pool):
                raise error
        assert failure.value is error
        with pytest.raises(JavaScriptError):
            await form.eval(pool, "null.x")
        assert await form.eval(pool, ADD) == 1
        assert pool.get_stats().created == 1


def grow(rt: Runtime) -> None:
    with pytest.raises(HeapLimitExceeded):
        rt.eval("const all = []; for (;;) all.push(new Array(1000).fill(all.length))")


def run_too_long(rt: Runtime) -> None:
    with pytest.raises(JavaScriptTimeout):
        rt.eval("for (;;) {}", timeout=0.02)


@pytest.mark.blocks_loop
@pytest.mark.parametrize("spoil", [lambda rt: rt.terminate(), lambda rt: rt.close(), grow, run_too_long])
async def test_a_stopped_runtime_is_replaced(form: Form, spoil: Callable[[Runtime], None]) -> None:
    async with form.open(size=1, reuse=True, config=RuntimeConfig(max_heap_size=16 << 20)) as pool:
        async with form.runtime(pool) as rt:
            await form.eval(rt, ADD)
            spoil(rt)
        assert [await form.eval(pool, ADD) for _ in range(2)] == [1, 2]
        assert pool.get_stats().created == 2


@pytest.mark.parametrize("spoil", [Runtime.terminate, Runtime.close])
async def test_a_runtime_that_was_kept_and_ended_while_idle_is_replaced(
    form: Form, spoil: Callable[[Runtime], None]
) -> None:
    async with form.open(size=1, reuse=True) as pool:
        async with form.runtime(pool) as kept:
            await form.eval(kept, ADD)
        await rest(pool, 1)
        spoil(kept)
        assert await form.eval(pool, ADD) == 1


async def test_a_runtime_that_comes_back_busy_is_replaced() -> None:
    async with RuntimePool(size=1, reuse=True) as pool:
        async with pool.runtime() as rt:
            stray = asyncio.ensure_future(rt.eval_async(LATER))
            await rt.eval_async("1")
        assert await pool.eval_async("typeof globalThis.uses") == "undefined"
        assert pool.get_stats().created == 2
        assert isinstance(await outcome(stray), RuntimeClosed)


async def test_a_runtime_whose_body_was_cancelled_is_replaced() -> None:
    async with RuntimePool(size=1, reuse=True) as pool:
        task = asyncio.ensure_future(pool.eval_async(f"globalThis.uses = 5; {LATER}"))
        await soon(lambda: pool.get_stats().lent == 1)
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        assert await pool.eval_async(ADD) == 1


# ---- waiting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0.02, datetime.timedelta(milliseconds=20)])
async def test_waiting_ends_at_its_timeout(form: Form, timeout: Any) -> None:
    async with form.open(size=1) as pool:
        async with form.runtime(pool) as rt:
            with pytest.raises(PoolTimeout, match="1 of 1 in use") as failure:
                async with form.runtime(pool, timeout=timeout):
                    raise AssertionError("not reached")
            assert isinstance(failure.value, TimeoutError)
            assert await form.eval(rt, "1") == 1
        assert await form.eval(pool, ADD, timeout=20) == 1
        stats = pool.get_stats()
        assert (stats.timeouts, stats.waiting, stats.cancelled) == (1, 0, 0)


async def test_the_timeout_of_an_evaluation_is_for_waiting_and_running(form: Form) -> None:
    async with form.open(size=1) as pool:
        async with form.runtime(pool):
            with pytest.raises(PoolTimeout):
                await form.eval(pool, "1", timeout=0.02)
        with pytest.raises(JavaScriptTimeout):
            await form.eval(pool, "for (;;) {}", timeout=0.2)
        assert await form.eval(pool, "1", timeout=float("inf")) == 1


async def test_a_wait_is_in_the_statistics(form: Form) -> None:
    async with form.open(size=1) as pool:
        await form.eval(pool, "1")
        await form.eval(pool, "1")
        stats = pool.get_stats()
        assert 0 < stats.longest_wait_ms <= stats.total_wait_ms
        assert (stats.least, stats.most, stats.checkouts) == (1, 1, 2)


async def test_who_waits_longest_is_first() -> None:
    order: list[int] = []

    async def use(number: int) -> None:
        async with pool.runtime():
            order.append(number)
            await asyncio.sleep(0)

    async with RuntimePool(size=1, reuse=True) as pool:
        async with pool.runtime():
            tasks = []
            for number in range(30):
                tasks.append(asyncio.ensure_future(use(number)))
                await asyncio.sleep(0)
        # Whoever comes now does not overtake.
        await asyncio.gather(use(30), *tasks)
    assert order == list(range(31))


@pytest.mark.parametrize("reuse", [False, True])
async def test_a_thousand_tasks_on_four_runtimes(reuse: bool) -> None:
    alive: list[int] = []

    async def use(number: int) -> int:
        async with pool.runtime() as rt:
            alive.append(living(pool))
            result: int = await rt.eval_async(f"await null; {number}")
            return result

    async with RuntimePool(size=4, reuse=reuse) as pool:
        assert await asyncio.gather(*map(use, range(1000))) == list(range(1000))
        stats = pool.get_stats()
        assert (stats.checkouts, stats.waiting, stats.lent) == (1000, 0, 0)
        assert stats.created == 4 if reuse else stats.created >= 1000
    assert max(alive) <= 4


async def test_a_cancelled_waiter_swallows_no_runtime() -> None:
    async with RuntimePool(size=1) as pool:
        async with pool.runtime():
            tasks = [asyncio.ensure_future(outcome(pool.eval_async(f"{number}"))) for number in range(20)]
            await soon(lambda: pool.get_stats().waiting == 20)
            for task in tasks[::2]:
                task.cancel()
        results = await asyncio.gather(*tasks)
        assert results[1::2] == list(range(1, 20, 2))
        assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
        assert pool.get_stats().cancelled == 10


async def test_a_waiter_cancelled_when_it_was_just_served_hands_on_an_unused_runtime() -> None:
    async with RuntimePool(size=1) as pool:
        async with pool.runtime():
            first, second = (asyncio.ensure_future(outcome(pool.eval_async(ADD))) for _ in range(2))
            await soon(lambda: pool.get_stats().waiting == 2)
        # Seen before the task that was served has had its turn.
        while pool.get_stats().lent == 0:
            await asyncio.sleep(0)
        first.cancel()
        assert isinstance(await first, asyncio.CancelledError)
        assert await second == 1
        stats = pool.get_stats()
        assert (stats.cancelled, stats.checkouts) == (1, 2)


async def test_a_checkout_cancelled_while_its_runtime_is_made() -> None:
    gate = asyncio.Event()

    async def setup(rt: Runtime) -> None:
        await gate.wait()

    async with RuntimePool(size=1, setup=setup) as pool:
        task = asyncio.ensure_future(pool.eval_async("1"))
        await soon(lambda: pool.get_stats().coming == 1)
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        gate.set()
        assert (await rest(pool, 1)).created == 1
        assert await pool.eval_async(ADD) == 1


async def test_waits_that_end_all_the_time_lose_nothing() -> None:
    """Timeouts and cancellations meet grants in every order; in the end all runtimes are there."""

    async def use(number: int) -> None:
        try:
            async with pool.runtime(timeout=0.001 * (number % 7 + 1)):
                await asyncio.sleep(0.0005 * (number % 3))
        except PoolTimeout:
            pass

    async with RuntimePool(size=3, reuse=True) as pool:
        for _ in range(5):
            tasks = [asyncio.ensure_future(use(number)) for number in range(100)]
            for number, task in enumerate(tasks):
                if number % 5 == 0:
                    asyncio.get_running_loop().call_later(0.0003 * (number % 11), task.cancel)
            await asyncio.wait(tasks)
            for task in tasks:
                assert task.cancelled() or task.exception() is None
        assert (await rest(pool, 3)).waiting == 0
        assert pool.get_stats().created == 3


# ---- size ------------------------------------------------------------------------------------------------------


async def test_the_size_follows_the_load(form: Form) -> None:
    async with form.open(size=(1, 4), max_idle=0.05) as pool:
        await rest(pool, 1)
        async with form.runtime(pool), form.runtime(pool), form.runtime(pool):
            await soon(lambda: pool.get_stats().idle == 1)
            stats = pool.get_stats()
            assert (stats.lent, stats.coming, stats.created) == (3, 0, 4)
            async with form.runtime(pool):
                assert (pool.get_stats().idle, pool.get_stats().coming) == (0, 0)
        stats = await rest(pool, 1)
        assert stats.created - stats.closed == 1


async def test_idle_runtimes_beyond_the_least_end(form: Form) -> None:
    async with form.open(size=(0, 3), reuse=True, max_idle=0.05) as pool:
        assert (await rest(pool, 0)).created == 0
        async with form.runtime(pool), form.runtime(pool), form.runtime(pool):
            pass
        assert (await rest(pool, 0)).closed == 3
        assert await form.eval(pool, ADD) == 1


async def test_without_max_idle_they_stay(form: Form) -> None:
    async with form.open(size=(0, 2), reuse=True, max_idle=None) as pool:
        async with form.runtime(pool), form.runtime(pool):
            pass
        await rest(pool, 2)
        await asyncio.sleep(0.05)
        assert pool.get_stats().idle == 2


# ---- closing ---------------------------------------------------------------------------------------------------


async def test_closing_ends_runtimes_in_use_and_refuses_who_waits() -> None:
    async with RuntimePool(size=1) as pool:
        async with pool.runtime() as rt:
            running = asyncio.ensure_future(rt.eval_async("for (;;) {}"))
            waiting = [asyncio.ensure_future(outcome(pool.eval_async("1"))) for _ in range(3)]
            await soon(lambda: pool.get_stats().waiting == 3)
            await pool.aclose()
            assert rt.is_closed()
            assert isinstance(await outcome(running), RuntimeClosed)
            assert [type(error) for error in await asyncio.gather(*waiting)] == [RuntimeClosed] * 3
        assert pool.is_closed()
        with pytest.raises(RuntimeClosed, match="pool"):
            await pool.eval_async("1")
        stats = pool.get_stats()
        assert stats.created == stats.closed
        assert (stats.idle, stats.lent, stats.closing) == (0, 0, 0)
        await pool.aclose()
        pool.close()


async def test_closing_leaves_no_task_thread_or_runtime(form: Form) -> None:
    before = leaks.live_runtimes()
    async with form.open(size=(2, 6), max_idle=60) as pool:
        for _ in range(5):
            await form.eval(pool, "1")
        async with form.runtime(pool), form.runtime(pool):
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [thread.name for thread in threading.enumerate() if "pool" in thread.name] == []
    # The count is of threads; they end soon after their isolates.
    await soon(lambda: leaks.live_runtimes() == before)
    assert pool.is_closed()


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.01])
async def test_a_task_may_close_its_pool_blocking(pause: float) -> None:
    async with RuntimePool(size=(2, 4), reuse=True) as pool:
        await asyncio.sleep(pause)
        async with pool.runtime() as rt:
            tasks = [asyncio.ensure_future(outcome(work)) for work in (pool.eval_async(LATER), rt.eval_async(LATER))]
            await asyncio.sleep(0)
            pool.close()
            assert [type(error) for error in await asyncio.gather(*tasks)] == [RuntimeClosed] * 2
    stats = pool.get_stats()
    assert (stats.idle, stats.lent, stats.coming, stats.closing, stats.waiting) == (0, 0, 0, 0, 0)
    assert stats.created == stats.closed


async def test_closing_cancels_a_setup(form: Form) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def setup(rt: Runtime) -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with form.open(size=2, setup=setup):
        await soon(begun.is_set)
    assert ended.is_set()


async def test_closing_stops_a_setup_that_runs_javascript() -> None:
    begun = threading.Event()

    def setup(rt: Runtime) -> None:
        begun.set()
        rt.eval("for (;;) {}")

    with RuntimePool(size=1, setup=setup) as pool:
        await soon(begun.is_set)
        pool.close()


async def test_closing_at_once_makes_nothing_stay(form: Form) -> None:
    for _ in range(10):
        async with form.open(size=3):
            await asyncio.sleep(0)


async def test_a_setup_may_close_its_pool(form: Form) -> None:
    opened = threading.Event()

    async def setup(rt: Runtime) -> None:
        await soon(opened.is_set)
        await pool.aclose()

    async with form.open(size=1, setup=setup) as pool:
        opened.set()
        with pytest.raises(RuntimeClosed):
            await form.eval(pool, "1")


async def test_the_body_may_close_the_pool(form: Form) -> None:
    async with form.open(size=2) as pool:
        async with form.runtime(pool) as rt:
            if form.awaited:
                await pool.aclose()
            else:
                pool.close()
            assert rt.is_closed()


# ---- threads and loops -----------------------------------------------------------------------------------------


def work(pool: RuntimePool, times: int, results: list[int]) -> None:
    for _ in range(times):
        with pool.runtime(timeout=30) as rt:
            results.append(rt.eval(ADD))


def test_many_threads_share_a_pool() -> None:
    results: list[int] = []
    with RuntimePool(size=(1, 3)) as pool:
        threads = [threading.Thread(target=work, args=(pool, 10, results)) for _ in range(16)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert living(pool) <= 3
            threads[0].join(0.005)
            threads = [thread for thread in threads if thread.is_alive()] or threads[:1]
    assert results == [1] * 160


async def many(pool: RuntimePool, results: list[int]) -> None:
    results += await asyncio.gather(*(pool.eval_async(ADD, timeout=30) for _ in range(20)))


def on_loop(kind: str, pool: RuntimePool, results: list[int]) -> None:
    loop = new_loop(kind)
    try:
        loop.run_until_complete(many(pool, results))
    finally:
        loop.close()


def test_loops_and_threads_share_a_pool_of_threads() -> None:
    results: list[int] = []
    with RuntimePool(size=2) as pool:
        with background(lambda: on_loop("asyncio", pool, results)):
            with background(lambda: on_loop("asyncio", pool, results)):
                work(pool, 20, results)
        asyncio.run(many(pool, results))
    assert results == [1] * 80


async def test_loops_and_threads_share_a_pool_of_a_loop() -> None:
    results: list[int] = []
    async with RuntimePool(size=2) as pool:
        await asyncio.gather(
            asyncio.to_thread(on_loop, "asyncio", pool, results),
            asyncio.to_thread(work, pool, 20, results),
            many(pool, results),
        )
    assert results == [1] * 60


async def test_blocking_where_it_could_never_end_is_refused() -> None:
    async with RuntimePool(size=1) as pool:
        await rest(pool, 1)
        with pool.runtime() as rt:
            assert rt.eval(ADD) == 1
            with pytest.raises(DeadlockError, match="async with"):
                pool.eval("1")
        assert (await rest(pool, 1)).waiting == 0
        assert await pool.eval_async(ADD) == 1


async def test_a_pool_may_be_closed_from_another_thread() -> None:
    gate = asyncio.Event()

    async def setup(rt: Runtime) -> None:
        if pool.get_stats().created > 1:
            await gate.wait()

    async with RuntimePool(size=2, setup=setup) as pool:
        async with pool.runtime() as rt:
            waiting = asyncio.ensure_future(outcome(pool.eval_async("1")))
            await soon(lambda: pool.get_stats().waiting == 1)
            await asyncio.to_thread(pool.close)
            assert rt.is_closed()
            assert isinstance(await waiting, RuntimeClosed)


def test_a_thread_that_waits_is_told_when_the_pool_closes() -> None:
    def wait() -> None:
        with pytest.raises(RuntimeClosed):
            pool.eval("1")

    with RuntimePool(size=1) as pool, pool.runtime():
        with background(wait):
            wait_until(lambda: pool.get_stats().waiting == 1)
            pool.close()


def test_a_loop_that_closes_while_its_task_waits_keeps_no_runtime() -> None:
    async def ask() -> None:
        tasks.append(asyncio.ensure_future(outcome(pool.eval_async("1"))))
        while pool.get_stats().waiting == 0:
            await asyncio.sleep(0)

    tasks: list[Any] = []
    with RuntimePool(size=1) as pool:
        with pool.runtime():
            loop = asyncio.new_event_loop()
            loop.set_exception_handler(lambda *_: None)
            loop.run_until_complete(ask())
            loop.close()
        # It was first in the queue.
        assert pool.eval(ADD, timeout=20) == 1
        tasks.clear()
        gc.collect()
        assert pool.eval(ADD, timeout=20) == 1


def test_a_pool_whose_loop_is_gone_says_so() -> None:
    loop = asyncio.new_event_loop()
    pool = RuntimePool(size=1)
    loop.run_until_complete(pool.__aenter__())
    loop.run_until_complete(rest(pool, 1))
    loop.close()
    with pytest.raises(RuntimeClosed, match="loop"):
        pool.eval("1")
    pool.close()


def test_a_pool_is_made_in_one_thread_and_used_in_another() -> None:
    with RuntimePool(size=1) as pool:
        assert in_thread(lambda: pool.eval(ADD)) == 1


def test_setup_that_exits_does_not_take_the_pool_along() -> None:
    leave = [SystemExit(3)]

    def setup(rt: Runtime) -> None:
        if leave:
            raise leave.pop()

    with RuntimePool(size=1, setup=setup) as pool:
        first = None
        try:
            pool.eval("1")
        except SystemExit as error:
            first = error
        # It went to this checkout, or to nobody before it.
        assert first is None or first.code == 3
        assert pool.eval(ADD) == 1


async def test_setup_runs_in_the_context_of_whoever_opened_the_pool(form: Form) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []
    who.set("opener")
    async with form.open(size=1, setup=lambda rt: seen.append(who.get())) as pool:
        who.set("borrower")
        for _ in range(3):
            await form.eval(pool, "1")
    assert set(seen) == {"opener"}


def borrow(pool: RuntimePool, holder: list[object]) -> Iterator[Runtime]:
    with pool.runtime() as rt:
        yield rt


def test_a_generator_that_is_dropped_gives_its_runtime_back() -> None:
    with RuntimePool(size=1) as pool:
        generator = borrow(pool, [])
        next(generator)
        del generator
        assert pool.eval(ADD, timeout=20) == 1


def test_the_collector_gives_runtimes_back_wherever_it_runs() -> None:
    """In a cycle, the block is left when the collector runs: sometimes in the midst of another checkout."""

    def abandon_and_ask(pool: RuntimePool, allocations: int) -> None:
        gc.disable()
        holder: list[object] = []
        generator = borrow(pool, holder)
        holder.append(generator)
        next(generator)
        del holder, generator
        gc.set_threshold(allocations, 1, 1)
        gc.enable()
        with contextlib.suppress(PoolTimeout), pool.runtime(timeout=0.05):
            pass

    def body() -> None:
        with RuntimePool(size=1, reuse=True) as pool:
            for allocations in range(1, 60):
                abandon_and_ask(pool, allocations)
                gc.collect()
            assert pool.eval("1", timeout=20) == 1

    thresholds = gc.get_threshold()
    try:
        in_thread(body, 30)
    finally:
        gc.set_threshold(*thresholds)


# ---- use -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size": 0}, ValueError),
        ({"size": -1}, ValueError),
        ({"size": True}, TypeError),
        ({"size": 2.0}, TypeError),
        ({"size": "4"}, TypeError),
        ({"size": None}, TypeError),
        ({"size": (1, 2, 3)}, ValueError),
        ({"size": (3, 2)}, ValueError),
        ({"size": (0, 0)}, ValueError),
        ({"size": (-1, 2)}, ValueError),
        ({"size": (1, 2.5)}, TypeError),
        ({"config": {}}, TypeError),
        ({"setup": "globalThis.x = 1"}, TypeError),
        ({"setup": bytearray(b"x")}, TypeError),
        ({"setup": b"x", "config": RuntimeConfig(snapshot=b"y")}, ValueError),
        ({"reuse": 1}, TypeError),
        ({"reset": "1"}, ValueError),
        ({"reset": 1, "reuse": True}, TypeError),
        ({"max_uses": 0}, ValueError),
        ({"max_uses": 1.5}, TypeError),
        ({"max_idle": 0}, ValueError),
        ({"max_idle": -1}, ValueError),
        ({"max_idle": "1"}, TypeError),
        ({"max_idle": float("nan")}, ValueError),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as failure:
        RuntimePool(**options)
    (wrong, *_) = options
    assert wrong in str(failure.value)


@pytest.mark.parametrize(("timeout", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError), (True, TypeError)])
def test_wrong_timeouts_are_refused(timeout: Any, error: type[Exception]) -> None:
    with RuntimePool(size=1) as pool:
        for act in (pool.runtime, lambda **options: pool.eval("1", **options)):
            with pytest.raises(error, match="timeout"):
                act(timeout=timeout)


def test_a_snapshot_that_is_none_is_refused_at_the_checkout() -> None:
    with RuntimePool(size=1, setup=b"no snapshot") as pool, pytest.raises(jsrun.SnapshotError):
        pool.eval("1")


def test_a_pool_must_be_open_and_is_opened_once() -> None:
    pool = RuntimePool(size=1)
    for act in (pool.runtime, pool.get_stats, lambda: pool.eval("1")):
        with pytest.raises(RuntimeClosed, match="not open"):
            act()
    assert not pool.is_closed()
    assert repr(pool) == "<jsrun.RuntimePool 1..1 not open>"
    pool.close()
    with pool:
        pass
    with pytest.raises(RuntimeError, match="once"):
        with pool:
            pass


def test_a_lease_is_entered_once() -> None:
    with RuntimePool(size=1) as pool:
        lease = pool.runtime()
        with lease:
            pass
        with pytest.raises(RuntimeError, match="each use"):
            with lease:
                pass


async def test_the_state_is_shown(form: Form) -> None:
    async with form.open(size=(2, 5)) as pool:
        await rest(pool, 2)
        async with form.runtime(pool):
            await soon(lambda: pool.get_stats().idle == 2)
            assert repr(pool) == "<jsrun.RuntimePool 2..5 open idle=2 lent=1 coming=0 closing=0 waiting=0>"
    assert repr(pool) == "<jsrun.RuntimePool 2..5 closed idle=0 lent=0 coming=0 closing=0 waiting=0>"
    with pytest.raises(AttributeError):
        pool.get_stats().idle = 3  # type: ignore[misc]
