"""JavaScript calls Python: functions, objects, ops; in every mode, on the right thread, with every way to fail."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import threading
import time
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js, background, in_thread, outcome, run_on, soon, wait_until, without_address

from jsrun import (
    ConversionError,
    DeadlockError,
    JavaScriptError,
    JavaScriptTimeout,
    JsrunError,
    PermissionDenied,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
    undefined,
)

MakeRuntime = Callable[..., Runtime]
request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


def chain(error: BaseException | None) -> list[BaseException]:
    """The error and everything it says caused it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__
    return found


# --- calls ------------------------------------------------------------------------------------------------------


async def test_a_sync_function(js: Js) -> None:
    js.rt.bind_function("add", lambda a, b: a + b)
    assert await js.eval("add(2, 3)") == 5
    assert await js.eval("[1, 2, 3].map(n => add(n, 1))") == [2, 3, 4]


async def test_an_async_function(js: Js) -> None:
    async def double(n: int) -> int:
        await asyncio.sleep(0.01)
        return n * 2

    js.rt.bind_function("double", double)
    assert await js.eval("double(4)") == 8
    assert await js.eval("const d = await double(5); d + 1") == 11
    assert await js.eval("double(1) instanceof Promise") is True
    assert await js.eval("Promise.all([1, 2, 3].map(n => double(n)))") == [2, 4, 6]


async def test_an_async_function_that_never_suspends(js: Js) -> None:
    async def at_once() -> str:
        return "at once"

    js.rt.bind_function("atOnce", at_once)
    assert await js.eval("atOnce()") == "at once"


async def test_async_calls_run_beside_each_other(js: Js) -> None:
    async def nap(n: int) -> int:
        await asyncio.sleep(0.2)
        return n

    js.rt.bind_function("nap", nap)
    start = time.monotonic()
    assert await js.eval("Promise.all(Array.from({length: 50}, (_, i) => nap(i)))") == list(range(50))
    assert time.monotonic() - start < 5


async def test_a_thousand_async_calls_at_once(js: Js) -> None:
    async def echo(n: int) -> int:
        await asyncio.sleep(0)
        return n

    js.rt.bind_function("echo", echo)
    assert await js.eval("Promise.all(Array.from({length: 1000}, (_, i) => echo(i)))") == list(range(1000))


async def test_a_thousand_sync_calls(js: Js) -> None:
    js.rt.bind_function("next", lambda n: n + 1)
    assert await js.eval("let n = 0; while (n < 1000) n = next(n); n") == 1000


async def test_missing_extra_and_undefined_arguments(js: Js) -> None:
    js.rt.bind_function("show", lambda a, b=7: [a, b])
    assert await js.eval("show(1)") == [1, 7]
    assert await js.eval("show(undefined, null)") == [undefined, None]
    assert await js.eval("try { show() } catch (e) { e.name }") == "TypeError"
    assert await js.eval("try { show(1, 2, 3) } catch (e) { e.name }") == "TypeError"
    js.rt.bind_function("count", lambda *args: len(args))
    assert await js.eval("count(...Array(500).keys())") == 500


async def test_none_and_undefined_results(js: Js) -> None:
    js.rt.bind_function("none", lambda: None)
    js.rt.bind_function("undef", lambda: undefined)
    assert await js.eval("[none() === null, undef() === undefined]") == [True, True]


async def test_a_function_of_javascript_as_argument(js: Js) -> None:
    js.rt.bind_function("twice", lambda f: f(f(1)))
    assert await js.eval("twice(n => n * 10)") == 100


async def test_the_name_and_the_last_binding_hold(js: Js) -> None:
    js.rt.bind_function("f", lambda: 1)
    assert await js.eval("[f.name, typeof f, f()]") == ["f", "function", 1]
    js.rt.bind_function("f", lambda: 2)
    assert await js.eval("f()") == 2


async def test_javascript_may_keep_and_replace_a_bound_function(js: Js) -> None:
    js.rt.bind_function("f", lambda: "python")
    await js.eval("globalThis.kept = f; globalThis.f = () => 'javascript'; 0")
    assert await js.eval("[kept(), f()]") == ["python", "javascript"]


# --- where and in which context ---------------------------------------------------------------------------------


async def test_a_sync_function_runs_on_the_calling_thread_in_its_context(js: Js) -> None:
    js.rt.bind_function("where", lambda: [threading.get_ident(), request.get()])
    request.set("mine")
    assert await js.eval("where()") == [threading.get_ident(), "mine"]
    assert await js.eval("Promise.resolve().then(() => where())") == [threading.get_ident(), "mine"]


async def test_an_async_function_runs_in_the_context_of_the_caller(js: Js) -> None:
    async def where() -> list[Any]:
        await asyncio.sleep(0)
        return [threading.get_ident(), request.get()]

    js.rt.bind_function("where", where)
    request.set("mine")
    thread, name = await js.eval("where()")
    assert name == "mine"
    assert thread == threading.get_ident() or not js.awaited


async def test_a_function_called_from_a_jsfunction_runs_with_its_caller(js: Js) -> None:
    js.rt.bind_function("where", lambda: [threading.get_ident(), request.get()])
    function = await js.eval("() => where()")
    request.set("caller")
    assert await js.call(function) == [threading.get_ident(), "caller"]


def test_each_thread_hears_its_own_calls(rt: Runtime) -> None:
    rt.bind_function("where", threading.get_ident)

    def work() -> bool:
        return all(rt.eval("where()") == threading.get_ident() for _ in range(100))

    with background(lambda: [in_thread(work) for _ in range(2)]):
        assert work()


async def test_changes_of_context_in_a_function_stay_inside(rt: Runtime) -> None:
    rt.bind_function("set", lambda name: [request.get(), request.set(name)][0])
    request.set("outer")
    assert await rt.eval_async("set('inner')") == "outer"
    assert request.get() == "outer"


async def test_background_javascript_calls_on_the_home_loop(rt: Runtime) -> None:
    seen: list[int] = []

    async def nap() -> None:
        await asyncio.sleep(0.1)

    rt.bind_function("nap", nap)
    rt.bind_function("note", lambda: seen.append(threading.get_ident()))
    await rt.eval_async("nap().then(() => note()); 0")
    await soon(lambda: seen)
    assert seen == [threading.get_ident()]


def test_background_javascript_calls_without_any_loop(rt: Runtime) -> None:
    seen: list[str] = []

    async def nap() -> None:
        await asyncio.sleep(0.05)

    rt.bind_function("nap", nap)
    rt.bind_function("note", seen.append)
    rt.eval("nap().then(() => note('later')); 0")
    wait_until(lambda: seen)
    assert seen == ["later"]


# --- exceptions -------------------------------------------------------------------------------------------------


async def test_an_uncaught_exception_is_the_very_cause(js: Js) -> None:
    raised: list[BaseException] = []

    def explode(key: str) -> None:
        raised.append(KeyError(key))
        raise raised[-1]

    js.rt.bind_function("explode", explode)
    for code in ("explode('k')", "Promise.resolve('k').then(explode)", "(async () => { explode('k') })()"):
        with pytest.raises(JavaScriptError) as caught:
            await js.eval(code)
        assert caught.value.name == "KeyError"
        assert caught.value.__cause__ is raised[-1]


async def test_an_exception_of_an_async_function_is_the_very_cause(js: Js) -> None:
    error = LookupError("gone")

    async def explode() -> None:
        await asyncio.sleep(0)
        raise error

    js.rt.bind_function("explode", explode)
    with pytest.raises(JavaScriptError, match="gone") as caught:
        await js.eval("explode()")
    assert caught.value.__cause__ is error
    assert await js.eval("explode().catch(e => [e.name, e.message, e instanceof Error])") == [
        "LookupError",
        "gone",
        True,
    ]


async def test_javascript_catches_name_and_message(js: Js) -> None:
    def explode() -> None:
        raise ValueError("wrong")

    js.rt.bind_function("explode", explode)
    caught = await js.eval("try { explode() } catch (e) { [e.name, e.message, e instanceof Error, String(e)] }")
    assert caught == ["ValueError", "wrong", True, "ValueError: wrong"]


async def test_a_rethrown_exception_keeps_its_identity(js: Js) -> None:
    error = ValueError("wrong")

    def explode() -> None:
        raise error

    js.rt.bind_function("explode", explode)
    for code in (
        "try { explode() } catch (e) { throw e }",
        "let held; try { explode() } catch (e) { held = e } Promise.reject(held)",
        "try { explode() } finally { 1 + 1 }",
    ):
        with pytest.raises(JavaScriptError) as caught:
            await js.eval(code)
        assert caught.value.__cause__ is error


async def test_an_exception_wrapped_by_javascript_is_in_the_chain(js: Js) -> None:
    error = ValueError("inner")

    def explode() -> None:
        raise error

    js.rt.bind_function("explode", explode)
    with pytest.raises(JavaScriptError, match="outer") as caught:
        await js.eval("try { explode() } catch (e) { throw new Error('outer', {cause: e}) }")
    assert chain(caught.value)[-1] is error


async def test_an_exception_that_is_swallowed_is_gone(js: Js) -> None:
    watch: list[Any] = []

    class Custom(Exception):
        pass

    def explode() -> None:
        error = Custom("big")
        watch.append(weakref.ref(error))
        raise error

    js.rt.bind_function("explode", explode)
    assert await js.eval("try { explode() } catch { 'swallowed' }") == "swallowed"
    js.rt.close()
    gc.collect()
    assert watch[0]() is None


class Mute(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError("no text")


ODD: list[tuple[type[BaseException], tuple[Any, ...]]] = [
    (Mute, ()),
    (Exception, ()),
    (ValueError, ("\ud800 \0 \U0001f600",)),
    (ValueError, ("x" * 1_000_000,)),
    (StopIteration, (5,)),
    (StopAsyncIteration, ()),
    (GeneratorExit, ()),
    (RecursionError, ("deep",)),
    (MemoryError, ()),
    (asyncio.CancelledError, ()),
    (asyncio.TimeoutError, ("mine",)),
    (JavaScriptTimeout, ("not ours",)),
    (RuntimeTerminated, ("not ours",)),
    (RuntimeClosed, ("not ours",)),
    (ConversionError, ("not ours",)),
    (UnicodeDecodeError, ("utf-8", b"\xff", 0, 1, "bad")),
    (OSError, (2, "no file")),
    (BaseException, ("base",)),
]


@pytest.mark.parametrize(("kind", "args"), ODD, ids=lambda part: part.__name__ if isinstance(part, type) else "")
async def test_whatever_a_sync_function_raises_reaches_javascript(
    js: Js, kind: type[BaseException], args: tuple[Any, ...]
) -> None:
    error = kind(*args)

    def explode() -> None:
        raise error

    js.rt.bind_function("explode", explode)
    if isinstance(error, Exception):
        name = await js.eval("try { explode(); 'nothing' } catch (e) { e.name }")
        assert name == type(error).__name__
    with pytest.raises(BaseException) as caught:
        await js.eval("explode()")
    assert error in chain(caught.value)
    if isinstance(error, Exception):
        assert isinstance(caught.value, JavaScriptError)
    assert await js.eval("1 + 1") == 2


@pytest.mark.parametrize(
    ("kind", "args"),
    [(kind, args) for kind, args in ODD if issubclass(kind, Exception)],
    ids=lambda part: part.__name__ if isinstance(part, type) else "",
)
async def test_whatever_an_async_function_raises_reaches_javascript(
    js: Js, kind: type[Exception], args: tuple[Any, ...]
) -> None:
    error = kind(*args)

    async def explode() -> None:
        await asyncio.sleep(0)
        raise error

    js.rt.bind_function("explode", explode)
    expected = "RuntimeError" if isinstance(error, StopIteration) else type(error).__name__
    assert await js.eval("explode().catch(e => e.name)") == expected
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("explode()")
    assert error in chain(caught.value)


async def test_an_async_function_that_raises_cancelled_rejects(js: Js) -> None:
    async def explode() -> None:
        raise asyncio.CancelledError

    js.rt.bind_function("explode", explode)
    assert await js.eval("explode().then(() => 'fine', e => e.name)") == "CancelledError"
    assert await js.eval("1") == 1


async def test_a_recursion_error_is_an_ordinary_error(js: Js) -> None:
    def down() -> None:
        down()

    js.rt.bind_function("down", down)
    assert await js.eval("try { down() } catch (e) { e.name }") == "RecursionError"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_raised_in_a_host_function_comes_out_of_blocking_eval(rt: Runtime, kind: type[BaseException]) -> None:
    error = kind("now")

    def leave() -> None:
        raise error

    rt.bind_function("leave", leave)
    for code in ("leave()", "try { leave() } catch { 'no' }", "try { leave() } finally { for (;;); }"):
        with pytest.raises(kind) as caught:
            rt.eval(code)
        assert caught.value is error
        assert rt.eval("1 + 1") == 2


async def test_host_errors_show_javascript_no_python_internals(js: Js) -> None:
    def explode() -> None:
        secret = "local secret"
        raise ValueError(f"wrong {len(secret)}")

    js.rt.bind_function("explode", explode)
    code = "try { explode() } catch (e) { [e.stack, Reflect.ownKeys(e).map(String), Object.keys(e)] }"
    stack, keys, enumerable = await js.eval(code, filename="user.js")
    assert "user.js" in stack
    assert ".py" not in stack and "secret" not in stack and "Traceback" not in stack
    assert set(keys) <= {"stack", "message", "name", "cause"}
    assert enumerable == []


# --- results ----------------------------------------------------------------------------------------------------


async def test_a_sync_function_may_return_an_awaitable(js: Js) -> None:
    class Later:
        def __await__(self) -> Any:
            return asyncio.sleep(0.01, "custom").__await__()

    js.rt.bind_function("coroutine", lambda: asyncio.sleep(0.01, "coroutine"))
    js.rt.bind_function("custom", Later)
    assert await js.eval("coroutine() instanceof Promise") is True
    assert await js.eval("coroutine()") == "coroutine"
    assert await js.eval("custom()") == "custom"


async def test_a_function_may_return_a_future_of_its_loop(rt: Runtime) -> None:
    loop = asyncio.get_running_loop()

    def start() -> Any:
        future = loop.create_future()
        loop.call_later(0.01, future.set_result, "f")
        return future

    rt.bind_function("start", start)
    rt.bind_function("task", lambda: loop.create_task(asyncio.sleep(0.01, "t")))
    assert await rt.eval_async("Promise.all([start(), task()])") == ["f", "t"]


async def test_an_async_callable_object_a_partial_and_a_method(js: Js) -> None:
    class Service:
        factor = 3

        async def __call__(self, n: int) -> int:
            await asyncio.sleep(0)
            return n * self.factor

        async def method(self, n: int) -> int:
            return n + self.factor

        @staticmethod
        def static(n: int) -> int:
            return -n

    service = Service()
    js.rt.bind_function("call", service)
    js.rt.bind_function("method", service.method)
    js.rt.bind_function("part", functools.partial(service.method, 10))
    js.rt.bind_function("fixed", service.static)
    js.rt.bind_function("make", dict)
    assert await js.eval("Promise.all([call(2), method(2), part(), fixed(2), make()])") == [6, 5, 13, -2, {}]


async def test_a_future_of_another_loop_is_an_error(rt: Runtime) -> None:
    other = asyncio.new_event_loop()
    rt.bind_function("foreign", other.create_future)
    ends = await asyncio.wait_for(
        rt.eval_async("(async () => { try { await foreign() } catch (e) { return e.name } })()"), 5
    )
    other.close()
    assert isinstance(ends, str)
    assert ends in {"RuntimeError", "ConversionError", "TypeError", "ValueError"}


@pytest.mark.parametrize("value", [object(), [1, object()], {"a": {"b": 1j}}, iter([])], ids=without_address)
async def test_a_result_without_form_in_javascript_is_an_error_there(js: Js, value: object) -> None:
    async def later() -> object:
        return value

    js.rt.bind_function("now", lambda: value)
    js.rt.bind_function("later", later)
    assert await js.eval("try { now() } catch (e) { e.name }") == "ConversionError"
    assert await js.eval("later().catch(e => e.name)") == "ConversionError"
    for code in ("now()", "later()"):
        with pytest.raises((JavaScriptError, ConversionError), match=r"\$") as caught:
            await js.eval(code)
        assert any(isinstance(error, ConversionError) for error in chain(caught.value))


async def test_a_coroutine_is_never_left_unawaited(js: Js) -> None:
    async def later() -> int:
        return 1

    js.rt.bind_function("list", lambda: [later(), object()])
    assert await js.eval("try { list() } catch (e) { e.name }") == "ConversionError"
    gc.collect()


async def test_arguments_without_form_in_python_are_an_error_in_javascript(js: Js) -> None:
    calls: list[object] = []
    js.rt.bind_function("host", calls.append)
    assert "$[0].a" in await js.eval("try { host({a: Symbol()}) } catch (e) { e.message }")
    assert calls == []


# --- nesting ----------------------------------------------------------------------------------------------------


async def test_python_called_from_javascript_may_evaluate_on_the_same_runtime(js: Js) -> None:
    js.rt.bind_function("again", lambda code: js.rt.eval(code))
    js.rt.bind_function("add", lambda a, b: a + b)
    assert await js.eval("again('add(1, 1)')") == 2
    assert await js.eval("""again("again('again(\\\\'add(2, 2)\\\\')')")""") == 4


async def test_a_promise_inside_a_nested_evaluation_is_driven(js: Js) -> None:
    js.rt.bind_function("again", lambda code: js.rt.eval(code))
    assert await js.eval("again('Promise.resolve(1).then(n => n + 1)')") == 2
    assert await js.eval("again('await 5')") == 5


async def test_an_async_function_may_evaluate_on_the_same_runtime(js: Js) -> None:
    async def again(code: str) -> Any:
        return await js.rt.eval_async(code)

    js.rt.bind_function("again", again)
    assert await js.eval("again('1 + 1')") == 2
    assert await js.eval("""again("again('again(\\\\'5\\\\')')")""") == 5
    assert await js.eval("Promise.all([again('1'), again('2'), again('again(\\'3\\')').then(String)])") == [1, 2, "3"]


async def test_an_error_passes_through_every_level(js: Js) -> None:
    error = KeyError("deep")

    def explode() -> None:
        raise error

    js.rt.bind_function("explode", explode)
    js.rt.bind_function("again", lambda code: js.rt.eval(code))
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("again('again(\"explode()\")')")
    assert chain(caught.value)[-1] is error


async def test_a_nested_timeout_ends_only_the_inner_evaluation(js: Js) -> None:
    def limited() -> str:
        try:
            js.rt.eval("for (;;);", timeout=0.1)
        except JavaScriptTimeout:
            return "inner"
        return "none"

    js.rt.bind_function("limited", limited)
    assert await js.eval("limited() + ' only'") == "inner only"


async def test_an_outer_timeout_ends_the_nested_evaluation_too(js: Js) -> None:
    js.rt.bind_function("again", lambda code: js.rt.eval(code))
    start = time.monotonic()
    with pytest.raises(JavaScriptTimeout):
        await js.eval("again('for (;;);')", timeout=0.3)
    assert time.monotonic() - start < 5
    assert await js.eval("1") == 1


async def test_twenty_levels_of_recursion(js: Js) -> None:
    js.rt.bind_function("down", lambda n: js.rt.eval(f"down({int(n) - 1}) + 1") if n else 0)
    assert await js.eval("down(20)") == 20


async def test_two_runtimes_call_each_other(js: Js, runtimes: MakeRuntime) -> None:
    other = runtimes()
    js.rt.bind_function("there", lambda code: other.eval(code))
    other.bind_function("back", lambda code: js.rt.eval(code))
    assert await js.eval('there(\'back("there(\\\\"1 + 1\\\\")") + 1\') + 1') == 4


async def test_two_runtimes_await_each_other(rt: Runtime, runtimes: MakeRuntime) -> None:
    other = runtimes()

    async def there(code: str) -> Any:
        return await other.eval_async(code)

    async def back(code: str) -> Any:
        return await rt.eval_async(code)

    rt.bind_function("there", there)
    other.bind_function("back", back)
    assert await rt.eval_async("there('back(\"1 + 1\").then(n => n + 1)').then(n => n + 1)") == 4
    both = await asyncio.gather(*(rt.eval_async("there('back(\"7\")')") for _ in range(50)))
    assert both == [7] * 50


async def test_a_getter_may_call_python_during_conversion(js: Js) -> None:
    js.rt.bind_function("host", lambda: "from python")
    assert await js.eval("({get a() { return host() }})") == {"a": "from python"}


async def test_another_operation_runs_while_an_async_function_waits(rt: Runtime) -> None:
    gate = asyncio.Event()

    async def wait() -> str:
        await gate.wait()
        return "released"

    rt.bind_function("wait", wait)
    rt.bind_function("open", gate.set)
    assert await asyncio.gather(rt.eval_async("wait()"), rt.eval_async("open(); 0")) == ["released", 0]


# --- cancellation and endings -----------------------------------------------------------------------------------


class Sleeper:
    """An async host function that says how it ended, and may fail while it cleans up."""

    def __init__(self, failing: bool = False) -> None:
        self.started = 0
        self.failing = failing
        self.ended: list[str] = []

    async def __call__(self) -> None:
        self.started += 1
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            if self.failing:
                raise ValueError("in cleaning up") from None
            raise


async def test_cancelling_the_task_cancels_the_coroutines_javascript_awaits(rt: Runtime) -> None:
    sleeper = Sleeper()
    rt.bind_function("sleep", sleeper)
    task = asyncio.create_task(rt.eval_async("Promise.all([sleep(), sleep()])"))
    await soon(lambda: sleeper.started == 2)
    task.cancel()
    assert isinstance(await asyncio.wait_for(outcome(task), 5), asyncio.CancelledError)
    await soon(lambda: sleeper.ended == ["cancelled"] * 2)
    assert await rt.eval_async("1 + 1") == 2


@pytest.mark.parametrize("failing", [False, True])
async def test_a_cancelled_call_is_no_unhandled_rejection(runtimes: Callable[..., Runtime], failing: bool) -> None:
    """Stopped while it runs, JavaScript has no handler yet. What cleaning up raises is still told."""
    heard: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=heard.append)
    sleeper = Sleeper(failing)
    rt.bind_function("sleep", sleeper)

    def stop() -> None:
        asyncio.get_running_loop().call_soon(task.cancel)

    rt.bind(stop)
    code = "sleep(); (async () => { try { await sleep() } finally { globalThis.after = 1 } })(); stop(); for (;;);"
    task = asyncio.ensure_future(rt.eval_async(code))
    assert isinstance(await outcome(task), asyncio.CancelledError)
    await soon(lambda: sleeper.ended == ["cancelled"] * 2)
    await soon(lambda: len(heard) == (2 if failing else 0))
    assert await rt.eval_async("after") == 1
    assert {error.message for error in heard} == ({"in cleaning up"} if failing else set())


async def test_cancelling_one_task_leaves_the_coroutines_of_another(rt: Runtime) -> None:
    first, second = Sleeper(), Sleeper()
    rt.bind_function("first", first)
    rt.bind_function("second", second)
    one = asyncio.create_task(rt.eval_async("first()"))
    two = asyncio.create_task(rt.eval_async("second()"))
    await soon(lambda: first.started and second.started)
    one.cancel()
    await outcome(one)
    await soon(lambda: first.ended)
    await asyncio.sleep(0.05)
    assert second.ended == []
    two.cancel()
    await outcome(two)
    await soon(lambda: second.ended)


async def test_a_timeout_cancels_the_coroutines_javascript_awaits(js: Js) -> None:
    sleeper = Sleeper()
    js.rt.bind_function("sleep", sleeper)
    with pytest.raises(JavaScriptTimeout):
        await js.eval("sleep()", timeout=0.2)
    await js.until(lambda: sleeper.ended == ["cancelled"])
    assert await js.eval("1") == 1


async def test_close_cancels_running_coroutines(rt: Runtime) -> None:
    sleeper = Sleeper()
    rt.bind_function("sleep", sleeper)
    pending = asyncio.ensure_future(rt.eval_async("sleep()"))
    await soon(lambda: sleeper.started)
    await rt.aclose()
    assert isinstance(await asyncio.wait_for(outcome(pending), 5), RuntimeClosed)
    await soon(lambda: sleeper.ended == ["cancelled"])


def test_close_cancels_coroutines_without_a_loop(rt: Runtime) -> None:
    sleeper = Sleeper()
    rt.bind_function("sleep", sleeper)
    with background(lambda: pytest.raises(RuntimeClosed, rt.eval, "sleep()")):
        wait_until(lambda: sleeper.started)
        rt.close()
    wait_until(lambda: sleeper.ended == ["cancelled"])


async def test_a_coroutine_that_refuses_to_be_cancelled_does_not_hold_up_its_task(rt: Runtime) -> None:
    async def stubborn() -> None:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                await asyncio.sleep(0.5)
            except asyncio.CancelledError:
                continue

    rt.bind_function("stubborn", stubborn)
    task = asyncio.create_task(rt.eval_async("stubborn()"))
    await asyncio.sleep(0.1)
    start = time.monotonic()
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    assert time.monotonic() - start < 1
    assert await asyncio.wait_for(rt.eval_async("1"), 5) == 1


async def test_a_sync_function_that_outlasts_the_timeout_still_ends_in_a_timeout(js: Js) -> None:
    js.rt.bind_function("slow", lambda: time.sleep(0.4))
    with pytest.raises(JavaScriptTimeout):
        await js.eval("slow(); for (;;);", timeout=0.1)
    assert await js.eval("1") == 1


async def test_a_function_may_close_its_own_runtime(js: Js) -> None:
    js.rt.bind_function("close", lambda: js.rt.close())
    with pytest.raises(RuntimeClosed):
        await js.eval("close(); for (;;);")
    assert js.rt.is_closed()


async def test_an_async_function_may_close_its_own_runtime(js: Js) -> None:
    async def close() -> None:
        await js.rt.aclose()

    js.rt.bind_function("close", close)
    with pytest.raises(RuntimeClosed):
        await js.eval("(async () => { await close(); for (;;); })()")
    assert js.rt.is_closed()


async def test_a_function_may_terminate_its_own_runtime(js: Js) -> None:
    js.rt.bind_function("stop", lambda: js.rt.terminate())
    with pytest.raises(RuntimeTerminated):
        await js.eval("try { stop(); for (;;); } catch { 'caught' } finally { for (;;); }")


async def test_a_getter_that_closes_the_runtime_during_conversion(js: Js) -> None:
    js.rt.bind_function("close", lambda: js.rt.close())
    with pytest.raises((RuntimeClosed, ConversionError)):
        await js.eval("[{get a() { close(); return 1 }, b: 2}, {get a() { return 3 }}]")
    assert js.rt.is_closed()


async def test_a_nested_evaluation_after_close_in_a_function_raises(js: Js) -> None:
    seen: list[type] = []

    def close_and_try() -> None:
        js.rt.close()
        try:
            js.rt.eval("1")
        except JsrunError as error:
            seen.append(type(error))

    js.rt.bind_function("go", close_and_try)
    with pytest.raises(RuntimeClosed):
        await js.eval("go()")
    assert seen == [RuntimeClosed]


def test_functions_are_released_with_the_runtime(rt: Runtime) -> None:
    class Callable_:
        def __call__(self) -> int:
            return 1

    one, two = Callable_(), Callable_()
    watches = [weakref.ref(one), weakref.ref(two)]
    rt.bind_function("f", one)
    rt.bind_object("o", {"g": two})
    assert rt.eval("f() + o.g()") == 2
    del one, two
    rt.close()
    gc.collect()
    assert [watch() for watch in watches] == [None, None]


# --- deadlock ---------------------------------------------------------------------------------------------------


@pytest.mark.blocks_loop
async def test_a_blocking_call_that_needs_its_own_loop_is_a_deadlock(rt: Runtime) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.05)
        return "slept"

    rt.bind_function("slow", slow)
    await rt.eval_async("globalThis.waiting = slow(); 0")
    start = time.monotonic()
    with pytest.raises(DeadlockError, match="eval_async"):
        rt.eval("waiting")
    assert time.monotonic() - start < 5
    assert await rt.eval_async("waiting") == "slept"


@pytest.mark.blocks_loop
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_blocking_call_that_a_timer_ends_is_none(isolation: str) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.01)
        return "slept"

    async with Runtime.create(isolation=isolation) as rt:
        rt.bind_function("slow", slow)
        await rt.eval_async("globalThis.waiting = slow(); 0")
        # Longer than it takes before anybody looks for a deadlock.
        assert rt.eval("new Promise((resolve) => setTimeout(resolve, 700, 'rung'))") == "rung"
        with pytest.raises(DeadlockError, match="eval_async"):
            rt.eval("waiting")
        assert await rt.eval_async("waiting") == "slept"


@pytest.mark.blocks_loop
async def test_a_blocking_call_on_a_loop_may_use_async_functions_of_its_own(rt: Runtime) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.05)
        return "slept"

    rt.bind_function("slow", slow)
    assert rt.eval("slow()") == "slept"
    assert rt.eval("const s = await slow(); s + '!'") == "slept!"


# --- names ------------------------------------------------------------------------------------------------------

GOOD_NAMES = ["a", "_a", "$", "$1", "camelCase", "größe", "名前", "x" * 1000, "of", "async", "get"]
BAD_NAMES = [
    "",
    " ",
    "a b",
    "1x",
    "a-b",
    "a.b",
    "a;globalThis.pwned = 1",
    "x']; globalThis.pwned = 1; ['",
    "a\n",
    "a\0",
    "\ud800",
    "class",
    "function",
    "null",
    "true",
    "this",
    "new",
    "let",
    "await",
    "enum",
    "(",
    "`",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_that_is_an_identifier(rt: Runtime, name: str) -> None:
    rt.bind_function(name, lambda: 1)
    assert rt.eval(f"{name}()") == 1


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_identifier_is_a_value_error(rt: Runtime, name: str) -> None:
    for call in (
        lambda: rt.bind_function(name, print),
        lambda: rt.bind(print, name=name),
        lambda: rt.bind_object(name, {}),
    ):
        with pytest.raises(ValueError, match="name|identifier|reserved"):
            call()
    assert rt.eval("typeof pwned") == "undefined"


@pytest.mark.parametrize("name", [None, 5, b"a", ["a"]], ids=repr)
def test_a_name_that_is_no_string_is_a_type_error(rt: Runtime, name: Any) -> None:
    for call in (lambda: rt.bind_function(name, print), lambda: rt.bind_object(name, {})):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("function", [None, 5, "print", object()], ids=without_address)
def test_what_cannot_be_called_is_a_type_error(rt: Runtime, function: Any) -> None:
    with pytest.raises(TypeError):
        rt.bind_function("f", function)
    with pytest.raises(TypeError):
        rt.register_op("f", function)


# --- bind -------------------------------------------------------------------------------------------------------


def test_bind_as_a_decorator(rt: Runtime) -> None:
    @rt.bind
    def plain(n: int) -> int:
        return n + 1

    @rt.bind()
    def called(n: int) -> int:
        return n + 2

    @rt.bind(name="renamed")
    def original(n: int) -> int:
        return n + 3

    assert (plain(1), called(1), original(1)) == (2, 3, 4)
    assert rt.eval("[plain(1), called(1), renamed(1), typeof original]") == [2, 3, 4, "undefined"]


def test_bind_as_a_call(rt: Runtime) -> None:
    def one() -> int:
        return 1

    assert rt.bind(one) is one
    assert rt.bind(one, name="other") is one
    assert rt.bind(lambda: 2, name="anonymous")() == 2
    assert rt.eval("[one(), other(), anonymous()]") == [1, 1, 2]


async def test_bind_of_an_async_function(rt: Runtime) -> None:
    @rt.bind
    async def later(n: int) -> int:
        await asyncio.sleep(0)
        return n * 2

    assert await rt.eval_async("later(3)") == 6
    assert await later(1) == 2


def test_bind_of_a_lambda_needs_a_name(rt: Runtime) -> None:
    with pytest.raises(ValueError, match="name|lambda"):
        rt.bind(lambda: 1)
    with pytest.raises((ValueError, TypeError), match="name"):
        rt.bind(functools.partial(print))


# --- bind_object ------------------------------------------------------------------------------------------------


async def test_an_object_of_data_functions_and_mappings(js: Js) -> None:
    async def later() -> str:
        return "later"

    js.rt.bind_object(
        "api",
        {
            "debug": True,
            "list": [1, {"a": 2}],
            "add": lambda a, b: a + b,
            "later": later,
            "a-b": "dashed",
            "deep": {"er": {"mul": lambda a, b: a * b, "n": 5}},
            "proxy": types.MappingProxyType({"f": lambda: "f"}),
        },
    )
    assert await js.eval("[api.debug, api.list[1].a, api.add(1, 2), api['a-b'], api.deep.er.mul(2, 3)]") == [
        True,
        2,
        3,
        "dashed",
        6,
    ]
    assert await js.eval("Promise.all([api.later(), api.deep.er.n, api.proxy.f()])") == ["later", 5, "f"]


def test_an_object_is_plain_to_javascript(rt: Runtime) -> None:
    rt.bind_object("api", {"b": 1, "a": 2})
    assert rt.eval("[Object.keys(api), Object.getPrototypeOf(api) === Object.prototype]") == [["b", "a"], True]


def test_an_object_with_keys_of_the_prototype(rt: Runtime) -> None:
    rt.bind_object("api", {"__proto__": {"polluted": 1}, "constructor": lambda: "mine", "toString": 5})
    assert rt.eval("[api.polluted, api.constructor(), api.toString, ({}).polluted]") == [
        undefined,
        "mine",
        5,
        undefined,
    ]
    assert rt.eval("Object.hasOwn(api, '__proto__')") is True


@pytest.mark.parametrize("obj", [object(), 5, None, [1], "text"], ids=without_address)
def test_an_object_that_is_no_mapping_is_a_type_error(rt: Runtime, obj: Any) -> None:
    with pytest.raises(TypeError):
        rt.bind_object("api", obj)


def test_an_object_with_a_value_without_form_names_it_and_binds_nothing(rt: Runtime) -> None:
    with pytest.raises(ConversionError, match=r"deep.*bad"):
        rt.bind_object("api", {"fine": 1, "deep": {"bad": object()}})
    assert rt.eval("typeof api") == "undefined"


class Service:
    """A service with public and private parts."""

    version = "1.0"
    _private = "secret"

    def __init__(self) -> None:
        self.count = 3
        self._hidden = "secret"
        self.__mangled = "secret"

    def add(self, n: int) -> int:
        self.count += n
        return self.count

    async def later(self) -> str:
        await asyncio.sleep(0)
        return "later"

    def _internal(self) -> str:
        return "secret"

    @classmethod
    def make(cls) -> str:
        return cls.__name__

    @property
    def size(self) -> int:
        return 7


async def test_attributes_of_any_object_on_request(js: Js) -> None:
    js.rt.bind_object("service", Service(), attributes=True)
    assert await js.eval("[service.version, service.count, service.size, service.make()]") == ["1.0", 3, 7, "Service"]
    assert await js.eval("[service.add(2), service.add(2)]") == [5, 7]
    assert await js.eval("service.later()") == "later"


def test_private_attributes_stay_private(rt: Runtime) -> None:
    rt.bind_object("service", Service(), attributes=True)
    names = rt.eval(
        "(() => { const n = []; for (let o = service; o; o = Object.getPrototypeOf(o))"
        "if (o !== Object.prototype) n.push(...Reflect.ownKeys(o).map(String)); return n })()"
    )
    assert sorted(names) == ["add", "count", "later", "make", "size", "version"]
    assert rt.eval("[service._private, service._hidden, service.__class__, service.__dict__]") == [undefined] * 4


def test_an_object_without_the_request_shows_no_attributes(rt: Runtime) -> None:
    with pytest.raises(TypeError):
        rt.bind_object("service", Service())


# --- ops and permissions ----------------------------------------------------------------------------------------


async def test_ops_of_both_modes(js: Js) -> None:
    async def later(n: int) -> int:
        await asyncio.sleep(0)
        return n * 2

    now = js.rt.register_op("now", lambda *args: list(args))
    then = js.rt.register_op("then", later, mode="async")
    assert isinstance(now, int) and isinstance(then, int)
    assert now != then
    assert await js.eval(f"__host_op_sync__({now}, 1, 'a')") == [1, "a"]
    assert await js.eval(f"__host_op_async__({then}, 4)") == 8
    assert await js.eval(f"__host_op_async__({then}, 4) instanceof Promise") is True


async def test_an_op_whose_permission_is_granted(runtimes: MakeRuntime) -> None:
    rt = runtimes(permissions=["time", "net"])
    one = rt.register_op("one", lambda: 7, permissions=["time"])
    two = rt.register_op("two", lambda: 8, permissions=("time", "net"))
    assert rt.eval(f"__host_op_sync__({one}) + __host_op_sync__({two})") == 15


@pytest.mark.parametrize("granted", [[], ["time"]])
async def test_an_op_whose_permission_is_missing_fails_on_both_sides(runtimes: MakeRuntime, granted: list[str]) -> None:
    calls: list[object] = []

    async def later(path: str) -> None:
        calls.append(path)

    rt = runtimes(permissions=granted)
    now = rt.register_op("read", calls.append, permissions=["fs"])
    then = rt.register_op("later", later, mode="async", permissions=["time", "fs"])
    for call in (f"__host_op_sync__({now}, '/etc')", f"__host_op_async__({then}, '/etc')"):
        with pytest.raises(JavaScriptError, match="fs") as caught:
            await rt.eval_async(call)
        assert caught.value.name == "PermissionDenied"
        assert isinstance(caught.value.__cause__, PermissionDenied)
        assert isinstance(caught.value.__cause__, PermissionError)
        name = await rt.eval_async(f"(async () => {{ try {{ await {call} }} catch (e) {{ return e.name }} }})()")
        assert name == "PermissionDenied"
    assert calls == []


async def test_an_exception_of_an_op_keeps_its_identity(js: Js) -> None:
    error = LookupError("gone")

    def explode() -> None:
        raise error

    op = js.rt.register_op("explode", explode)
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(f"__host_op_sync__({op})")
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("number", ["-1", "999999", "2 ** 40", "NaN", "'x'", "undefined", "{}", "Symbol()", "10n"])
async def test_an_unknown_op_is_an_ordinary_error(js: Js, number: str) -> None:
    js.rt.register_op("op", lambda: 1)
    for kind in ("sync", "async"):
        with pytest.raises(JavaScriptError):
            await js.eval(f"__host_op_{kind}__({number})")
    assert await js.eval("1") == 1


def test_a_duplicate_op_and_a_bad_mode_are_value_errors(rt: Runtime) -> None:
    rt.register_op("op", print)
    with pytest.raises(ValueError, match="op"):
        rt.register_op("op", print)
    with pytest.raises(ValueError, match="turbo"):
        rt.register_op("other", print, mode="turbo")  # type: ignore[arg-type]


@pytest.mark.parametrize("permissions", ["fs", [1], 5, [None]], ids=repr)
def test_permissions_are_a_list_of_strings(rt: Runtime, permissions: Any) -> None:
    with pytest.raises(TypeError):
        rt.register_op("op", print, permissions=permissions)


# --- inline -----------------------------------------------------------------------------------------------------


async def test_an_inline_function_gives_its_result(js: Js) -> None:
    js.rt.bind_function("add", lambda a, b: a + b, inline=True)

    @js.rt.bind(inline=True)
    def concat(*parts: str) -> str:
        return "".join(parts)

    assert await js.eval("let n = 0; for (let i = 0; i < 1000; i++) n = add(n, i); n") == sum(range(1000))
    assert await js.eval("concat('a', 'b')") == "ab"


async def test_an_exception_of_an_inline_function_keeps_its_identity(js: Js) -> None:
    error = KeyError("k")

    def explode() -> None:
        raise error

    js.rt.bind_function("explode", explode, inline=True)
    assert await js.eval("try { explode() } catch (e) { e.name }") == "KeyError"
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("explode()")
    assert caught.value.__cause__ is error


async def test_an_inline_result_or_argument_without_form_is_an_error(js: Js) -> None:
    js.rt.bind_function("bad", object, inline=True)
    js.rt.bind_function("take", lambda value: 1, inline=True)
    assert await js.eval("try { bad() } catch (e) { e.name }") == "ConversionError"
    assert await js.eval("try { take(Symbol()); 'fine' } catch (e) { 'error' }") == "error"


async def test_an_inline_function_that_blocks_on_its_own_runtime_is_an_error_not_a_hang(js: Js) -> None:
    seen: list[BaseException] = []

    def again() -> Any:
        try:
            return js.rt.eval("1 + 1")
        except JsrunError as error:
            seen.append(error)
            raise

    js.rt.bind_function("again", again, inline=True)
    end = await outcome(js.eval("again()", timeout=10))
    assert end == 2 or (seen and isinstance(seen[0], DeadlockError))


async def test_an_inline_function_beside_a_busy_loop_thread(rt: Runtime) -> None:
    rt.bind_function("tick", lambda: 1, inline=True)
    busy = asyncio.ensure_future(
        rt.eval_async("let n = 0; const end = Date.now() + 300; while (Date.now() < end) n += tick(); n")
    )
    ticks = 0
    while not busy.done():
        ticks += 1
        await asyncio.sleep(0.005)
    assert await busy > 0
    assert ticks > 5


# --- every loop -------------------------------------------------------------------------------------------------


def test_async_functions_follow_the_loop_of_each_call(rt: Runtime) -> None:
    async def which() -> int:
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    rt.bind_function("which", which)

    async def body() -> bool:
        return await rt.eval_async("which()") == id(asyncio.get_running_loop())

    assert run_on("asyncio", body)
    assert run_on("asyncio", body)
    assert in_thread(lambda: run_on("asyncio", body))
    assert isinstance(rt.eval("which()"), int)
