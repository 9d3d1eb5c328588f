"""Runtime: evaluate, wait, stop, close; alone and from many places at once."""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import math
import threading
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import leaks
import pytest
from modes import PY311, PY312, Js, background, in_thread, outcome, soon, wait_until, without_address

import jsrun
from jsrun import (
    DeadlockError,
    JavaScriptError,
    JavaScriptTimeout,
    JsrunError,
    Runtime,
    RuntimeClosed,
    RuntimeConfig,
    RuntimeTerminated,
    undefined,
)

MakeRuntime = Callable[..., Runtime]

# --- evaluate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1 + 1", 2),
        ("'a' + 'b'", "ab"),
        ("let total = 0; for (let i = 0; i < 4; i++) total += i; total", 6),
        ("if (true) { 7 } else { 8 }", 7),
        ("({a: 1})", {"a": 1}),
        ("", undefined),
        ("// nothing", undefined),
        ("const x = 1", undefined),
        ("'await x'", "await x"),
        ("/* await */ 3", 3),
        ("'\\0'.length + '\0'.length", 2),
        ("typeof 'use strict'", "string"),
    ],
)
async def test_the_completion_value_is_the_result(js: Js, code: str, expected: object) -> None:
    assert await js.eval(code) == expected


@pytest.mark.parametrize("declaration", ["let x = 5", "const x = 5", "var x = 5", "globalThis.x = 5"])
async def test_declarations_stay_for_later_evaluations(js: Js, declaration: str) -> None:
    await js.eval(declaration)
    assert await js.eval("x") == 5


async def test_declared_functions_and_classes_stay(js: Js) -> None:
    await js.eval("function double(n) { return 2 * n } class Point { constructor(x) { this.x = x } }")
    assert await js.eval("new Point(double(4)).x") == 8


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("await 5", 5),
        ("await Promise.resolve(5)", 5),
        ("const a = await Promise.resolve(3); a * 2", 6),
        ("let n = 0; for (const i of [1, 2]) { n += await i; } n", 3),
        ("const parts = []; for (const n of [1, 2]) parts.push(await Promise.resolve(n)); parts", [1, 2]),
        ("if (await true) { 7 }", 7),
        ("try { await Promise.reject(new Error('no')) } catch (e) { e.message }", "no"),
        ("let last; for await (const x of [Promise.resolve(1), 2]) last = x; last", 2),
        ("await (async () => 'inner')()", "inner"),
        ("[await 1, await 2]", [1, 2]),
        ("({a: await 1})", {"a": 1}),
        ("`${await 'text'}`", "text"),
        ("await 1; Promise.resolve(5)", 5),
        ("await 1; new Promise((resolve) => setTimeout(resolve, 20, 6))", 6),
        ("await 1; (async () => Promise.resolve(7))()", 7),
    ],
)
async def test_top_level_await(js: Js, code: str, expected: object) -> None:
    assert await js.eval(code) == expected


async def test_declarations_beside_a_top_level_await_stay(js: Js) -> None:
    await js.eval(
        "const c = await 1; let l = await 2; var v = await 3;"
        "function f() { return 4 } class K { static five = 5 } const {d, e: [g]} = await {d: 6, e: [7]};"
    )
    assert await js.eval("[c, l, v, f(), K.five, d, g]") == [1, 2, 3, 4, 5, 6, 7]


async def test_an_error_after_a_top_level_await_is_raised(js: Js) -> None:
    with pytest.raises(JavaScriptError, match="late"):
        await js.eval("await 1; throw new RangeError('late')")
    for promise in (
        "Promise.reject(new RangeError('last'))",
        "new Promise((_, no) => setTimeout(no, 20, new Error('last')))",
    ):
        with pytest.raises(JavaScriptError, match="last"):
            await js.eval(f"await 1; {promise}")


async def test_await_inside_a_plain_function_stays_a_syntax_error(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("function f() { await g() }")
    assert caught.value.name == "SyntaxError"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Promise.resolve(42)", 42),
        ("Promise.resolve(Promise.resolve(1)).then(x => x + 1)", 2),
        ("(async () => { await null; return 'done' })()", "done"),
        ("Promise.all([1, Promise.resolve(2)])", [1, 2]),
        ("({then(resolve) { resolve(7) }})", 7),
        ("({then(resolve) { resolve({then(again) { again(8) }}) }})", 8),
        ("Object.assign(() => 0, {then(resolve) { resolve(9) }})", 9),
        ("({then: 5})", {"then": 5}),
    ],
)
async def test_a_promise_is_driven_to_its_end(js: Js, code: str, expected: object) -> None:
    assert await js.eval(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        "Promise.reject(new TypeError('no'))",
        "({then() { throw new TypeError('no') }})",
        "({then(_, reject) { reject(new TypeError('no')) }})",
        "({get then() { throw new TypeError('no') }})",
        "await Promise.reject(new TypeError('no'))",
    ],
)
async def test_a_rejection_is_raised(js: Js, code: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code)
    assert (caught.value.name, caught.value.message) == ("TypeError", "no")


async def test_a_promise_that_resolves_with_itself_is_a_type_error(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("let r; const p = new Promise(x => { r = x }); r(p); p")
    assert caught.value.name == "TypeError"


async def test_code_with_a_lone_surrogate_runs(js: Js) -> None:
    assert await js.eval("'\ud800'.charCodeAt(0)") == 0xD800


@pytest.mark.parametrize("code", [None, 5, b"1 + 1", ["1"], object()])
async def test_code_that_is_no_string_is_a_type_error(js: Js, code: Any) -> None:
    with pytest.raises(TypeError):
        await js.eval(code)


async def test_an_unknown_option_is_a_type_error(js: Js) -> None:
    with pytest.raises(TypeError):
        await js.eval("1", limit=3)


async def test_a_stack_overflow_is_a_range_error_and_no_more(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("function f() { return f() + 1 } f()")
    assert caught.value.name == "RangeError"
    assert await js.eval("1 + 1") == 2


async def test_a_raised_error_leaves_the_runtime_usable(js: Js) -> None:
    with pytest.raises(JavaScriptError):
        await js.eval("throw new Error('x')")
    assert await js.eval("'fine'") == "fine"


# --- names of files ---------------------------------------------------------------------------------------------


async def test_the_filename_is_in_the_stack(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("\nfunction boom() { throw new Error('x') }\nboom()", filename="app/main.js")
    error = caught.value
    assert error.stack is not None and "app/main.js:2:" in error.stack
    top = error.frames[0]
    assert (top["function_name"], top["file_name"], top["line_number"]) == ("boom", "app/main.js", 2)


async def test_the_filename_holds_beside_a_top_level_await(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("await 1;\n\nthrow new Error('x')", filename="tla.js")
    assert caught.value.stack is not None and "tla.js:3:" in caught.value.stack


@pytest.mark.parametrize("filename", [5, b"a.js", object()])
async def test_a_filename_that_is_no_string_is_a_type_error(js: Js, filename: Any) -> None:
    with pytest.raises(TypeError):
        await js.eval("1", filename=filename)


@pytest.mark.parametrize("filename", ["", "a\0b.js", "spaces and \N{SNOWMAN}.js", "~" * 100_000])
async def test_an_odd_filename_does_no_harm(js: Js, filename: str) -> None:
    with pytest.raises(JavaScriptError, match="odd"):
        await js.eval("throw new Error('odd')", filename=filename)


async def test_a_filename_with_a_lone_surrogate_is_taken_or_refused(js: Js) -> None:
    with pytest.raises((JavaScriptError, ValueError)):
        await js.eval("throw new Error('odd')", filename="\ud800.js")


# --- timeouts ---------------------------------------------------------------------------------------------------

LOOPS = {
    "while": "while (true) {}",
    "catch": "for (;;) { try { for (;;); } catch {} }",
    "finally": "try { for (;;); } finally { for (;;); }",
    "microtasks": "(async () => { for (;;) await 0 })()",
    "then": "const again = () => Promise.resolve().then(again); again()",
    "regexp": "/(a+)+$/.test('a'.repeat(60) + '!')",
    "getter": "({get a() { for (;;); }})",
    "nested getter": "[{get a() { for (;;); }}]",
    "proxy": "new Proxy({}, {ownKeys() { for (;;); }})",
    "comparator": "[3, 2, 1].sort(() => { for (;;); })",
    "thenable": "({then() { for (;;); }})",
    "then getter": "({get then() { for (;;); }})",
    "bigint": "let b = 3n; for (;;) b = (b * b) % (2n ** 4000n)",
    "promise constructor": (
        "const p = Promise.resolve(1); Object.defineProperty(p, 'constructor', {get() { for (;;); }}); p.then(x => x)"
    ),
    "wasm": (
        "new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0,"
        "0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11]))).exports.f()"
    ),
}


@pytest.mark.parametrize("code", LOOPS.values(), ids=LOOPS.keys())
async def test_every_endless_loop_times_out_and_the_runtime_goes_on(js: Js, code: str) -> None:
    start = time.monotonic()
    with pytest.raises(JavaScriptTimeout):
        await js.eval(code, timeout=0.2)
    assert 0.1 < time.monotonic() - start < 5
    assert await js.eval("1 + 1") == 2


HOSTILE_ERRORS = {
    "prepareStackTrace": "Error.prepareStackTrace = () => { for (;;); }; throw new Error('x')",
    "stack getter": "throw Object.defineProperty(new Error('x'), 'stack', {get() { for (;;); }})",
    "name getter": "throw Object.defineProperty(new Error('x'), 'name', {get() { for (;;); }})",
    "message getter": "throw Object.defineProperty(new Error('x'), 'message', {get() { for (;;); }})",
    "cause getter": "throw Object.defineProperty(new Error('x'), 'cause', {get() { for (;;); }})",
    "toString": "throw {toString() { for (;;); }}",
}


@pytest.mark.parametrize("code", HOSTILE_ERRORS.values(), ids=HOSTILE_ERRORS.keys())
async def test_an_error_that_loops_when_it_is_looked_at_is_bounded(js: Js, code: str) -> None:
    start = time.monotonic()
    with pytest.raises((JavaScriptTimeout, JavaScriptError)):
        await js.eval(code, timeout=0.2)
    assert time.monotonic() - start < 5
    assert await js.eval("1 + 1") == 2


async def test_a_timeout_is_a_timeout_error_and_a_jsrun_error(js: Js) -> None:
    with pytest.raises(TimeoutError) as caught:
        await js.eval("for (;;);", timeout=0.05)
    assert isinstance(caught.value, JsrunError)
    assert "0.05" in str(caught.value)


@pytest.mark.parametrize("timeout", [1, 0.2, timedelta(milliseconds=200)], ids=repr)
async def test_a_timeout_is_a_number_of_seconds_or_a_timedelta(js: Js, timeout: Any) -> None:
    with pytest.raises(JavaScriptTimeout):
        await js.eval("for (;;);", timeout=timeout)


@pytest.mark.parametrize("timeout", [None, math.inf, 60, 1e300, timedelta.max], ids=repr)
async def test_a_long_timeout_or_none_does_not_fire(js: Js, timeout: Any) -> None:
    assert await js.eval("1", timeout=timeout) == 1


@pytest.mark.parametrize("timeout", [0, 0.0, -1, -0.5, math.nan, -math.inf, timedelta(0), timedelta(days=-1)], ids=repr)
async def test_a_timeout_that_is_no_duration_is_a_value_error(js: Js, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        await js.eval("1", timeout=timeout)


@pytest.mark.parametrize("timeout", ["1", True, False, b"1", [1], object()], ids=without_address)
async def test_a_timeout_of_the_wrong_type_is_a_type_error(js: Js, timeout: Any) -> None:
    with pytest.raises(TypeError, match="timeout"):
        await js.eval("1", timeout=timeout)


async def test_a_pending_promise_times_out(js: Js) -> None:
    with pytest.raises(JavaScriptTimeout):
        await js.eval("globalThis.gate = new Promise(r => globalThis.open = r)", timeout=0.2)
    assert await js.eval("open(5); gate") == 5


async def test_the_timeout_of_the_configuration_is_the_default(runtimes: MakeRuntime) -> None:
    rt = runtimes(timeout=0.2)
    with pytest.raises(JavaScriptTimeout):
        rt.eval("for (;;);")
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("for (;;);")
    function = rt.eval("() => { for (;;); }")
    with pytest.raises(JavaScriptTimeout):
        await function.call_async()
    code = "const end = Date.now() + 400; while (Date.now() < end); 'long'"
    assert await rt.eval_async(code, timeout=30) == "long"


async def test_a_late_timeout_never_kills_the_next_evaluation(js: Js) -> None:
    for step in range(150):
        try:
            await js.eval("{ const end = Date.now() + 1; while (Date.now() < end); }", timeout=0.0005 + step * 1e-5)
        except JavaScriptTimeout:
            pass
        assert await js.eval("{ let n = 0; for (let i = 0; i < 1000; i++) n += i; n }") == 499500


async def test_the_caller_is_released_while_a_builtin_does_not_yield(js: Js) -> None:
    await js.eval("const big = new Float32Array(2 ** 25); for (let i = 0; i < big.length; i++) big[i] = Math.random()")
    start = time.monotonic()
    with pytest.raises(JavaScriptTimeout):
        await js.eval("big.sort(); big.sort(); for (;;) big.fill(Math.random()).sort()", timeout=0.1)
    assert time.monotonic() - start < 1.5
    assert await js.eval("1 + 1") == 2


async def test_a_hundred_timeouts_at_once(rt: Runtime) -> None:
    await rt.eval_async("globalThis.never = new Promise(r => globalThis.open = r); 0")
    start = time.monotonic()
    ends = await asyncio.gather(*(rt.eval_async("never", timeout=0.2) for _ in range(100)), return_exceptions=True)
    assert {type(end) for end in ends} == {JavaScriptTimeout}
    assert time.monotonic() - start < 10


async def test_a_timeout_of_one_leaves_the_others_waiting(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiter = asyncio.ensure_future(rt.eval_async("gate"))
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("for (;;);", timeout=0.1)
    await rt.eval_async("open('still'); 0")
    assert await waiter == "still"


async def test_a_timeout_counts_while_the_evaluation_waits_for_its_turn(rt: Runtime) -> None:
    busy = rt.eval_async("const end = Date.now() + 1500; while (Date.now() < end); 'busy'")
    start = time.monotonic()
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("1", timeout=0.2)
    assert time.monotonic() - start < 1.4
    assert await busy == "busy"


def test_a_timeout_in_one_runtime_does_not_touch_another(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    code = "const end = Date.now() + 600; while (Date.now() < end); 'done'"
    results: list[Any] = []
    with background(lambda: results.append(other.eval(code))), pytest.raises(JavaScriptTimeout):
        one.eval("for (;;);", timeout=0.1)
    assert results == ["done"]


# --- what can never finish --------------------------------------------------------------------------------------

NEVER = [
    "new Promise(() => {})",
    "await new Promise(() => {})",
    "({then() {}})",
    "(async () => { await new Promise(() => {}) })()",
]


@pytest.mark.parametrize("code", NEVER)
async def test_a_promise_that_nothing_can_settle_is_a_deadlock(js: Js, code: str) -> None:
    start = time.monotonic()
    with pytest.raises(DeadlockError):
        await js.eval(code)
    assert time.monotonic() - start < 5
    assert await js.eval("1 + 1") == 2


async def test_a_deadlock_comes_before_a_long_timeout(js: Js) -> None:
    with pytest.raises(DeadlockError):
        await js.eval("new Promise(() => {})", timeout=50)


async def test_a_promise_that_a_coroutine_will_settle_is_no_deadlock(js: Js) -> None:
    async def slow() -> str:
        await asyncio.sleep(2.5)
        return "slept"

    js.rt.bind_function("slow", slow)
    assert await js.eval("slow()") == "slept"
    assert await js.eval("(async () => { await null; return await slow() + '!' })()") == "slept!"


async def test_a_promise_that_later_code_can_settle_is_no_deadlock(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiter = asyncio.ensure_future(rt.eval_async("gate"))
    await asyncio.sleep(2.5)
    assert not waiter.done()
    await rt.eval_async("open(1); 0")
    assert await waiter == 1


async def test_a_promise_that_a_function_handle_can_settle_is_no_deadlock(rt: Runtime) -> None:
    kept: list[Any] = []
    rt.bind_function("keep", kept.append)
    waiter = asyncio.ensure_future(rt.eval_async("new Promise(resolve => { keep(resolve) })"))
    await soon(lambda: kept)
    await asyncio.sleep(2.5)
    assert not waiter.done()
    await kept.pop().call_async("released")
    assert await waiter == "released"


# --- terminate --------------------------------------------------------------------------------------------------


async def test_terminate_stops_what_runs_and_what_waits(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiting = asyncio.ensure_future(rt.eval_async("gate"))
    busy = asyncio.ensure_future(rt.eval_async("for (;;);"))
    queued = asyncio.ensure_future(rt.eval_async("1"))
    await asyncio.sleep(0.1)
    rt.terminate()
    ends = await asyncio.wait_for(asyncio.gather(waiting, busy, queued, return_exceptions=True), 5)
    assert [type(end) for end in ends] == [RuntimeTerminated] * 3


async def test_after_terminate_every_call_raises(js: Js) -> None:
    js.rt.terminate()
    js.rt.terminate()
    with pytest.raises(RuntimeTerminated):
        await js.eval("1")
    with pytest.raises(RuntimeTerminated):
        js.rt.bind_function("f", print)
    js.rt.close()
    assert js.rt.is_closed()


def test_terminate_from_another_thread_ends_a_blocking_eval(rt: Runtime) -> None:
    timer = threading.Timer(0.2, rt.terminate)
    timer.start()
    with pytest.raises(RuntimeTerminated):
        rt.eval("for (;;) { try { for (;;); } catch {} }")
    timer.join()


def test_terminate_does_not_touch_another_runtime(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    one.terminate()
    assert other.eval("1 + 1") == 2


# --- close ------------------------------------------------------------------------------------------------------


async def test_close_is_idempotent_and_final(js: Js) -> None:
    assert not js.rt.is_closed()
    js.rt.close()
    js.rt.close()
    await js.rt.aclose() if js.mode.loop else None
    assert js.rt.is_closed()
    with pytest.raises(RuntimeClosed):
        await js.eval("1")


@pytest.mark.parametrize(
    "call",
    [
        lambda rt: rt.eval("1"),
        lambda rt: rt.bind_function("f", print),
        lambda rt: rt.bind(print, name="f"),
        lambda rt: rt.bind_object("o", {"a": 1}),
        lambda rt: rt.register_op("op", print),
        lambda rt: rt.get_stats(),
        lambda rt: rt.__enter__(),
    ],
    ids=["eval", "bind_function", "bind", "bind_object", "register_op", "get_stats", "with"],
)
def test_calls_after_close_raise(rt: Runtime, call: Callable[[Runtime], object]) -> None:
    rt.close()
    with pytest.raises(RuntimeClosed):
        call(rt)


def test_terminate_after_close_is_harmless(rt: Runtime) -> None:
    rt.close()
    rt.terminate()
    assert rt.is_closed()


async def test_aclose_twice_at_once(rt: Runtime) -> None:
    await asyncio.gather(rt.aclose(), rt.aclose(), rt.aclose())
    assert rt.is_closed()


async def test_aclose_ends_pending_operations(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiting = asyncio.ensure_future(rt.eval_async("gate"))
    busy = asyncio.ensure_future(rt.eval_async("for (;;);"))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(rt.aclose(), 5)
    assert [type(await outcome(op)) for op in (waiting, busy)] == [RuntimeClosed] * 2


async def test_close_on_the_loop_ends_operations_of_that_loop(rt: Runtime) -> None:
    busy = asyncio.ensure_future(rt.eval_async("for (;;);"))
    await asyncio.sleep(0.05)
    rt.close()
    assert isinstance(await asyncio.wait_for(outcome(busy), 5), RuntimeClosed)


def test_close_from_another_thread_ends_a_blocking_eval(rt: Runtime) -> None:
    timer = threading.Timer(0.2, rt.close)
    timer.start()
    with pytest.raises(RuntimeClosed):
        rt.eval("for (;;);")
    timer.join()
    assert rt.is_closed()


def test_close_from_many_threads_at_once(rt: Runtime) -> None:
    with background(lambda: pytest.raises(RuntimeClosed, rt.eval, "for (;;);")):
        time.sleep(0.1)
        threads = [threading.Thread(target=rt.close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert rt.is_closed()


def test_with_closes_also_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Runtime() as rt:
        assert rt.eval("1") == 1
        raise ZeroDivisionError
    assert rt.is_closed()


async def test_async_with_closes_also_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Runtime.create() as rt:
            assert await rt.eval_async("1") == 1
            raise ZeroDivisionError
    assert rt.is_closed()


async def test_an_existing_runtime_is_an_async_context_manager(rt: Runtime) -> None:
    async with rt as same:
        assert same is rt
    assert rt.is_closed()


async def test_calls_while_it_closes_end_with_a_typed_error(rt: Runtime) -> None:
    operations = [rt.eval_async("1") for _ in range(50)]
    closing = asyncio.ensure_future(rt.aclose())
    operations += [rt.eval_async("1") for _ in range(50)] if not rt.is_closed() else []
    ends = await asyncio.wait_for(asyncio.gather(*operations, return_exceptions=True), 10)
    await closing
    assert all(end == 1 or isinstance(end, RuntimeClosed) for end in ends)


async def test_a_dropped_runtime_without_close_ends_its_thread() -> None:
    before = leaks.isolates()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        rt = await Runtime.create()
        await rt.eval_async("1")
        del rt
        gc.collect()
        await soon(lambda: leaks.isolates() <= before)


def test_the_last_reference_may_go_in_another_thread() -> None:
    before = leaks.isolates()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        box = [Runtime()]
        in_thread(box.clear)
        wait_until(lambda: leaks.isolates() <= before)


def test_a_cycle_of_runtime_and_host_function_is_collected() -> None:
    before = leaks.isolates()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        rt = Runtime()
        rt.bind_function("me", lambda rt=rt: rt.is_closed())
        assert rt.eval("me()") is False
        del rt
        wait_until(lambda: gc.collect() >= 0 and leaks.isolates() <= before)


def test_close_from_a_finaliser(rt: Runtime) -> None:
    class Owner:
        def __del__(self) -> None:
            rt.close()

    owner = Owner()
    del owner
    gc.collect()
    assert rt.is_closed()


def test_two_hundred_runtimes_one_after_another_leave_nothing() -> None:
    before = leaks.Census.take()
    for number in range(200):
        with Runtime() as rt:
            assert rt.eval(f"{number} + 1") == number + 1
    assert not leaks.settle(before).exceeds(before)


# --- create -----------------------------------------------------------------------------------------------------


async def test_create_gives_a_runtime_to_await() -> None:
    rt = await Runtime.create()
    assert isinstance(rt, Runtime)
    assert await rt.eval_async("1") == 1
    await rt.aclose()


async def test_create_takes_a_configuration_and_options() -> None:
    async with Runtime.create(RuntimeConfig(timeout=30), bootstrap="globalThis.ready = 'yes'") as rt:
        assert await rt.eval_async("ready") == "yes"


async def test_create_does_not_block_the_loop() -> None:
    created = await asyncio.gather(*(_create() for _ in range(20)))
    for rt in created:
        await rt.aclose()


async def _create() -> Runtime:
    return await Runtime.create()


async def test_create_with_a_failing_bootstrap_raises_and_leaves_nothing() -> None:
    with pytest.raises(JavaScriptError, match="no start"):
        await Runtime.create(bootstrap="throw new Error('no start')")


async def test_create_cancelled_leaves_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for delay in (0, 0.001, 0.005):
            task = asyncio.ensure_future(_create())
            await asyncio.sleep(delay)
            task.cancel()
            end = await outcome(task)
            if isinstance(end, Runtime):
                await end.aclose()


def test_an_unknown_option_of_a_runtime_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="heap"):
        Runtime(heap=3)  # type: ignore[call-arg]


# --- from threads -----------------------------------------------------------------------------------------------


def test_one_runtime_from_many_threads(rt: Runtime) -> None:
    rt.eval("globalThis.count = 0; 0")
    threads = [threading.Thread(target=lambda: [rt.eval("count++") for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rt.eval("count") == 800


def test_a_runtime_made_in_a_thread_outlives_it() -> None:
    with in_thread(Runtime) as rt:
        assert rt.eval("1 + 1") == 2


def test_a_busy_thread_does_not_hold_the_gil(rt: Runtime) -> None:
    with background(lambda: rt.eval("const end = Date.now() + 500; while (Date.now() < end); 0")) as thread:
        ticks = 0
        while thread.is_alive():
            ticks += 1
            time.sleep(0.001)
    assert ticks > 50


def test_blocked_threads_each_get_their_own_answer(rt: Runtime) -> None:
    rt.eval("globalThis.gates = {}; globalThis.gate = n => new Promise(r => gates[n] = r); 0")
    answers: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: answers.__setitem__(n, rt.eval(f"gate({n})"))) for n in range(10)]
    for thread in threads:
        thread.start()
    wait_until(lambda: rt.eval("Object.keys(gates).length") == 10)
    for number in reversed(range(10)):
        rt.eval(f"gates[{number}]({number} * 10); 0")
    for thread in threads:
        thread.join(10)
    assert answers == {n: n * 10 for n in range(10)}


async def test_a_blocking_eval_in_a_thread_beside_awaited_ones(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiting = asyncio.ensure_future(asyncio.to_thread(rt.eval, "gate"))
    await asyncio.sleep(0.05)
    assert await rt.eval_async("open(3); 'opened'") == "opened"
    assert await waiting == 3


@pytest.mark.blocks_loop
async def test_a_blocking_eval_on_the_loop_beside_a_pending_one(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiting = asyncio.ensure_future(rt.eval_async("gate"))
    await asyncio.sleep(0)
    assert rt.eval("open('inside'); 1") == 1
    assert await waiting == "inside"


# --- many at once -----------------------------------------------------------------------------------------------


async def test_a_waiter_and_its_waker(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    assert await asyncio.gather(rt.eval_async("gate"), rt.eval_async("open('through'); 0")) == ["through", 0]


async def test_a_thousand_at_once_in_order(rt: Runtime) -> None:
    await rt.eval_async("globalThis.seen = []; 0")
    results = await asyncio.gather(*(rt.eval_async(f"seen.push({n}), {n}") for n in range(1000)))
    assert results == list(range(1000))
    assert await rt.eval_async("seen") == list(range(1000))


async def test_submission_order_is_call_order(rt: Runtime) -> None:
    await rt.eval_async("globalThis.order = []; 0")
    first = rt.eval_async("order.push('first'); 0")
    second = rt.eval_async("order.push('second'); 0")
    await second
    await first
    assert await rt.eval_async("order") == ["first", "second"]


async def test_an_awaitable_starts_at_once_on_a_running_loop(rt: Runtime) -> None:
    pending = rt.eval_async("globalThis.started = true; 0")
    assert await rt.eval_async("started") is True
    assert await pending == 0


async def test_a_pending_operation_does_not_hold_up_others(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiting = [asyncio.ensure_future(rt.eval_async("gate")) for _ in range(100)]
    assert await asyncio.wait_for(rt.eval_async("1 + 1"), 5) == 2
    await rt.eval_async("open('all'); 0")
    assert await asyncio.gather(*waiting) == ["all"] * 100


async def test_an_endless_chain_of_microtasks_does_not_starve_a_deadline(rt: Runtime) -> None:
    async def turn() -> None:
        await asyncio.sleep(0)

    rt.bind_function("turn", turn)
    chain = asyncio.ensure_future(rt.eval_async("(async () => { for (;;) await turn() })()", timeout=1))
    for number in range(20):
        assert await asyncio.wait_for(rt.eval_async(f"{number}"), 5) == number
    assert isinstance(await outcome(chain), JavaScriptTimeout)


async def test_a_stray_rejection_fails_nobody_else(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    waiting = asyncio.ensure_future(rt.eval_async("gate"))
    with pytest.warns(jsrun.UnhandledRejectionWarning, match="stray"):
        await rt.eval_async("Promise.reject(new Error('stray')); 0")
        await asyncio.sleep(0.3)
    await rt.eval_async("open('fine'); 0")
    assert await waiting == "fine"


async def test_unhandled_rejections_go_to_the_hook(runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    await rt.eval_async("Promise.reject(new RangeError('stray')); 0")
    await soon(lambda: seen)
    rt.eval("Promise.reject(7); 0")
    await soon(lambda: len(seen) == 2)
    assert isinstance(seen[0], JavaScriptError)
    assert (seen[0].name, seen[0].message, seen[1].value) == ("RangeError", "stray", 7)


def test_unhandled_rejection_warns_under_the_blocking_api(rt: Runtime) -> None:
    with pytest.warns(jsrun.UnhandledRejectionWarning, match="stray"):
        rt.eval("Promise.reject(new Error('stray')); 0")
        for _ in range(20):
            rt.eval("0")
            time.sleep(0.01)


async def test_a_rejection_handled_at_once_does_not_warn(js: Js) -> None:
    await js.eval("Promise.reject(new Error('caught')).catch(() => 0); 0")
    await js.eval("(async () => { try { await Promise.reject(1) } catch {} })()")
    await js.pause(0.1)
    assert await js.eval("1") == 1


async def test_a_rejected_result_is_not_reported_twice(js: Js) -> None:
    with pytest.raises(JavaScriptError):
        await js.eval("Promise.reject(new Error('mine'))")
    await js.pause(0.1)
    assert await js.eval("1") == 1


# --- cancellation -----------------------------------------------------------------------------------------------


async def test_cancel_interrupts_busy_javascript(rt: Runtime) -> None:
    task = asyncio.create_task(_await(rt.eval_async("for (;;) { try { for (;;); } catch {} }")))
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await asyncio.wait_for(outcome(task), 5), asyncio.CancelledError)
    assert task.cancelled()
    assert await asyncio.wait_for(rt.eval_async("1 + 1"), 5) == 2


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def test_cancel_of_a_task_made_of_the_awaitable_itself(rt: Runtime) -> None:
    task = asyncio.create_task(rt.eval_async("for (;;);"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(rt.eval_async("1 + 1"), 5) == 2


async def test_cancel_of_a_pending_promise_detaches_it(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    task = asyncio.create_task(_await(rt.eval_async("gate.then(() => { globalThis.reached = true })")))
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    assert await rt.eval_async("open(1); 'open'") == "open"


async def test_a_queued_operation_that_is_cancelled_never_runs(rt: Runtime) -> None:
    busy = rt.eval_async("const end = Date.now() + 300; while (Date.now() < end); 'busy'")
    queued = asyncio.create_task(_await(rt.eval_async("globalThis.ran = true; 0")))
    await asyncio.sleep(0.05)
    queued.cancel()
    assert isinstance(await outcome(queued), asyncio.CancelledError)
    assert await busy == "busy"
    assert await rt.eval_async("typeof ran") == "undefined"


async def test_cancelled_means_no_more_side_effects(rt: Runtime) -> None:
    await rt.eval_async("globalThis.n = 0; 0")
    task = asyncio.create_task(_await(rt.eval_async("for (;;) n++")))
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    first = await rt.eval_async("n")
    await asyncio.sleep(0.05)
    assert first == await rt.eval_async("n") > 0


async def test_cancel_before_the_first_step(rt: Runtime) -> None:
    task = asyncio.create_task(_await(rt.eval_async("1")))
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    assert await rt.eval_async("2") == 2


async def test_cancel_twice(rt: Runtime) -> None:
    task = asyncio.create_task(_await(rt.eval_async("for (;;);")))
    await asyncio.sleep(0.02)
    task.cancel()
    task.cancel()
    assert isinstance(await asyncio.wait_for(outcome(task), 5), asyncio.CancelledError)
    assert await rt.eval_async("2") == 2


async def test_cancel_racing_completion_has_one_outcome(rt: Runtime) -> None:
    ends: set[object] = set()
    for step in range(200):
        task = asyncio.create_task(_await(rt.eval_async("'done'")))
        for _ in range(step % 5):
            await asyncio.sleep(0)
        if step % 3:
            await asyncio.sleep(step % 7 * 1e-5)
        task.cancel()
        end = await outcome(task)
        ends.add(end if isinstance(end, str) else type(end))
        assert await rt.eval_async("1") == 1
    assert ends <= {"done", asyncio.CancelledError}


async def test_cancelling_one_of_many_leaves_the_rest(rt: Runtime) -> None:
    await rt.eval_async("globalThis.gate = new Promise(r => globalThis.open = r); 0")
    tasks = [asyncio.create_task(_await(rt.eval_async("gate"))) for _ in range(10)]
    await asyncio.sleep(0.02)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.sleep(0)
    await rt.eval_async("open('kept'); 0")
    ends = [await outcome(task) for task in tasks]
    assert ends[1::2] == ["kept"] * 5
    assert {type(end) for end in ends[::2]} == {asyncio.CancelledError}


async def test_cancel_of_a_chain_of_tasks(rt: Runtime) -> None:
    outer = asyncio.create_task(_await(asyncio.create_task(_await(rt.eval_async("for (;;);")))))
    await asyncio.sleep(0.05)
    outer.cancel()
    assert isinstance(await asyncio.wait_for(outcome(outer), 5), asyncio.CancelledError)
    assert await rt.eval_async("1") == 1


# --- the awaitable in asyncio -----------------------------------------------------------------------------------


async def test_the_awaitable_is_a_coroutine(rt: Runtime) -> None:
    pending = rt.eval_async("1")
    assert asyncio.iscoroutine(pending)
    assert inspect.isawaitable(pending)
    assert await pending == 1


async def test_create_task_and_ensure_future(rt: Runtime) -> None:
    named = asyncio.create_task(rt.eval_async("1"), name="js")
    assert named.get_name() == "js"
    assert await named == 1
    assert await asyncio.ensure_future(rt.eval_async("2")) == 2


async def test_gather_with_errors(rt: Runtime) -> None:
    ends = await asyncio.gather(rt.eval_async("1"), rt.eval_async("throw new Error('x')"), return_exceptions=True)
    assert ends[0] == 1
    assert isinstance(ends[1], JavaScriptError)


async def test_as_completed(rt: Runtime) -> None:
    got = {await one for one in asyncio.as_completed([rt.eval_async("1"), rt.eval_async("2")])}
    assert got == {1, 2}


async def test_wait_for_a_result(rt: Runtime) -> None:
    assert await asyncio.wait_for(rt.eval_async("1"), 5) == 1


async def test_wait_for_interrupts(rt: Runtime) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(rt.eval_async("for (;;);"), 0.1)
    assert await asyncio.wait_for(rt.eval_async("1 + 1"), 5) == 2


async def test_wait_for_zero(rt: Runtime) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(rt.eval_async("for (;;);"), 0)
    assert await asyncio.wait_for(rt.eval_async("1 + 1"), 5) == 2


async def test_shield_lets_javascript_finish(rt: Runtime) -> None:
    inner = asyncio.ensure_future(rt.eval_async("const end = Date.now() + 200; while (Date.now() < end); 'whole'"))
    task = asyncio.create_task(_await(asyncio.shield(inner)))
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    assert await inner == "whole"


async def test_shield_takes_the_awaitable_directly(rt: Runtime) -> None:
    assert await asyncio.shield(rt.eval_async("5")) == 5


@pytest.mark.skipif(not PY311, reason="asyncio.TaskGroup came with Python 3.11")
async def test_task_group(rt: Runtime) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rt.eval_async(f"{n} * 2")) for n in range(5)]
    assert [task.result() for task in tasks] == [0, 2, 4, 6, 8]


@pytest.mark.skipif(not PY311, reason="asyncio.TaskGroup came with Python 3.11")
async def test_a_failing_task_group_interrupts_the_others(rt: Runtime) -> None:
    with pytest.raises(BaseException) as caught:
        async with asyncio.TaskGroup() as group:
            busy = group.create_task(rt.eval_async("for (;;);"))
            await asyncio.sleep(0.05)
            raise ZeroDivisionError
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)  # type: ignore[attr-defined]
    assert busy.cancelled()
    assert await asyncio.wait_for(rt.eval_async("1"), 5) == 1


@pytest.mark.skipif(not PY311, reason="asyncio.timeout came with Python 3.11")
async def test_nested_timeouts(rt: Runtime) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            async with asyncio.timeout(0.1):
                await rt.eval_async("for (;;);")
    assert await asyncio.wait_for(rt.eval_async("1"), 5) == 1


@pytest.mark.skipif(not PY312, reason="eager tasks came with Python 3.12")
async def test_eager_tasks(rt: Runtime) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    tasks = [asyncio.create_task(_await(rt.eval_async(f"{n}"))) for n in range(10)]
    assert await asyncio.gather(*tasks) == list(range(10))
    assert await asyncio.create_task(rt.eval_async("1")) == 1
    busy = asyncio.create_task(rt.eval_async("for (;;);"))
    await asyncio.sleep(0.05)
    busy.cancel()
    assert isinstance(await outcome(busy), asyncio.CancelledError)


def test_asyncio_run_takes_the_awaitable_itself(rt: Runtime) -> None:
    assert asyncio.run(rt.eval_async("Promise.resolve(42)")) == 42


def test_asyncio_run_raises_its_error(rt: Runtime) -> None:
    with pytest.raises(JavaScriptError, match="inside run"):
        asyncio.run(rt.eval_async("throw new Error('inside run')"))


async def test_run_coroutine_threadsafe(rt: Runtime) -> None:
    loop = asyncio.get_running_loop()
    work = asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(rt.eval_async("1 + 1"), loop).result(10))
    assert await work == 2


async def test_awaiting_twice_gives_the_same_result(rt: Runtime) -> None:
    pending = rt.eval_async("({n: Math.random()})")
    assert await pending is await pending


async def test_awaiting_from_two_tasks_gives_both_the_result(rt: Runtime) -> None:
    pending = rt.eval_async("Promise.resolve({})")
    first, second = await asyncio.gather(_await(pending), _await(pending))
    assert first is second


async def test_awaiting_a_failure_twice_raises_twice(rt: Runtime) -> None:
    pending = rt.eval_async("throw new Error('again')")
    for _ in range(2):
        with pytest.raises(JavaScriptError, match="again"):
            await pending


def test_awaiting_again_after_asyncio_run_gives_the_same_result(rt: Runtime) -> None:
    pending = rt.eval_async("({})")
    first = asyncio.run(_await(pending))
    assert asyncio.run(_await(pending)) is first


def test_without_a_loop_it_starts_when_awaited(rt: Runtime) -> None:
    pending = rt.eval_async("globalThis.started = true; 0")
    assert rt.eval("typeof started") == "undefined"
    assert asyncio.run(_await(pending)) == 0
    assert rt.eval("started") is True


def test_never_awaited_without_a_loop_warns(rt: Runtime) -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        pending = rt.eval_async("1")
        del pending
        gc.collect()


def test_closing_the_coroutine_starts_nothing_and_does_not_warn(rt: Runtime) -> None:
    pending = rt.eval_async("globalThis.started = true; 0")
    pending.close()  # type: ignore[attr-defined]
    del pending
    gc.collect()
    assert rt.eval("typeof started") == "undefined"


async def test_dropped_on_a_running_loop_it_still_runs(rt: Runtime) -> None:
    rt.eval_async("globalThis.fired = true; 0")
    gc.collect()
    assert await rt.eval_async("fired") is True


async def test_an_error_nobody_retrieves_goes_to_the_exception_handler(rt: Runtime) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    lost = rt.eval_async("throw new Error('lost')")
    await asyncio.sleep(0.2)
    del lost
    gc.collect()
    await soon(lambda: reports)
    assert isinstance(reports[0]["exception"], JavaScriptError)
    assert reports[0]["exception"].message == "lost"


async def test_a_retrieved_error_is_not_reported(rt: Runtime) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    for code in ("throw new Error('seen')", "Promise.reject(1)"):
        assert isinstance(await outcome(rt.eval_async(code)), JavaScriptError)
    gc.collect()
    await asyncio.sleep(0.05)
    assert reports == []


# --- statistics -------------------------------------------------------------------------------------------------


def test_statistics_are_frozen_and_count(rt: Runtime) -> None:
    rt.eval("1")
    asyncio.run(rt.eval_async("1"))
    stats = rt.get_stats()
    assert isinstance(stats, jsrun.RuntimeStats)
    assert 0 < stats.heap_used_bytes <= stats.heap_total_bytes
    assert (stats.eval_sync_count, stats.eval_async_count) == (1, 1)
    with pytest.raises(AttributeError):
        stats.heap_used_bytes = 0  # type: ignore[misc]


async def test_statistics_count_endings_and_what_is_held(rt: Runtime) -> None:
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("for (;;);", timeout=0.05)
    waiter = asyncio.ensure_future(rt.eval_async("new Promise(r => globalThis.open = r)"))
    function = await rt.eval_async("() => 1")
    stats = rt.get_stats()
    assert (stats.timeouts, stats.cancellations, stats.active_async_ops, stats.handles) == (1, 0, 1, 1)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    function.close()
    await rt.eval_async("1")
    stats = rt.get_stats()
    assert (stats.timeouts, stats.cancellations, stats.active_async_ops, stats.handles) == (1, 1, 0, 0)


def test_statistics_see_memory(rt: Runtime) -> None:
    before = rt.get_stats().heap_used_bytes
    rt.eval("globalThis.kept = Array.from({length: 1e6}, (_, i) => ({i})); 0")
    assert rt.get_stats().heap_used_bytes > before + 1e6


def test_a_runtime_says_what_it_is(rt: Runtime) -> None:
    assert "Runtime" in repr(rt)
    rt.close()
    assert "closed" in repr(rt)


def test_atomics_wait_cannot_block_for_ever(rt: Runtime) -> None:
    with pytest.raises((JavaScriptError, JavaScriptTimeout)):
        rt.eval("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", timeout=1)
    assert rt.eval("1") == 1


def test_a_mix_of_endings_leaves_a_working_runtime(rt: Runtime) -> None:
    codes = itertools.cycle(["1", "for (;;);", "throw 1", "new Symbol()", "Symbol()", "(", "Promise.reject(1)"])
    for code, _ in zip(codes, range(70), strict=False):
        try:
            rt.eval(code, timeout=0.02)
        except (JavaScriptError, JsrunError):
            pass
    assert rt.eval("'alive'") == "alive"
