"""Runtimes in child processes: the bodies of other tests, crashes, and a child that lies."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import test_binding as binding
import test_errors as errors
import test_function as functions
import test_modules_callers as modules
import test_runtime as basics
from modes import Js, background, in_thread, outcome, soon, wait_until

import jsrun
from jsrun import (
    ConversionError,
    JavaScriptError,
    JavaScriptTimeout,
    Runtime,
    RuntimeClosed,
    RuntimeConfig,
    RuntimeCrashed,
    RuntimeTerminated,
    undefined,
)
from jsrun._process import isolate
from jsrun._process.frames import Kind, frame
from jsrun._process.writing import encode

MakeRuntime = Callable[..., Runtime]


def child(**options: Any) -> Runtime:
    return Runtime(isolation="process", **options)


@pytest.fixture
def rt() -> Iterator[Runtime]:
    """A runtime in a child process, in place of the one in a thread."""
    with child() as found:
        yield found


@pytest.fixture
def runtimes() -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes in child processes."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(child(**options))


def pid(rt: Runtime) -> int:
    number: int = rt._native.id
    return number


def gone(number: int) -> bool:
    return not Path(f"/proc/{number}").exists()


NEVER = "new Promise(() => setTimeout(() => 0, 1e6))"


# --- the bodies of other tests, with the runtime in a child -----------------------------------------------------

test_top_level_await = basics.test_top_level_await
test_declarations_stay_for_later_evaluations = basics.test_declarations_stay_for_later_evaluations
test_a_hundred_timeouts_at_once = basics.test_a_hundred_timeouts_at_once
test_a_timeout_of_one_leaves_the_others_waiting = basics.test_a_timeout_of_one_leaves_the_others_waiting
test_a_cycle_of_runtime_and_host_function_is_collected = basics.test_a_cycle_of_runtime_and_host_function_is_collected
test_a_call_gives_the_value = functions.test_a_call_gives_the_value
test_a_result_still_pending_is_awaitable = functions.test_a_result_still_pending_on_a_loop_thread_is_awaitable
test_a_pending_result_may_fail_later = functions.test_a_pending_result_on_a_loop_thread_may_fail_later
test_call_async_without_a_loop = functions.test_call_async_without_a_loop
test_calls_from_many_threads = functions.test_calls_from_many_threads
test_the_receiver_of_a_method_is_kept = functions.test_the_receiver_of_a_method_is_kept
test_passing_it_back_restores_the_same_function = functions.test_passing_it_back_restores_the_same_function
test_an_argument_without_form_names_its_place = functions.test_an_argument_without_form_names_its_place
test_a_call_inside_a_host_function = functions.test_a_call_inside_a_host_function
test_cancelling_a_call = functions.test_cancelling_a_call
test_a_callback_kept_by_python_and_called_later = functions.test_a_callback_kept_by_python_and_called_later
test_close_is_idempotent_and_final = functions.test_close_is_idempotent_and_final
test_closed_functions_are_released = functions.test_closed_functions_are_released
test_functions_in_a_reference_cycle_are_released = functions.test_functions_in_a_reference_cycle_are_released
test_functions_hear_of_a_thousand_callbacks = functions.test_functions_hear_of_a_thousand_callbacks
test_hooks_run_on_the_callers_thread_in_its_context = modules.test_hooks_run_on_the_callers_thread_in_its_context
test_an_async_loader_runs_in_the_callers_context = modules.test_an_async_loader_runs_in_the_callers_context
test_an_async_loader_may_evaluate_on_its_runtime = modules.test_an_async_loader_may_evaluate_on_its_runtime
test_one_load_for_all = modules.test_one_load_for_all_who_import_at_the_same_time
test_name_message_stack_and_frames = errors.test_name_message_stack_and_frames
test_a_cause_that_is_an_error = errors.test_a_cause_that_is_an_error
test_an_aggregate_error = errors.test_an_aggregate_error
test_a_syntax_error_shows_the_line = errors.test_a_syntax_error_shows_file_line_column_and_the_line
test_an_error_goes_back_to_javascript_as_an_error = errors.test_an_error_goes_back_to_javascript_as_an_error
test_a_sync_function_runs_in_its_context = binding.test_a_sync_function_runs_on_the_calling_thread_in_its_context
test_an_async_function_runs_in_the_context_of_the_caller = (
    binding.test_an_async_function_runs_in_the_context_of_the_caller
)
test_changes_of_context_in_a_function_stay_inside = binding.test_changes_of_context_in_a_function_stay_inside


# --- values, host functions, streams ----------------------------------------------------------------------------


async def test_what_a_host_function_raises_comes_back_as_itself(js: Js) -> None:
    error = KeyError("mine")

    async def later() -> None:
        raise error

    def now() -> None:
        raise error

    for name, function in (("now", now), ("later", later)):
        js.rt.bind_function(name, function)
        with pytest.raises(JavaScriptError) as caught:
            await js.eval(f"await {name}()")
        assert (caught.value.name, caught.value.__cause__) == ("KeyError", error)
    assert await js.call(await js.eval("(e) => [e.name, e instanceof Error]"), error) == ["KeyError", True]


async def test_cancelling_the_task_cancels_the_coroutine_that_javascript_awaits(rt: Runtime) -> None:
    ended: list[str] = []
    started = asyncio.Event()

    @rt.bind
    async def nap() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("nap")

    task = asyncio.ensure_future(rt.eval_async("nap()"))
    await started.wait()
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    await soon(lambda: ended)
    assert await rt.eval_async("1 + 1") == 2


async def test_a_timeout_in_a_slow_host_function_does_not_kill_the_child(rt: Runtime) -> None:
    release = threading.Event()

    def slow() -> int:
        release.wait(isolate.GRACE + 0.5)
        return 1

    rt.bind(slow)
    with pytest.raises(JavaScriptTimeout):
        await asyncio.get_running_loop().run_in_executor(None, lambda: rt.eval("slow(); for (;;);", timeout=0.2))
    assert await rt.eval_async("1 + 1") == 2


async def test_streams_cross_in_both_directions(rt: Runtime) -> None:
    closed: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(1000):
                yield number
        finally:
            closed.append("numbers")

    collect = await rt.eval_async(
        "async (s, n) => { const a = []; for await (const x of s) if (a.push(x) === n) return a }"
    )
    assert await collect.call_async(numbers(), 3) == [0, 1, 2]
    await soon(lambda: closed)
    stream = await rt.eval_async("(async function* () { for (let i = 0; i < 200; i++) yield i; throw Error('end') })()")
    seen: list[int] = []
    with pytest.raises(JavaScriptError, match="end"):
        async for number in stream:
            seen.append(number)
    assert seen == list(range(200))


async def test_a_cancelled_read_loses_no_chunk(rt: Runtime) -> None:
    stream = await rt.eval_async(
        "var open; (async function* () { yield 1; await new Promise(r => open = r); yield 2; yield 3 })()"
    )
    assert await stream.read() == 1
    with pytest.raises(JavaScriptTimeout):
        await stream.read(timeout=0.05)
    task = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0.05)
    task.cancel()
    await outcome(task)
    await rt.eval_async("open()")
    assert [await stream.read(), await stream.read()] == [2, 3]


async def test_the_console_is_heard_before_the_result(js: Js, runtimes: MakeRuntime) -> None:
    heard: list[Any] = []
    talking = Js(runtimes(on_console=heard.append), js.mode)
    assert await talking.eval("console.warn('a', [1]); 5") == 5
    assert [(message.level, message.text, message.args) for message in heard] == [("warning", "a [ 1 ]", ("a", [1]))]


def test_what_cannot_be_in_a_child_is_refused(rt: Runtime) -> None:
    with pytest.raises(ConversionError, match="memory cannot be shared"):
        rt.eval("(x) => x")(jsrun.share(bytearray(3)))
    with Runtime() as other:
        with pytest.raises(ConversionError, match="another runtime"):
            rt.eval("(x) => x")(other.eval("() => 1"))
    for options in ({"buffers": "share"}, {"isolation": "fork"}, {"max_process_memory": 0}):
        with pytest.raises(ValueError, match=str(next(iter(options)))):
            RuntimeConfig(**{"isolation": "process", **options})
    with pytest.raises(ValueError, match="isolation='process'"):
        RuntimeConfig(max_process_cpu=1)


def test_a_stream_of_a_child_is_passed_on_to_a_runtime_of_this_process(rt: Runtime) -> None:
    async def main() -> Any:
        stream = await rt.eval_async("(async function* () { yield 1; yield 2 })()")
        async with Runtime.create() as other:
            return await (await other.eval_async("(s) => Array.fromAsync(s)")).call_async(stream)

    assert asyncio.run(main()) == [1, 2]


def test_what_is_dropped_is_released_in_the_child(rt: Runtime) -> None:
    held = [rt.eval("() => 1") for _ in range(20)]
    assert rt.get_stats().handles >= 20
    held.clear()
    wait_until(lambda: rt.get_stats().handles < 5)


# --- the child --------------------------------------------------------------------------------------------------


def test_the_child_has_no_environment_no_files_and_its_own_session(rt: Runtime) -> None:
    proc = Path(f"/proc/{pid(rt)}")
    assert (proc / "environ").read_bytes() == b""
    files = [os.readlink(entry) for entry in (proc / "fd").iterdir()]
    assert sum(name.startswith("socket:") for name in files) <= 7  # ours, the loop's own pair, and the reactor's pairs
    assert not [name for name in files if name.startswith("/") and name != "/dev/null"]
    status = (proc / "status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert os.getsid(pid(rt)) == pid(rt)
    limits = (proc / "limits").read_text()
    assert "Max core file size        0" in limits and "Max file size             0" in limits


def test_an_idle_runtime_uses_no_processor(rt: Runtime) -> None:
    rt.eval("1")

    def used() -> list[str]:
        return Path(f"/proc/{pid(rt)}/stat").read_text().rpartition(")")[2].split()[11:13]

    wait_until(lambda: settled(used))
    before = used()
    threading.Event().wait(0.5)
    assert used() == before


def settled(measure: Callable[[], Any]) -> bool:
    before = measure()
    threading.Event().wait(0.1)
    return bool(measure() == before)


# --- crashes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
async def test_a_killed_child_ends_its_operations(rt: Runtime, number: signal.Signals) -> None:
    ended: list[str] = []

    @rt.bind
    async def nap() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("nap")

    waiting = [asyncio.ensure_future(rt.eval_async(code)) for code in ("nap()", NEVER)]
    loop = asyncio.get_running_loop()
    blocked = loop.run_in_executor(None, lambda: rt.eval("for (;;);"))
    await asyncio.sleep(0.2)
    os.kill(pid(rt), number)
    for operation in (*waiting, blocked):
        error = await outcome(operation)
        assert isinstance(error, RuntimeCrashed)
        assert error.signal == number and error.exit_code is None
        assert signal.Signals(number).name in str(error)
        assert sorted(error.in_flight)[-2:] == ["eval_async", "eval_async"]
    await soon(lambda: ended)
    with pytest.raises(RuntimeCrashed):
        rt.eval("1")
    assert not rt.is_closed()


def test_v8_out_of_memory_is_a_crash_of_the_child_alone() -> None:
    with pytest.raises(RuntimeCrashed) as caught:
        with child(max_process_memory=400 << 20, max_heap_size=4 << 30) as rt:
            rt.eval("const all = []; for (;;) all.push({ x: [1, 2, 3] })")
    assert caught.value.signal is not None


def test_the_kernel_stops_a_child_at_its_processor_time() -> None:
    with child(max_process_cpu=1) as rt:
        with pytest.raises(RuntimeCrashed):
            rt.eval("for (;;);")


@pytest.mark.blocks_loop
async def test_a_builtin_that_does_not_yield_ends_the_child(js: Js) -> None:
    with pytest.raises(JavaScriptTimeout):
        await js.eval("Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", timeout=0.1)
    with pytest.raises(RuntimeCrashed, match="V8 did not yield") as caught:
        await js.eval("1 + 1")
    assert caught.value.exit_code == 70


async def test_a_child_that_does_not_answer_is_killed_after_the_deadline(js: Js) -> None:
    os.kill(pid(js.rt), signal.SIGSTOP)
    with pytest.raises(RuntimeCrashed, match="did not answer"):
        await js.eval("1", timeout=0.1)
    wait_until(lambda: gone(pid(js.rt)))


def test_a_nested_evaluation_is_interrupted(rt: Runtime) -> None:
    def interrupt() -> None:
        threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)).start()
        rt.eval("for (;;);")

    rt.bind(interrupt)
    with pytest.raises(KeyboardInterrupt):
        rt.eval("interrupt()")
    assert rt.eval("1 + 1") == 2


async def test_terminate_and_close_end_what_is_in_flight(rt: Runtime, runtimes: MakeRuntime) -> None:
    other = runtimes()
    for runtime, method, error in ((rt, rt.terminate, RuntimeTerminated), (other, other.close, RuntimeClosed)):
        waiting = asyncio.ensure_future(runtime.eval_async(NEVER))
        await asyncio.sleep(0.05)
        method()
        assert isinstance(await outcome(waiting), error)
        with pytest.raises(error):
            await runtime.eval_async("1")
    assert not rt.is_closed() and other.is_closed()
    wait_until(lambda: gone(pid(rt)) and gone(pid(other)))


def test_a_dropped_runtime_takes_its_child_along() -> None:
    rt = child()
    number = pid(rt)
    assert rt.eval("1") == 1
    del rt
    gc.collect()
    wait_until(lambda: gone(number))


def test_a_bootstrap_that_throws_leaves_no_child() -> None:
    with pytest.raises(JavaScriptError, match="no"):
        child(bootstrap="throw new Error('no')")


# --- a child that lies ------------------------------------------------------------------------------------------


def tell(rt: Runtime, data: bytes) -> None:
    """Let the parent read ``data`` as if the child had sent it: the link's end is swapped for a pair of ours."""
    link: Any = rt._native.link
    near, far = socket.socketpair()
    near.setblocking(False)
    os.dup2(near.fileno(), link._socket.fileno())
    near.close()
    # The poll of the old description is over when something is released.
    link.release(0)
    far.sendall(data)
    far.close()


LIES = {
    "noise": b"\xff" * 100,
    "a kind of the host's": frame(Kind.REQUEST, 1),
    "endless": struct.pack("<IBQ", 0xFFFFFFFF, Kind.RESULT, 1),
    "a call of nothing": frame(Kind.HOST_CALL, 1, encode([0, 99, 0]) + encode([])),
    "a malformed call": frame(Kind.HOST_CALL, 1, encode("call")),
    "a call without a head": frame(Kind.HOST_CALL, 1),
    "pending nothing": frame(Kind.PENDING, 1),
    "malformed numbers": frame(Kind.DROP, 0, encode({"a": 1})),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_child_that_lies_is_killed(rt: Runtime, lie: bytes) -> None:
    tell(rt, lie)
    wait_until(lambda: gone(pid(rt)))
    with pytest.raises(RuntimeCrashed, match="broke the protocol"):
        rt.eval("1")


@pytest.mark.parametrize("payload", [b"", b"Z", b"X\x05\x01\x00\x00", encode({"a": 1})[:-1]])
async def test_an_answer_that_is_no_value_is_a_crash(rt: Runtime, payload: bytes) -> None:
    waiting = asyncio.ensure_future(rt.eval_async(NEVER))
    await asyncio.sleep(0.05)
    (number,) = rt._native.requests  # type: ignore[attr-defined]
    tell(rt, frame(Kind.RESULT, number, payload))
    error = await outcome(waiting)
    assert isinstance(error, RuntimeCrashed) and "broke the protocol" in str(error)


def test_a_flood_is_not_read_further_than_it_is_taken(rt: Runtime) -> None:
    most = 200
    flood = frame(Kind.DROP, 0, encode([1])) * most
    tell(rt, flood)
    wait_until(lambda: gone(pid(rt)))
    assert rt._native.link._unread <= 0  # type: ignore[attr-defined]


def test_many_threads_and_loops_share_one_child(rt: Runtime) -> None:
    user: contextvars.ContextVar[int] = contextvars.ContextVar("user")
    rt.bind_function("whoami", lambda *_: user.get())

    def work(number: int) -> list[int]:
        user.set(number)

        async def main() -> list[int]:
            return list(await asyncio.gather(*(rt.eval_async("Promise.resolve().then(whoami)") for _ in range(20))))

        return [rt.eval("whoami()"), *asyncio.run(main())]

    results: list[list[int]] = []
    with ExitStack() as stack:
        for number in range(5):
            stack.enter_context(background(lambda number=number: results.append(work(number))))
    assert sorted(results) == [[number] * 21 for number in range(5)]
    assert in_thread(lambda: rt.eval("undefined")) is undefined
