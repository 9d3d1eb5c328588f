"""Spans of operations, and what host functions see as the current span, in every mode."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from modes import Js, outcome, run_on, soon

import jsrun
from jsrun import JavaScriptError, JavaScriptTimeout, Runtime, RuntimeConfig

trace = pytest.importorskip("opentelemetry.trace")
pytest.importorskip("opentelemetry.sdk.trace")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

TIERS = ["thread", "process"]
_exporter = InMemorySpanExporter()


class Spans:
    """What was exported in a test."""

    def all(self) -> list[ReadableSpan]:
        return list(_exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.all() if span.name == name]
        return found

    def named(self) -> list[str]:
        return [span.name for span in self.all()]


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    """The process has one provider, set once."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_exporter))
    trace.set_tracer_provider(provider)


@pytest.fixture
def spans() -> Iterator[Spans]:
    _exporter.clear()
    yield Spans()
    _exporter.clear()


@pytest.fixture(params=TIERS)
def traced(request: pytest.FixtureRequest, runtimes: Callable[..., Runtime]) -> Runtime:
    """A runtime of either tier, with host functions that make spans."""
    rt = runtimes(tracing=True, isolation=request.param)
    tracer = trace.get_tracer("test")

    def plain() -> str:
        with tracer.start_as_current_span("plain"):
            return "plain"

    async def later() -> str:
        with tracer.start_as_current_span("later"):
            await asyncio.sleep(0.001)
            return "later"

    rt.bind_function("plain", plain)
    rt.bind_function("later", later)
    return rt


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return child.parent is not None and child.parent.span_id == parent.context.span_id


async def test_host_functions_are_children_of_the_evaluation(js: Js, traced: Runtime, spans: Spans) -> None:
    js = Js(traced, js.mode)
    with trace.get_tracer("test").start_as_current_span("request"):
        # Blocked, a running loop cannot run its tasks.
        asynchronous = js.awaited or js.mode.loop is None
        assert await js.eval("plain()", filename="handler.js") == "plain"
        assert trace.get_current_span().name == "request"
    evaluation = spans.one("jsrun.eval")
    assert is_child(spans.one("plain"), evaluation)
    assert is_child(evaluation, spans.one("request"))
    assert evaluation.attributes is not None
    assert dict(evaluation.attributes) == {
        "jsrun.operation": "eval",
        "jsrun.runtime": traced._native.id,
        "jsrun.awaited": js.awaited,
        "jsrun.filename": "handler.js",
    }
    assert evaluation.status.status_code is trace.StatusCode.UNSET
    _exporter.clear()
    if asynchronous:
        await js.eval("Promise.all([later(), later()])")
        evaluation = spans.one("jsrun.eval")
        children = [span for span in spans.all() if span.name == "later"]
        assert len(children) == 2
        assert all(is_child(child, evaluation) for child in children)


async def test_modules_calls_and_promises_have_spans(js: Js, traced: Runtime, spans: Spans) -> None:
    js = Js(traced, js.mode)
    traced.add_static_module("m", "plain()")
    await js.eval_module("m")
    module = spans.one("jsrun.eval_module")
    assert module.attributes is not None
    assert module.attributes["jsrun.specifier"] == "m"
    assert is_child(spans.one("plain"), module)
    function = await js.eval("(function greet() { return plain(); })")
    _exporter.clear()
    await js.call(function)
    call = spans.one("jsrun.call")
    assert call.attributes is not None
    assert call.attributes.get("jsrun.function") == ("greet" if traced._config.isolation == "thread" else None)
    assert is_child(spans.one("plain"), call)
    if js.mode.loop is None or js.awaited:
        promise = (await js.eval("({p: new Promise(r => setTimeout(r, 1))})"))["p"]
        await promise if js.awaited else promise.wait()
        assert spans.one("jsrun.await").attributes is not None


async def test_a_call_that_is_still_pending_has_one_span(traced: Runtime, spans: Spans) -> None:
    function = await traced.eval_async("async () => { plain(); await later(); return plain(); }")
    _exporter.clear()
    pending = function()
    assert "jsrun.call" not in spans.named()
    assert await pending == "plain"
    call = spans.one("jsrun.call")
    assert sorted(span.name for span in spans.all() if is_child(span, call)) == ["later", "plain", "plain"]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_errors_are_recorded(js: Js, traced: Runtime, spans: Spans) -> None:
    js = Js(traced, js.mode)
    with pytest.raises(JavaScriptError):
        await js.eval("throw new TypeError('no such thing')")
    failed = spans.one("jsrun.eval")
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert failed.status.description == "JavaScriptError: TypeError: no such thing"
    (event,) = failed.events
    assert event.name == "exception"
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "jsrun.errors.JavaScriptError"
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "jsrun.errors.JavaScriptError"
    _exporter.clear()
    with pytest.raises(JavaScriptTimeout):
        await js.eval("for (;;);", timeout=0.05)
    assert spans.one("jsrun.eval").status.status_code is trace.StatusCode.ERROR


async def test_a_cancelled_operation_has_not_failed(traced: Runtime, spans: Spans) -> None:
    task = asyncio.ensure_future(traced.eval_async("new Promise(r => globalThis.open = r)"))
    await soon(lambda: traced.get_stats().active_async_ops == 1)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    cancelled = spans.one("jsrun.eval")
    assert cancelled.attributes is not None
    assert cancelled.attributes["jsrun.cancelled"] is True
    assert cancelled.status.status_code is trace.StatusCode.UNSET


async def test_concurrent_operations_do_not_mix(traced: Runtime, spans: Spans) -> None:
    tracer = trace.get_tracer("test")

    async def request(number: int) -> None:
        with tracer.start_as_current_span(f"request {number}"):
            await traced.eval_async("later().then(() => plain())", filename=str(number))

    await asyncio.gather(*map(request, range(10)))
    by_id = {span.context.span_id: span for span in spans.all()}
    for number in range(10):
        outer = spans.one(f"request {number}")
        (inner,) = [span for span in spans.all() if is_child(span, outer)]
        assert inner.attributes is not None
        assert inner.attributes["jsrun.filename"] == str(number)
        assert sorted(span.name for span in by_id.values() if is_child(span, inner)) == ["later", "plain"]


def test_nested_evaluations_nest_their_spans(runtimes: Callable[..., Runtime], spans: Spans) -> None:
    rt = runtimes(tracing=True)
    rt.bind_function("again", lambda: rt.eval("1", filename="inner.js"))
    rt.eval("again()", filename="outer.js")
    inner, outer = spans.all()
    assert is_child(inner, outer)


def test_what_starts_when_awaited_has_its_span_then(runtimes: Callable[..., Runtime], spans: Spans) -> None:
    rt = runtimes(tracing=True)
    operation = rt.eval_async("1")
    assert spans.all() == []

    async def main() -> Any:
        with trace.get_tracer("test").start_as_current_span("awaiting"):
            return await operation

    assert asyncio.run(main()) == 1
    assert is_child(spans.one("jsrun.eval"), spans.one("awaiting"))


def test_what_nobody_awaits_is_still_reported_to_the_loop(runtimes: Callable[..., Runtime], spans: Spans) -> None:
    rt = runtimes(tracing=True)

    async def main() -> None:
        rt.eval_async("throw new Error('unseen')")
        await soon(lambda: spans.all())
        gc.collect()

    with pytest.raises(AssertionError, match="exception was never retrieved"):
        run_on("asyncio", main)
    assert spans.one("jsrun.eval").status.status_code is trace.StatusCode.ERROR


def test_an_operation_whose_loop_goes_ends_its_span(runtimes: Callable[..., Runtime], spans: Spans) -> None:
    rt = runtimes(tracing=True)
    loop = asyncio.new_event_loop()

    async def main() -> Any:
        return rt.eval_async("new Promise(r => globalThis.open = r)")

    operation = loop.run_until_complete(main())
    loop.close()
    del operation
    gc.collect()
    rt.close()
    gc.collect()
    assert spans.one("jsrun.eval").end_time is not None


def test_a_tracer_that_raises_is_not_in_the_way(
    runtimes: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jsrun import _tracing

    def broken(*_: object) -> None:
        raise ValueError("no span today")

    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    monkeypatch.setattr(_tracing.Tracer, "begin", broken)
    assert runtimes(tracing=True).eval("1 + 1") == 2
    assert [str(each.exc_value) for each in unraisable] == ["no span today"]


def test_no_spans_unless_asked_for(rt: Runtime, spans: Spans) -> None:
    rt.eval("1")
    asyncio.run(rt.eval_async("1"))
    assert spans.all() == []


def test_pools_trace_their_runtimes(spans: Spans) -> None:
    with jsrun.RuntimePool(size=1, config=RuntimeConfig(tracing=True)) as pool, pool.runtime() as rt:
        rt.eval("1", filename="pooled.js")
    assert "jsrun.eval" in spans.named()


def test_tracing_is_a_bool() -> None:
    with pytest.raises(TypeError, match="tracing must be a bool"):
        RuntimeConfig(tracing=1)  # type: ignore[arg-type]


def test_without_opentelemetry_it_is_said_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None; sys.modules['opentelemetry.trace'] = None\n"
        "import jsrun\n"
        "with jsrun.Runtime() as rt: assert rt.eval('1') == 1\n"
        "jsrun.RuntimeConfig(tracing=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "ImportError: tracing=True needs opentelemetry-api; install it with: " in done.stderr
    assert "pip install 'jsrun[otel]'" in done.stderr
