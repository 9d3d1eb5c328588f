"""Debugging: breakpoints, stepping, what still works while JavaScript is paused, and how a pause ends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cdp
import pytest
from modes import outcome, soon

import jsrun
from jsrun import InspectorConfig, JavaScriptTimeout, Runtime, RuntimeClosed, RuntimeTerminated, SnapshotBuilder

SCRIPT = """function area(width, height) {
  const product = width * height;
  return product;
}
area(6, 7)"""
SPIN = "started(); while (!globalThis.enough) { globalThis.turns = (globalThis.turns ?? 0) + 1; }"


@pytest.fixture
def rt() -> Iterator[Runtime]:
    """A runtime with an inspector."""
    with Runtime(inspector=InspectorConfig(port=0)) as runtime:
        yield runtime


@pytest.fixture
def client(rt: Runtime) -> Iterator[cdp.Client]:
    """A debugger that is attached to it."""
    with cdp.Client(rt) as session:
        session.debug()
        yield session


@contextmanager
def beside(rt: Runtime, work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Run blocking work in a thread of its own; a test that fails meanwhile ends it."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(work)
        except BaseException:
            rt.terminate()
            raise


@contextmanager
def spinning(rt: Runtime) -> Iterator[Future[Any]]:
    """JavaScript that runs until `enough` is set; it has begun when the block begins."""
    started = threading.Event()
    rt.bind_function("started", started.set)
    with beside(rt, lambda: rt.eval(SPIN, timeout=60, filename="spin.js")) as result:
        assert started.wait(20)
        yield result


def test_a_breakpoint_by_url_a_local_and_steps(rt: Runtime, client: cdp.Client) -> None:
    client.call("Debugger.setBreakpointByUrl", url="area.js", lineNumber=1)
    with beside(rt, lambda: rt.eval(SCRIPT, filename="area.js")) as result:
        frame = client.paused()
        assert (frame["functionName"], frame["location"]["lineNumber"]) == ("area", 1)
        assert [client.local(frame, name) for name in ("width", "height", "product")] == [6, 7, None]
        client.call("Debugger.stepOver")
        frame = client.paused()
        assert frame["location"]["lineNumber"] == 2
        assert client.local(frame, "product") == 42
        value = client.call("Debugger.evaluateOnCallFrame", callFrameId=frame["callFrameId"], expression="width + 1")
        assert value["result"]["value"] == 7
        client.call(
            "Debugger.setVariableValue",
            scopeNumber=0,
            variableName="width",
            newValue={"value": 1},
            callFrameId=frame["callFrameId"],
        )
        assert not result.done()
        client.call("Debugger.resume")
        assert result.result(20) == 42


def test_stepping_into_and_out(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval(f"debugger;\n{SCRIPT}", filename="steps.js")) as result:
        assert client.paused()["location"]["lineNumber"] == 0
        client.call("Debugger.stepOver")
        assert client.paused()["location"]["lineNumber"] == 5
        client.call("Debugger.stepInto")
        assert client.paused()["functionName"] == "area"
        client.call("Debugger.stepOut")
        assert client.paused()["functionName"] == ""
        client.call("Debugger.resume")
        assert result.result(20) == 42


def test_debugger_statements_without_a_debugger_do_nothing(rt: Runtime) -> None:
    assert rt.eval("debugger; 42") == 42
    with cdp.Client(rt) as client:
        client.call("Runtime.enable")
        assert rt.eval("debugger; 43") == 43


def test_exceptions_pause_when_asked(rt: Runtime, client: cdp.Client) -> None:
    client.call("Debugger.setPauseOnExceptions", state="all")
    with beside(rt, lambda: rt.eval("try { null.x } catch (error) { error.name }")) as result:
        assert client.event("Debugger.paused")["reason"] == "exception"
        client.call("Debugger.resume")
        assert result.result(20) == "TypeError"


async def test_a_promise_job_pauses_and_the_loop_goes_on(rt: Runtime, client: cdp.Client) -> None:
    waiting = asyncio.ensure_future(rt.eval_async("Promise.resolve(20).then((n) => { debugger; return n + 1; })"))
    frame = await asyncio.to_thread(client.paused)
    assert client.local(frame, "n") == 20
    beats = 0
    for _ in range(10):
        await asyncio.sleep(0.001)
        beats += 1
    assert not waiting.done()
    client.call("Debugger.resume")
    assert await waiting == 21
    assert beats == 10


def test_scripts_and_source_maps(rt: Runtime, client: cdp.Client) -> None:
    source = "globalThis.answer = 42; //# sourceMappingURL=data:application/json;base64,e30="
    rt.eval(source, filename="mapped.js")
    script = client.event("Debugger.scriptParsed", lambda params: params["url"] == "mapped.js")
    assert script["sourceMapURL"].startswith("data:application/json")
    assert client.call("Debugger.getScriptSource", scriptId=script["scriptId"])["scriptSource"] == source
    rt.eval("1", filename="/srv/app/main.js")
    client.event("Debugger.scriptParsed", lambda params: params["url"] == "file:///srv/app/main.js")


def test_modules_have_breakpoints(rt: Runtime, client: cdp.Client) -> None:
    rt.add_static_module("shapes", "export function twice(n) {\n  return n * 2;\n}")
    assert rt.eval_module("shapes").twice(1) == 2
    url = client.event("Debugger.scriptParsed", lambda params: "shapes" in params["url"])["url"]
    client.call("Debugger.setBreakpointByUrl", url=url, lineNumber=1)
    with beside(rt, lambda: rt.eval_module("shapes").twice(21)) as result:
        assert client.local(client.paused(), "n") == 21
        client.call("Debugger.resume")
        assert result.result(20) == 42


def test_console_calls_arrive_with_the_callers_place(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        Runtime(inspector=InspectorConfig(port=0), enable_console=True) as rt,
        cdp.Client(rt) as client,
    ):
        client.debug()
        rt.eval("\n\nconsole.warn('careful', {a: 1}); console.log.name", filename="loud.js")
        event = client.event("Runtime.consoleAPICalled")
        assert event["type"] == "warning"
        assert event["args"][0]["value"] == "careful"
        assert event["args"][1]["type"] == "object"
        place = event["stackTrace"]["callFrames"][0]
        assert (place["url"], place["lineNumber"]) == ("loud.js", 2)
    assert capsys.readouterr().err == "careful { a: 1 }\n"


def test_what_was_said_before_a_client_came_arrives(rt: Runtime) -> None:
    rt.eval("console.log('early')")
    with cdp.Client(rt) as client:
        client.call("Runtime.enable")
        assert client.event("Runtime.consoleAPICalled")["args"][0]["value"] == "early"


def test_a_console_that_is_inspected_looks_the_same(rt: Runtime) -> None:
    with Runtime() as plain:
        for code in (
            "Object.keys(console).filter((name) => typeof console[name] === 'function').sort()",
            "['log', 'warn', 'table'].map((name) => console[name].name)",
            "String(console)",
            "console.log(1)",
        ):
            if code.startswith("Object.keys"):
                assert set(plain.eval(code)) <= set(rt.eval(code))
            else:
                assert rt.eval(code) == plain.eval(code)


def test_exceptions_that_nobody_caught_arrive(runtimes: Callable[..., Runtime]) -> None:
    heard: list[Exception] = []
    rt = runtimes(inspector=InspectorConfig(port=0), on_unhandled_rejection=heard.append)
    with cdp.Client(rt) as client:
        client.debug()
        rt.eval("Promise.reject(new RangeError('nobody')); 1", filename="lost.js")
        details = client.event("Runtime.exceptionThrown")["exceptionDetails"]
        assert details["exception"]["className"] == "RangeError"
        assert details["stackTrace"]["callFrames"][0]["url"] == "lost.js"
        rt.eval("new Promise((done) => setTimeout(() => { setTimeout(done); throw new Error('late') }))")
        details = client.event("Runtime.exceptionThrown")["exceptionDetails"]
        assert "late" in details["exception"]["description"]
    assert len(heard) == 2


def test_pause_gets_hold_of_a_busy_loop(rt: Runtime, client: cdp.Client) -> None:
    with spinning(rt) as result:
        client.call("Debugger.pause")
        frame = client.paused()
        assert frame["url"] == "spin.js"
        client.evaluate("globalThis.enough = true")
        client.call("Debugger.resume")
        result.result(20)


def test_a_breakpoint_set_in_a_busy_loop(rt: Runtime, client: cdp.Client) -> None:
    code = "started();\nwhile (!globalThis.enough) {\n  Math.sqrt(2);\n}"
    started = threading.Event()
    rt.bind_function("started", started.set)
    with beside(rt, lambda: rt.eval(code, timeout=60, filename="busy.js")) as result:
        assert started.wait(20)
        client.call("Debugger.setBreakpointByUrl", url="busy.js", lineNumber=2)
        frame = client.paused()
        assert frame["location"]["lineNumber"] == 2
        client.call("Debugger.setBreakpointsActive", active=False)
        client.evaluate("globalThis.enough = true")
        client.call("Debugger.resume")
        result.result(20)


def test_a_client_comes_while_javascript_is_busy(rt: Runtime) -> None:
    with spinning(rt) as result:
        with cdp.Client(rt) as client:
            client.call("Debugger.enable")
            late = client.send("Runtime.evaluate", expression="globalThis.enough = true")
            # It would run user code between two steps of other code: it waits, and `pause` gets ahead of it.
            client.call("Debugger.pause")
            assert not result.done()
            client.event("Debugger.paused")
            assert client.answer(late)["result"]["value"] is True
            client.call("Debugger.resume")
            result.result(20)


def test_evaluating_waits_for_a_host_function(rt: Runtime, client: cdp.Client) -> None:
    entered, leave = Future[None](), Future[None]()

    def host() -> int:
        entered.set_result(None)
        leave.result(20)
        return 1

    rt.bind_function("host", host)
    with (
        cdp.Client(rt) as other,
        beside(rt, lambda: rt.eval("globalThis.done = false; host(); globalThis.done = true")) as result,
    ):
        entered.result(20)
        late = client.send("Runtime.evaluate", expression="globalThis.done")
        assert other.call("Runtime.getHeapUsage")["usedSize"] > 0
        leave.set_result(None)
        assert result.result(20) is True
        assert client.answer(late)["result"]["value"] is True


def test_a_host_function_called_by_an_evaluation(rt: Runtime, client: cdp.Client) -> None:
    rt.bind_function("add", lambda a, b: a + b)
    with beside(rt, lambda: rt.eval("debugger; add(1, 2)")) as result:
        client.paused()
        late = client.send("Runtime.evaluate", expression="add(20, 22)")
        assert client.answer(late)["result"]["value"] == 42
        client.call("Debugger.resume")
        assert result.result(20) == 3


def test_a_flood_while_paused(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval("debugger; 42")) as result:
        client.paused()
        numbers = [client.send("Runtime.evaluate", expression=str(n)) for n in range(2000)]
        assert [client.answer(number)["result"]["value"] for number in numbers] == list(range(2000))
        client.call("Debugger.resume")
        assert result.result(20) == 42
    assert client.evaluate("6 * 7") == 42


def test_a_heap_snapshot_for_a_client_while_paused(rt: Runtime, client: cdp.Client) -> None:
    rt.eval("globalThis.kept = Array.from({length: 1000}, (_, n) => 'needle' + n); 1")
    with beside(rt, lambda: rt.eval("debugger; 42")) as result:
        client.paused()
        client.call("HeapProfiler.takeHeapSnapshot", reportProgress=False)
        chunks = [event["params"]["chunk"] for event in client.events if "Chunk" in event["method"]]
        assert "needle999" in json.loads("".join(chunks))["strings"]
        client.call("Debugger.resume")
        assert result.result(20) == 42


def test_a_client_that_goes_in_the_middle_of_a_heap_snapshot(rt: Runtime) -> None:
    # More than what may be on its way to one client.
    rt.eval("globalThis.kept = []; for (let n = 0; n < 75000; n++) kept.push('x'.repeat(990) + n); 1")
    with cdp.Client(rt) as client:
        client.send("HeapProfiler.takeHeapSnapshot", reportProgress=False)
        client.message()
    assert rt.eval("kept.length", timeout=60) == 75000


def test_two_clients_and_one_goes(rt: Runtime, client: cdp.Client) -> None:
    with cdp.Client(rt) as other:
        other.debug()
        with beside(rt, lambda: rt.eval("debugger; 42")) as result:
            client.paused()
            other.paused()
            other.drop()
            assert client.evaluate("1 + 1") == 2
            assert not result.done()
            client.call("Debugger.resume")
            assert result.result(20) == 42


# ---- how a pause ends ------------------------------------------------------------------------------------------------


def test_a_client_that_goes_while_paused_lets_javascript_go_on(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval("debugger; 42")) as result:
        client.paused()
        client.drop()
        assert result.result(20) == 42
    assert rt.eval("debugger; 43") == 43


def test_a_debugger_that_is_disabled_while_paused(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval("debugger; 42")) as result:
        client.paused()
        client.call("Debugger.disable")
        assert result.result(20) == 42


def test_a_timeout_while_paused(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval("debugger; 42", timeout=0.3)) as result:
        client.paused()
        with pytest.raises(JavaScriptTimeout):
            result.result(20)
    client.event("Debugger.resumed")
    assert rt.eval("43") == 43


async def test_cancelling_while_paused(rt: Runtime, client: cdp.Client) -> None:
    task = asyncio.ensure_future(rt.eval_async("debugger; 42"))
    await asyncio.to_thread(client.paused)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    await asyncio.to_thread(client.event, "Debugger.resumed")
    assert await rt.eval_async("43") == 43


async def test_wait_for_while_a_promise_job_is_paused(rt: Runtime, client: cdp.Client) -> None:
    task = asyncio.ensure_future(asyncio.wait_for(rt.eval_async("Promise.resolve().then(() => { debugger; })"), 0.3))
    await asyncio.to_thread(client.paused)
    with pytest.raises(asyncio.TimeoutError):
        await task
    await asyncio.to_thread(client.event, "Debugger.resumed")
    assert await rt.eval_async("43") == 43


async def test_others_that_wait_behind_a_pause_keep_their_timeouts(rt: Runtime, client: cdp.Client) -> None:
    paused = asyncio.ensure_future(rt.eval_async("debugger; 42"))
    await asyncio.to_thread(client.paused)
    with pytest.raises(JavaScriptTimeout):
        await rt.eval_async("1", timeout=0.1)
    client.call("Debugger.resume")
    assert await paused == 42


async def test_closing_while_paused(rt: Runtime, client: cdp.Client) -> None:
    paused = asyncio.ensure_future(rt.eval_async("debugger; 42"))
    await asyncio.to_thread(client.paused)
    await rt.aclose()
    assert isinstance(await outcome(paused), RuntimeClosed)
    with pytest.raises(cdp.Closed):
        await asyncio.to_thread(client.event, "never")


def test_terminating_while_paused(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval("debugger; 42")) as result:
        client.paused()
        rt.terminate()
        with pytest.raises(RuntimeTerminated):
            result.result(20)
    with pytest.raises(cdp.ProtocolError, match="terminated"):
        client.evaluate("1")


def test_a_runtime_that_nobody_holds_ends_while_paused() -> None:
    runtime = Runtime(inspector=InspectorConfig(port=0))
    with cdp.Client(runtime) as client:
        client.debug()
        runtime.eval("setTimeout(() => { debugger; })")
        client.paused()
        del runtime
        with pytest.raises(cdp.Closed):
            client.event("never")


def test_an_endless_evaluation_of_the_client(rt: Runtime, client: cdp.Client) -> None:
    endless = client.send("Runtime.evaluate", expression="function turn() {} for (;;) turn();")
    client.call("Debugger.pause")
    client.paused()
    client.call("Runtime.terminateExecution")
    # V8 answers with an error, or a result without a value: it has ended, in any case.
    try:
        client.answer(endless)
    except cdp.ProtocolError as error:
        assert "terminated" in str(error)
    assert client.evaluate("6 * 7") == 42
    assert rt.eval("6 * 7") == 42


def test_the_client_stops_an_evaluation_of_the_host(rt: Runtime, client: cdp.Client) -> None:
    with spinning(rt) as result:
        client.call("Runtime.terminateExecution")
        with pytest.raises(RuntimeTerminated):
            result.result(20)
    assert rt.eval("6 * 7") == 42


def test_resuming_only_to_end(rt: Runtime, client: cdp.Client) -> None:
    with beside(rt, lambda: rt.eval("debugger; 42")) as result:
        client.paused()
        client.call("Debugger.resume", terminateOnResume=True)
        with pytest.raises(RuntimeTerminated):
            result.result(20)
    assert rt.eval("6 * 7") == 42


def test_stopping_when_nothing_runs_stops_nothing(rt: Runtime, client: cdp.Client) -> None:
    for _ in range(3):
        client.call("Runtime.terminateExecution")
        assert rt.eval("6 * 7") == 42


# ---- waiting for a client --------------------------------------------------------------------------------------------


def waiting_runtime(**options: Any) -> Runtime:
    """A runtime whose user code waits for a client."""
    config = InspectorConfig(port=0, wait_for_connection=True, break_on_next_statement=options.pop("pause", False))
    return Runtime(inspector=config, **options)


async def test_waiting_blocks_no_loop_and_breakpoints_come_in_time() -> None:
    with waiting_runtime() as rt:
        rt.bind_function("host", lambda: 1)
        task = asyncio.ensure_future(rt.eval_async(SCRIPT, filename="first.js"))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not task.done()
        with await asyncio.to_thread(cdp.Client, rt) as client:

            def debug() -> Any:
                client.call("Debugger.enable")
                client.call("Debugger.setBreakpointByUrl", url="first.js", lineNumber=2)
                client.call("Runtime.runIfWaitingForDebugger")
                value = client.local(client.paused(), "product")
                client.call("Debugger.resume")
                return value

            assert await asyncio.to_thread(debug) == 42
            assert await task == 42
        assert await rt.eval_async("host()") == 1


def test_order_is_kept_when_the_wait_ends() -> None:
    with waiting_runtime() as rt, ThreadPoolExecutor(1) as pool:

        async def three() -> list[int]:
            rt.eval_async("globalThis.seen = []")
            codes = (f"seen.push({n}); seen.length" for n in range(5))
            return await asyncio.gather(*(rt.eval_async(code) for code in codes))

        result = pool.submit(asyncio.run, three())
        with cdp.Client(rt) as client:
            client.call("Runtime.runIfWaitingForDebugger")
            assert result.result(20) == [1, 2, 3, 4, 5]
        assert rt.eval("seen") == [0, 1, 2, 3, 4]


def test_a_client_that_says_nothing_lets_user_code_run() -> None:
    with waiting_runtime() as rt, cdp.Client(rt):
        assert rt.eval("6 * 7", timeout=20) == 42


def test_a_client_that_goes_again_does_not_end_the_wait() -> None:
    with waiting_runtime() as rt:
        with cdp.Client(rt) as client:
            client.call("Debugger.enable")
        with pytest.raises(JavaScriptTimeout):
            rt.eval("1", timeout=0.2)


def test_timeouts_count_while_waiting() -> None:
    with waiting_runtime() as rt:
        with pytest.raises(JavaScriptTimeout):
            rt.eval("1", timeout=0.2)
        with cdp.Client(rt) as client:
            client.call("Runtime.runIfWaitingForDebugger")
            assert rt.eval("globalThis.ran ?? 'not run'") == "not run"


async def test_cancelling_while_waiting() -> None:
    with waiting_runtime() as rt:
        task = asyncio.ensure_future(rt.eval_async("globalThis.ran = true"))
        await asyncio.sleep(0.01)
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        with await asyncio.to_thread(cdp.Client, rt) as client:
            await asyncio.to_thread(client.call, "Runtime.runIfWaitingForDebugger")
            assert await rt.eval_async("globalThis.ran") is jsrun.undefined


@pytest.mark.parametrize("end", ["close", "terminate"])
async def test_ending_while_waiting(end: str) -> None:
    with waiting_runtime() as rt:
        task = asyncio.ensure_future(rt.eval_async("1"))
        await asyncio.sleep(0.01)
        if end == "close":
            await rt.aclose()
        else:
            rt.terminate()
        assert isinstance(await outcome(task), RuntimeClosed if end == "close" else RuntimeTerminated)


def test_the_bootstrap_script_does_not_wait() -> None:
    with waiting_runtime(bootstrap="globalThis.ready = true") as rt, cdp.Client(rt) as client:
        assert client.evaluate("ready") is True


def test_pausing_at_the_first_statement() -> None:
    with (
        waiting_runtime(pause=True) as rt,
        beside(rt, lambda: rt.eval("\nlet n = 1;\nn + 41", filename="main.js")) as done,
    ):
        with cdp.Client(rt) as client:
            client.debug()
            frame = client.paused()
            assert (frame["url"], frame["location"]["lineNumber"]) == ("main.js", 1)
            client.call("Debugger.resume")
            assert done.result(20) == 42
            assert rt.eval("43") == 43


def test_pausing_at_the_next_statement_without_waiting() -> None:
    config = InspectorConfig(port=0, break_on_next_statement=True)
    with Runtime(inspector=config) as rt:
        assert rt.eval("1") == 1
        with cdp.Client(rt) as client:
            client.debug()
            with beside(rt, lambda: rt.eval("42")) as result:
                client.paused()
                client.call("Debugger.resume")
                assert result.result(20) == 42


# ---- what it costs, and snapshots ------------------------------------------------------------------------------------


def test_a_runtime_from_a_snapshot_is_debugged() -> None:
    builder = SnapshotBuilder()
    builder.execute_script("lib.js", "globalThis.twice = function twice(n) {\n  return n * 2;\n}")
    with Runtime(snapshot=builder.build(), inspector=InspectorConfig(port=0)) as rt, cdp.Client(rt) as client:
        client.debug()
        with beside(rt, lambda: rt.eval("debugger; twice(21)")) as result:
            client.paused()
            client.call("Debugger.stepInto")
            assert client.paused()["functionName"] in {"", "twice"}
            client.call("Debugger.resume")
            assert result.result(20) == 42


@pytest.mark.parametrize("state", ["idle", "waiting", "paused"])
def test_nothing_spins(state: str) -> None:
    with waiting_runtime() as rt, ThreadPoolExecutor(1) as pool, cdp.Client(rt) as client:
        if state != "waiting":
            client.debug()
        result = pool.submit(rt.eval, "debugger; 42" if state == "paused" else "42")
        if state == "paused":
            client.paused()
        elif state == "idle":
            assert result.result(20) == 42
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.25
        if state == "waiting":
            client.debug()
        elif state == "paused":
            client.call("Debugger.resume")
        assert result.result(20) == 42


async def test_a_loop_that_closes_while_javascript_is_paused(rt: Runtime, client: cdp.Client) -> None:
    tasks = [asyncio.ensure_future(rt.eval_async("debugger; 42"))]
    await asyncio.to_thread(client.paused)
    tasks[0].cancel()
    await soon(tasks[0].done)
    assert tasks[0].cancelled()
