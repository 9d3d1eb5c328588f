"""JsFunction: Python calls JavaScript."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from modes import Js, background, in_thread, outcome, soon

from jsrun import (
    ConversionError,
    DeadlockError,
    JavaScriptError,
    JavaScriptTimeout,
    JsFunction,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
    undefined,
)

MakeRuntime = Callable[..., Runtime]


async def test_a_call_gives_the_value(js: Js) -> None:
    add = await js.eval("(a, b) => a + b")
    assert await js.call(add, 2, 3) == 5
    assert await js.call(add, "a", "b") == "ab"


async def test_arguments_are_exactly_those_given(js: Js) -> None:
    count = await js.eval("(...args) => args")
    assert await js.call(count) == []
    assert await js.call(count, undefined, None) == [undefined, None]
    assert await js.call(count, *range(1000)) == list(range(1000))


async def test_a_promise_is_driven_to_its_end(js: Js) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.02)
        return "slept"

    js.rt.bind_function("slow", slow)
    assert await js.call(await js.eval("async n => (await n) + 1"), 1) == 2
    assert await js.call(await js.eval("() => slow()")) == "slept"
    assert await js.call(await js.eval("() => ({then(r) { r('thenable') }})")) == "thenable"


@pytest.mark.blocks_loop
async def test_a_result_still_pending_on_a_loop_thread_is_awaitable(rt: Runtime) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.02)
        return "slept"

    rt.bind_function("slow", slow)
    pending = (await rt.eval_async("() => slow()"))()
    assert inspect.isawaitable(pending)
    assert await pending == "slept"


@pytest.mark.blocks_loop
async def test_a_pending_result_on_a_loop_thread_may_fail_later(rt: Runtime) -> None:
    error = LookupError("gone")

    async def slow() -> None:
        await asyncio.sleep(0.02)
        raise error

    rt.bind_function("slow", slow)
    pending = rt.eval("async () => { await slow() }")()
    with pytest.raises(JavaScriptError) as caught:
        await pending
    assert caught.value.__cause__ is error


@pytest.mark.blocks_loop
async def test_a_result_settled_at_once_on_a_loop_thread_is_the_value(rt: Runtime) -> None:
    assert rt.eval("n => n + 1")(1) == 2


async def test_call_async_on_the_loop(rt: Runtime) -> None:
    double = await rt.eval_async("n => n * 2")
    assert await double.call_async(4) == 8
    assert asyncio.iscoroutine(pending := double.call_async(1))
    assert await pending == 2
    assert await asyncio.gather(*(double.call_async(n) for n in range(1000))) == [n * 2 for n in range(1000)]
    assert await asyncio.create_task(double.call_async(5)) == 10


def test_call_async_without_a_loop(rt: Runtime) -> None:
    double = rt.eval("n => n * 2")
    assert asyncio.run(double.call_async(4)) == 8
    with pytest.warns(RuntimeWarning, match="never awaited"):
        double.call_async(4)
        gc.collect()


async def test_a_call_from_another_thread(rt: Runtime) -> None:
    double = await rt.eval_async("n => n * 2")
    assert in_thread(lambda: double(4)) == 8


def test_calls_from_many_threads(rt: Runtime) -> None:
    rt.eval("globalThis.n = 0; 0")
    bump = rt.eval("() => n++")
    threads = [threading.Thread(target=lambda: [bump() for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rt.eval("n") == 800


def test_a_call_does_not_hold_the_gil(rt: Runtime) -> None:
    busy = rt.eval("() => { const end = Date.now() + 300; while (Date.now() < end); return 'done' }")
    with background(busy) as thread:
        ticks = 0
        while thread.is_alive():
            ticks += 1
            time.sleep(0.001)
    assert ticks > 30


async def test_the_receiver_of_a_method_is_kept(js: Js) -> None:
    counter = await js.eval(
        "({n: 1, get() { return this.n }, up() { this.n++; return this }, deep: {get() { return this.x }, x: 7}})"
    )
    assert await js.call(counter["get"]) == 1
    assert (await js.call(counter["up"]))["n"] == 2
    assert await js.call(counter["get"]) == 2
    assert await js.call(counter["deep"]["get"]) == 7


async def test_a_method_of_a_class_instance_in_an_array(js: Js) -> None:
    (push,) = await js.eval("[[].push]")
    assert isinstance(push, JsFunction)
    bound = await js.eval("const list = [1]; list.push.bind(list)")
    assert await js.call(bound, 5) == 2


async def test_passing_it_back_restores_the_same_function(js: Js) -> None:
    function = await js.eval("globalThis.f = () => 1; f")
    check = await js.eval("g => g === f")
    assert await js.call(check, function) is True
    inside = await js.eval("g => g.deep[0] === f")
    assert await js.call(inside, {"deep": [function]}) is True
    js.rt.bind_function("give", lambda: function)
    assert await js.eval("give() === f") is True


async def test_a_bound_method_passed_back_is_the_same_function(js: Js) -> None:
    owner = await js.eval("globalThis.owner = {n: 5, get() { return this.n }}; owner")
    check = await js.eval("g => g === owner.get")
    assert await js.call(check, owner["get"]) is True


async def test_a_python_function_comes_back_callable(js: Js) -> None:
    js.rt.bind_function("host", lambda n: n + 1)
    host = await js.eval("host")
    assert await js.call(host, 1) == 2


async def test_a_function_of_another_runtime_is_a_conversion_error(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    foreign = one.eval("() => 1")
    with pytest.raises(ConversionError, match=r"\$\[0\]"):
        other.eval("f => f()")(foreign)
    assert foreign() == 1


async def test_what_it_throws_is_raised(js: Js) -> None:
    function = await js.eval("function boom() { throw new RangeError('thrown') }; boom", filename="f.js")
    with pytest.raises(JavaScriptError, match="thrown") as caught:
        await js.call(function)
    assert caught.value.name == "RangeError"
    assert caught.value.frames[0]["function_name"] == "boom"


async def test_a_rejection_is_raised(js: Js) -> None:
    with pytest.raises(JavaScriptError, match="rejected"):
        await js.call(await js.eval("async () => { throw new Error('rejected') }"))


async def test_a_class_without_new_is_a_type_error_of_javascript(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.call(await js.eval("(class A {})"))
    assert caught.value.name == "TypeError"


async def test_an_argument_without_form_names_its_place(js: Js) -> None:
    function = await js.eval("(...args) => args.length")
    with pytest.raises(ConversionError, match=r"\$\[1\]\.a"):
        await js.call(function, 1, {"a": object()})
    assert await js.call(function, 1) == 1


@pytest.mark.parametrize("timeout", [1, 0.2, timedelta(milliseconds=200)], ids=repr)
async def test_a_timeout(js: Js, timeout: Any) -> None:
    busy = await js.eval("() => { for (;;); }")
    with pytest.raises(JavaScriptTimeout):
        await js.call(busy, timeout=timeout)
    assert await js.call(await js.eval("n => n"), 5, timeout=30) == 5


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError)],
)
async def test_a_bad_timeout(js: Js, timeout: Any, error: type[Exception]) -> None:
    function = await js.eval("() => 1")
    with pytest.raises(error, match="timeout"):
        await js.call(function, timeout=timeout)


async def test_an_unknown_keyword_is_a_type_error(js: Js) -> None:
    function = await js.eval("() => 1")
    with pytest.raises(TypeError):
        await js.call(function, colour="red")


async def test_a_result_that_nothing_can_settle_is_a_deadlock(rt: Runtime) -> None:
    never = rt.eval("() => new Promise(() => {})")
    with pytest.raises(DeadlockError):
        await never.call_async()
    with pytest.raises(DeadlockError):
        in_thread(never)


async def test_cancelling_a_call(rt: Runtime) -> None:
    busy = await rt.eval_async("() => { for (;;); }")
    task = asyncio.create_task(busy.call_async())
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await asyncio.wait_for(outcome(task), 5), asyncio.CancelledError)
    assert await rt.eval_async("1") == 1


async def test_a_call_inside_a_host_function(js: Js) -> None:
    js.rt.bind_function("apply", lambda f, *args: f(*args))
    assert await js.eval("apply((a, b) => a * b, 6, 7)") == 42
    assert await js.eval("apply(n => apply(m => m + 1, n), 1)") == 2


async def test_a_callback_kept_by_python_and_called_later(js: Js) -> None:
    kept: list[JsFunction] = []
    js.rt.bind_function("on", kept.append)
    await js.eval("globalThis.seen = []; on(value => { seen.push(value) }); 0")
    await js.call(kept[0], 1)
    await js.call(kept[0], 2)
    assert await js.eval("seen") == [1, 2]
    kept.clear()


# --- names and ends ---------------------------------------------------------------------------------------------


async def test_its_name_and_repr(js: Js) -> None:
    named = await js.eval("function greet() {}; greet")
    assert named.name == "greet"
    assert "greet" in repr(named)
    assert callable(named)
    assert (await js.eval("(() => {})")).name == ""


async def test_close_is_idempotent_and_final(js: Js) -> None:
    function = await js.eval("() => 1")
    function.close()
    function.close()
    with pytest.raises(RuntimeClosed):
        await js.call(function)
    other = await js.eval("() => 2")
    assert await js.call(other) == 2


async def test_close_may_be_awaited(rt: Runtime) -> None:
    function = await rt.eval_async("() => 1")
    await function.close()
    await function.close()
    with pytest.raises(RuntimeClosed):
        await function.call_async()


async def test_a_closed_function_as_argument_is_an_error(js: Js) -> None:
    function = await js.eval("() => 1")
    take = await js.eval("f => f()")
    function.close()
    with pytest.raises((RuntimeClosed, ConversionError)):
        await js.call(take, function)


async def test_after_the_runtime_closed(js: Js) -> None:
    function = await js.eval("() => 1")
    js.rt.close()
    with pytest.raises(RuntimeClosed):
        await js.call(function)
    function.close()
    del function
    gc.collect()


async def test_after_the_runtime_was_terminated(js: Js) -> None:
    function = await js.eval("() => 1")
    js.rt.terminate()
    with pytest.raises(RuntimeTerminated):
        await js.call(function)


async def test_close_of_the_runtime_ends_a_running_call(rt: Runtime) -> None:
    busy = await rt.eval_async("() => { for (;;); }")
    pending = asyncio.ensure_future(busy.call_async())
    await asyncio.sleep(0.05)
    await rt.aclose()
    assert isinstance(await asyncio.wait_for(outcome(pending), 5), RuntimeClosed)


BIG = "(() => { const big = new Array(1e5).fill(1.1); return () => big.length })()"


def test_dropped_functions_are_released(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_heap_size=64 * 1024 * 1024)
    for _ in range(300):
        assert rt.eval(BIG)() == 100_000


def test_closed_functions_are_released(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_heap_size=64 * 1024 * 1024)
    kept = []
    for _ in range(300):
        kept.append(rt.eval(BIG))
        kept[-1].close()
    assert rt.eval("1") == 1


def test_functions_dropped_in_another_thread_are_released(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_heap_size=64 * 1024 * 1024)
    for _ in range(300):
        box = [rt.eval(BIG)]
        in_thread(box.clear)
    assert rt.eval("1") == 1


def test_functions_in_a_reference_cycle_are_released(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_heap_size=64 * 1024 * 1024)
    for number in range(300):
        cycle: list[Any] = [rt.eval(BIG)]
        cycle.append(cycle)
        del cycle
        if number % 10 == 0:
            gc.collect()
    assert rt.eval("1") == 1


def test_a_function_outlives_the_name_of_its_runtime() -> None:
    with Runtime() as rt:
        function = rt.eval("n => n + 1")
        assert function(1) == 2
    with pytest.raises(RuntimeClosed):
        function(1)


async def test_functions_hear_of_a_thousand_callbacks(rt: Runtime) -> None:
    seen: list[int] = []
    rt.bind_function("note", seen.append)
    note = await rt.eval_async("n => note(n)")
    await asyncio.gather(*(note.call_async(n) for n in range(1000)))
    await soon(lambda: len(seen) == 1000)
    assert sorted(seen) == list(range(1000))
