"""Module-level functions: one default runtime for each task, else for each thread, closed with its owner."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from modes import in_thread, run_on, soon, wait_until

import jsrun
from jsrun import Runtime


@pytest.fixture(autouse=True)
def closed_at_the_end(no_leaks: None) -> Iterator[None]:
    """The default runtime of the test's own thread goes with the test."""
    yield
    jsrun.close_default_runtime()


def test_eval_and_its_state() -> None:
    assert jsrun.eval("2 + 2") == 4
    jsrun.eval("globalThis.kept = 5; 0")
    assert jsrun.eval("kept") == 5
    assert jsrun.eval("await Promise.resolve(3)") == 3


def test_eval_takes_the_options_of_a_runtime() -> None:
    with pytest.raises(jsrun.JavaScriptTimeout):
        jsrun.eval("for (;;);", timeout=0.1)
    with pytest.raises(jsrun.JavaScriptError) as caught:
        jsrun.eval("throw new Error('x')", filename="module.js")
    assert "module.js" in str(caught.value.stack)


def test_bind_function_and_bind_object() -> None:
    seen: list[str] = []
    jsrun.bind_function("notify", seen.append)
    jsrun.eval("notify('hello')")
    assert seen == ["hello"]
    jsrun.bind_object("config", {"debug": True, "add": lambda a, b: a + b})
    assert jsrun.eval("[config.debug, config.add(1, 2)]") == [True, 3]


def test_the_default_runtime_is_one_runtime() -> None:
    rt = jsrun.get_default_runtime()
    assert isinstance(rt, Runtime)
    assert jsrun.get_default_runtime() is rt
    assert jsrun.eval("globalThis.x = 1; x") == rt.eval("x")


def test_close_makes_room_for_a_fresh_one() -> None:
    first = jsrun.get_default_runtime()
    jsrun.eval("globalThis.x = 1; 0")
    jsrun.close_default_runtime()
    assert first.is_closed()
    assert jsrun.eval("typeof x") == "undefined"
    assert jsrun.get_default_runtime() is not first


def test_close_without_a_default_runtime_is_harmless() -> None:
    jsrun.close_default_runtime()
    jsrun.close_default_runtime()


def test_a_default_runtime_closed_by_hand_is_replaced() -> None:
    jsrun.get_default_runtime().close()
    assert jsrun.eval("1 + 1") == 2


def test_each_thread_has_its_own() -> None:
    mine = jsrun.get_default_runtime()
    jsrun.eval("globalThis.x = 'main'; 0")

    def work() -> tuple[bool, object, object]:
        return jsrun.get_default_runtime() is mine, jsrun.eval("typeof x"), jsrun.eval("globalThis.x = 'thread'; x")

    assert in_thread(work) == (False, "undefined", "thread")
    assert jsrun.eval("x") == "main"


def test_it_closes_with_its_thread() -> None:
    rt = in_thread(jsrun.get_default_runtime)
    wait_until(rt.is_closed)


def test_it_closes_with_each_of_many_threads() -> None:
    runtimes: list[Runtime] = []
    threads = [threading.Thread(target=lambda: runtimes.append(jsrun.get_default_runtime())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({id(rt) for rt in runtimes}) == 8
    wait_until(lambda: all(rt.is_closed() for rt in runtimes))


async def test_eval_async_uses_the_runtime_of_its_task() -> None:
    assert await jsrun.eval_async("globalThis.x = await 5; x") == 5
    assert await jsrun.eval_async("x") == 5
    assert jsrun.get_default_runtime().eval("x") == 5


async def test_each_task_has_its_own() -> None:
    async def work(name: str) -> tuple[str, Runtime]:
        before = await jsrun.eval_async("typeof x")
        assert before == "undefined"
        await jsrun.eval_async(f"globalThis.x = '{name}'; 0")
        await asyncio.sleep(0.01)
        return await jsrun.eval_async("x"), jsrun.get_default_runtime()

    ends = await asyncio.gather(*(asyncio.create_task(work(name)) for name in "abc"))
    assert [name for name, _ in ends] == ["a", "b", "c"]
    assert len({id(rt) for _, rt in ends}) == 3


async def test_it_closes_with_its_task() -> None:
    async def work() -> Runtime:
        assert await jsrun.eval_async("1") == 1
        return jsrun.get_default_runtime()

    rt = await asyncio.create_task(work())
    await soon(rt.is_closed)


async def test_it_closes_with_a_task_that_fails_or_is_cancelled() -> None:
    seen: list[Runtime] = []

    async def fail() -> None:
        seen.append(jsrun.get_default_runtime())
        raise ZeroDivisionError

    async def hang() -> None:
        seen.append(jsrun.get_default_runtime())
        await jsrun.eval_async("for (;;);")

    failing, hanging = asyncio.create_task(fail()), asyncio.create_task(hang())
    await asyncio.sleep(0.1)
    hanging.cancel()
    await asyncio.gather(failing, hanging, return_exceptions=True)
    await soon(lambda: all(rt.is_closed() for rt in seen))
    assert len(seen) == 2


async def test_a_child_task_does_not_inherit_it() -> None:
    mine = jsrun.get_default_runtime()

    async def child() -> bool:
        return jsrun.get_default_runtime() is mine

    assert await asyncio.create_task(child()) is False
    assert not mine.is_closed()


async def test_host_functions_of_a_task() -> None:
    async def later(n: int) -> int:
        await asyncio.sleep(0)
        return n * 2

    jsrun.bind_function("later", later)
    assert await jsrun.eval_async("later(4)") == 8


def test_the_thread_keeps_its_own_beside_a_task() -> None:
    outside = jsrun.get_default_runtime()

    async def body() -> bool:
        return jsrun.get_default_runtime() is outside

    assert run_on("asyncio", body) is False
    assert jsrun.get_default_runtime() is outside
    assert not outside.is_closed()


def test_one_run_after_another() -> None:
    async def body() -> Runtime:
        assert await jsrun.eval_async("typeof x") == "undefined"
        await jsrun.eval_async("globalThis.x = 1; 0")
        return jsrun.get_default_runtime()

    first, second = run_on("asyncio", body), run_on("asyncio", body)
    assert first is not second
    wait_until(lambda: first.is_closed() and second.is_closed())


def test_eval_async_without_a_loop_may_be_run_later() -> None:
    assert asyncio.run(jsrun.eval_async("1 + 1")) == 2
