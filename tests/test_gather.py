"""`asyncio.gather` over operations, which takes them as futures, and everybody else who takes them as coroutines."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from typing import Any

import pytest
from modes import in_thread, loop_kinds, run_on, running_loop

from jsrun import JavaScriptError, Runtime

MakeRuntime = Callable[..., Runtime]
on_each_loop = pytest.mark.parametrize("kind", loop_kinds())


@on_each_loop
def test_gather_makes_no_task_of_an_operation(rt: Runtime, kind: str) -> None:
    async def body() -> None:
        before = asyncio.all_tasks()
        gathered = asyncio.gather(*(rt.eval_async(f"{number}") for number in range(300)))
        assert asyncio.all_tasks() == before
        assert await gathered == list(range(300))

    run_on(kind, body)


@on_each_loop
def test_gather_gives_each_outcome(rt: Runtime, kind: str) -> None:
    async def body() -> None:
        codes = ["1", "throw new TypeError('no')", "new Promise((resolve) => setTimeout(resolve, 5, 3))", "await 4"]
        outcomes = await asyncio.gather(*map(rt.eval_async, codes), return_exceptions=True)
        assert [outcomes[0], *outcomes[2:]] == [1, 3, 4]
        assert isinstance(outcomes[1], JavaScriptError)
        with pytest.raises(JavaScriptError, match="no"):
            await asyncio.gather(*map(rt.eval_async, codes))

    run_on(kind, body)


@on_each_loop
def test_cancelling_gather_stops_the_javascript(rt: Runtime, kind: str) -> None:
    async def body() -> None:
        gathered = asyncio.gather(
            rt.eval_async("for (;;);"), rt.eval_async("new Promise(() => setTimeout(() => {}, 1e6))")
        )
        await asyncio.sleep(0.05)
        gathered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered
        assert await rt.eval_async("'goes on'") == "goes on"
        begun = asyncio.Event()
        rt.bind_function("begin", begun.set)
        several = asyncio.gather(rt.eval_async("begin(); for (;;);"), rt.eval_async("2"), return_exceptions=True)
        await begun.wait()
        several.cancel()
        with pytest.raises(asyncio.CancelledError):
            await several
        assert await rt.eval_async("'goes on'") == "goes on"

    run_on(kind, body)


async def test_one_cancelled_operation_is_an_outcome_of_gather(rt: Runtime) -> None:
    endless, quick = rt.eval_async("for (;;);"), rt.eval_async("1")
    gathered = asyncio.gather(endless, quick, return_exceptions=True)
    asyncio.get_running_loop().call_later(0.05, endless.close)
    outcomes = await gathered
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1] == 1


async def test_one_operation_may_be_gathered_twice_and_awaited(rt: Runtime) -> None:
    operation = rt.eval_async("new Promise((resolve) => setTimeout(resolve, 5, 'once'))")
    assert await asyncio.gather(operation, operation) == ["once", "once"]
    assert await asyncio.gather(operation) == ["once"]
    assert await operation == "once"


async def test_gather_among_coroutines_tasks_and_futures(rt: Runtime) -> None:
    async def both() -> int:
        return sum(await asyncio.gather(rt.eval_async("1"), rt.eval_async("2")))

    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "future")
    task = asyncio.create_task(rt.eval_async("'task'"))
    assert await asyncio.gather(both(), rt.eval_async("'operation'"), task, future) == [
        3,
        "operation",
        "task",
        "future",
    ]


def test_an_operation_made_without_a_loop_can_be_gathered(rt: Runtime) -> None:
    waiting = [rt.eval_async(f"{number}") for number in range(3)]

    async def body() -> list[Any]:
        return await asyncio.gather(*waiting)

    assert asyncio.run(body()) == [0, 1, 2]


async def test_others_get_a_task(rt: Runtime) -> None:
    operation = rt.eval_async("1")
    assert not asyncio.isfuture(operation)
    task = asyncio.ensure_future(operation)
    assert isinstance(task, asyncio.Task)
    done, pending = await asyncio.wait({task, asyncio.ensure_future(rt.eval_async("2"))})
    assert {one.result() for one in done} == {1, 2} and not pending
    assert sorted([await one for one in asyncio.as_completed([rt.eval_async("3"), rt.eval_async("4")])]) == [3, 4]
    assert await asyncio.wait_for(rt.eval_async("5"), 10) == 5
    assert await asyncio.shield(rt.eval_async("6")) == 6

    def gather(awaitable: Any) -> asyncio.Future[Any]:
        """No more than a name."""
        return asyncio.ensure_future(awaitable)

    assert isinstance(gather(rt.eval_async("7")), asyncio.Task)


async def test_a_host_function_of_a_gathered_operation_has_its_context(rt: Runtime) -> None:
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number")
    rt.bind_function("number", lambda: number.get())
    rt.bind_function("later", _later(number))

    def started(value: int) -> Any:
        number.set(value)
        return rt.eval_async("number() * 10 + await later()")

    started_in = [contextvars.copy_context().run(started, value) for value in range(20)]
    assert await asyncio.gather(*started_in) == [value * 11 for value in range(20)]


def _later(number: contextvars.ContextVar[int]) -> Callable[[], Any]:
    async def later() -> int:
        await asyncio.sleep(0)
        return number.get()

    return later


@on_each_loop
def test_what_waits_is_called_in_order_and_blocks_nobody(rt: Runtime, kind: str) -> None:
    async def body() -> None:
        ended: list[int] = []

        async def one(number: int) -> None:
            assert await rt.eval_async(f"{number}") == number
            # The isolate is needed again, while the others of the batch have not been told yet.
            assert rt.eval(f"{number} + 1") == number + 1
            ended.append(number)

        await asyncio.gather(*map(one, range(200)))
        assert ended == list(range(200))

    run_on(kind, body)


@on_each_loop
def test_a_callback_that_raises_is_told_to_the_loop_and_harms_no_other(rt: Runtime, kind: str) -> None:
    async def body() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
        operations = [rt.eval_async(f"{number}") for number in range(10)]
        for operation in operations[::2]:
            operation.add_done_callback(lambda _done: 1 / 0)
        assert await asyncio.gather(*operations) == list(range(10))
        assert [type(error) for error in told] == [ZeroDivisionError] * 5

    run_on(kind, body)


@on_each_loop
def test_an_exit_in_a_callback_ends_the_run_and_loses_no_other_callback(rt: Runtime, kind: str) -> None:
    called: list[int] = []

    def leave(_done: object) -> None:
        raise SystemExit(3)

    async def start() -> None:
        operations = [rt.eval_async(f"{number}") for number in range(10)]
        operations[3].add_done_callback(leave)
        for number, operation in enumerate(operations):
            operation.add_done_callback(lambda _done, number=number: called.append(number))
        # All have ended before the loop looks.
        time.sleep(0.2)
        await asyncio.sleep(10)

    async def wait() -> None:
        while len(called) < 10:
            await asyncio.sleep(0.01)

    with running_loop(kind) as loop:
        with pytest.raises(SystemExit) as raised:
            loop.run_until_complete(start())
        assert raised.value.code == 3
        loop.run_until_complete(wait())
    assert called == list(range(10))


@on_each_loop
@pytest.mark.parametrize("debug", [False, True])
def test_a_callback_runs_in_the_context_it_was_added_in(rt: Runtime, kind: str, debug: bool) -> None:
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)
    found: list[int] = []

    def look(_done: object) -> None:
        found.append(number.get())
        number.set(100)

    async def body() -> None:
        asyncio.get_running_loop().set_debug(debug)
        for value in range(1, 4):
            number.set(value)
            operation = rt.eval_async("1")
            operation.add_done_callback(look)
            await operation
            await asyncio.sleep(0.01)
        assert number.get() == 3

    run_on(kind, body)
    assert found == [1, 2, 3]


@on_each_loop
def test_an_operation_that_was_cancelled_before_a_loop_ran_calls_who_asks_later(rt: Runtime, kind: str) -> None:
    operation: Any = rt.eval_async("1")
    assert operation.cancel() and operation.cancelled()
    with pytest.raises(RuntimeError, match="no running event loop"):
        operation.add_done_callback(print)

    async def body() -> None:
        called: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        operation.add_done_callback(called.set_result)
        assert await asyncio.wait_for(called, 30) is operation

    run_on(kind, body)


@pytest.mark.parametrize("way", ["close", "cancel", "throw"])
def test_what_an_operation_drops_before_it_started_may_look_at_it(rt: Runtime, way: str) -> None:
    seen: list[str] = []
    operations: list[Any] = []

    class Argument:
        def __await__(self) -> Any:
            yield

        def __del__(self) -> None:
            seen.append(repr(operations[0]))

    def end() -> None:
        operation = operations[0]
        if way == "throw":
            with pytest.raises(KeyError):
                operation.throw(KeyError("no"))
        else:
            getattr(operation, way)()

    operations.append(rt.eval("x => x").call_async(Argument()))
    in_thread(end)
    assert len(seen) == 1 and seen[0].startswith("<jsrun call_async ")


@on_each_loop
def test_background_javascript_calls_nobody_in_the_context_of_a_request(rt: Runtime, kind: str) -> None:
    secret: contextvars.ContextVar[str] = contextvars.ContextVar("secret", default="unset")
    found: set[str] = set()

    async def later() -> None:
        await asyncio.sleep(0)

    async def request(number: int) -> None:
        secret.set(f"secret {number}")
        await rt.eval_async("for (let i = 0; i < 100; i++) await later();")

    async def body() -> None:
        rt.bind_function("later", later)
        rt.bind_function("background", lambda: found.add(secret.get()))
        await rt.eval_async("globalThis.every = setInterval(background, 1); 0")
        await asyncio.gather(*map(request, range(3)))
        await rt.eval_async("clearInterval(every)")

    run_on(kind, body)
    assert found == {"unset"}


def test_one_that_waits_may_run_the_loop_itself_for_another(rt: Runtime) -> None:
    second_ended = False
    rt.eval("globalThis.gate = new Promise((resolve) => { globalThis.open = resolve; }); 0")

    async def body() -> None:
        loop: Any = asyncio.get_running_loop()

        def turn(_done: object) -> None:
            # As loops do that were made to run inside themselves.
            deadline = loop.time() + 10
            while not second_ended and loop.time() < deadline:
                loop.call_later(0.1, int)
                loop._run_once()

        def end(_done: object) -> None:
            nonlocal second_ended
            second_ended = True

        first, second = rt.eval_async("gate"), rt.eval_async("gate")
        first.add_done_callback(turn)
        second.add_done_callback(end)
        rt.eval("open(1)")
        start = loop.time()
        assert await asyncio.gather(first, second) == [1, 1]
        assert second_ended and loop.time() < start + 9

    run_on("asyncio", body)


@on_each_loop
def test_debug_mode_calls_each_by_itself(rt: Runtime, kind: str) -> None:
    async def body() -> None:
        asyncio.get_running_loop().set_debug(True)
        assert await asyncio.gather(*(rt.eval_async(f"{number}") for number in range(50))) == list(range(50))

    run_on(kind, body)


@pytest.mark.parametrize("debug", [False, True])
def test_only_a_loop_in_debug_mode_has_an_entry_for_each(rt: Runtime, debug: bool) -> None:
    entries: list[Any] = []

    async def body() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.set_debug(debug)
        call_soon = loop.call_soon

        def count(callback: Any, *args: Any, **options: Any) -> asyncio.Handle:
            entries.extend(args)
            handle: asyncio.Handle = call_soon(callback, *args, **options)
            return handle

        loop.call_soon = count
        operations = [rt.eval_async(f"{number}") for number in range(50)]
        assert await asyncio.gather(*operations) == list(range(50))
        del loop.call_soon
        assert [operation in entries for operation in operations] == [debug] * 50

    run_on("asyncio", body)
