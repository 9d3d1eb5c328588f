"""The console: silent unless asked for, printed or handed over, bounded, and no danger to anybody."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js

import jsrun
from jsrun import ConsoleMessage, JavaScriptError, JavaScriptTimeout, JsFunction, Runtime, RuntimeClosed, RuntimeConfig

MakeRuntime = Callable[..., Runtime]


async def printed(js: Js, code: str, **options: Any) -> tuple[str, str]:
    """What `code` writes to the two streams."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        await js.eval(code, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def talking(js: Js, runtimes: MakeRuntime) -> Js:
    """A runtime whose console prints."""
    return Js(runtimes(enable_console=True), js.mode)


# --- where it goes ----------------------------------------------------------------------------------------------


async def test_it_is_there_and_silent_by_default(js: Js) -> None:
    code = "console.log(1); console.error(2); console.trace(); console.group(); console.table([1]); typeof console.info"
    assert await printed(js, code) == ("", "")
    assert await js.eval(code) == "function"


async def test_levels_choose_the_stream(js: Js, talking: Js) -> None:
    code = "for (const level of ['debug', 'log', 'info', 'warn', 'error']) console[level](level)"
    assert await printed(talking, code) == ("debug\nlog\ninfo\n", "warn\nerror\n")


async def test_the_streams_are_those_of_the_moment(js: Js, talking: Js) -> None:
    assert await printed(talking, "console.log('one')") == ("one\n", "")
    assert await printed(talking, "console.log('two')") == ("two\n", "")


async def test_without_a_stream_nothing_is_lost_but_text(js: Js, talking: Js, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert await talking.eval("console.log('x'); 5") == 5


@pytest.mark.parametrize("options", [{"enable_console": None}, {"enable_console": False}, {}])
def test_no_console_means_silence(runtimes: MakeRuntime, options: Any, capfd: pytest.CaptureFixture[str]) -> None:
    runtimes(**options).eval("console.log(1); console.error(2)")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("option", "value"), [("enable_console", "yes"), ("enable_console", 1), ("on_console", 5)])
def test_bad_options_are_named(option: str, value: Any) -> None:
    with pytest.raises(TypeError, match=option):
        RuntimeConfig(**{option: value})


def test_a_handler_implies_the_console() -> None:
    assert RuntimeConfig(on_console=print).enable_console is True
    assert RuntimeConfig().enable_console is False


# --- what it says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("", ""),
        ("'a', 1, -0, 1n, null, undefined, true", "a 1 -0 1n null undefined true"),
        ("['a'], {b: {c: [1]}}", '[ "a" ] { b: { c: [ 1 ] } }'),
        ("new Map([[1, 'x']]), new Set([1])", 'Map(1) { 1 => "x" } Set(1) { 1 }'),
        ("Symbol('s'), function f() {}, class A {}", "Symbol(s) [Function: f] [class A]"),
        ("'%s is %d, %f and %i%%, %o', 'Bob', 4.5, 4.5, 4.5, {}, 'rest'", "Bob is 4, 4.5 and 4%, {} rest"),
        ("'%cstyled', 'color: red'", "styled"),
        ("(() => { const o = {}; o.o = o; return o })()", "<ref *1> { o: [Circular *1] }"),
        ("{get a() { throw 1 }}", "{ a: [Getter] }"),
        ("new Proxy({}, {get() { throw 1 }})", "{}"),
        ("Object.create(null)", "[Object: null prototype] {}"),
        ("new Uint8Array(2), new Date(0)", "Uint8Array(2) [ 0, 0 ] 1970-01-01T00:00:00.000Z"),
        ("new Blob(['abc'])", 'Blob { size: 3, type: "" }'),
    ],
)
async def test_values_are_shown(js: Js, talking: Js, arguments: str, text: str) -> None:
    assert await printed(talking, f"console.log({arguments})") == (text + "\n", "")


async def test_errors_are_shown_with_their_stack(js: Js, talking: Js) -> None:
    code = "console.log(new RangeError('bad', {cause: new Error('root')}))"
    out, _ = await printed(talking, code, filename="app.js")
    assert out.startswith("RangeError: bad\n    at app.js:1:13")
    assert "[cause]: Error: root" in out


async def test_groups_indent_every_line(js: Js, talking: Js) -> None:
    code = """console.group('G', 1); console.log('a\\nb'); console.groupCollapsed(); console.warn('deep');
              console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log('out')"""
    assert await printed(talking, code) == ("G 1\n  a\n  b\nout\n", "    deep\n")


async def test_counts(js: Js, talking: Js) -> None:
    code = """console.count(); console.count('x'); console.count(); console.countReset(); console.count();
              console.countReset('nope')"""
    assert await printed(talking, code) == (
        "default: 1\nx: 1\ndefault: 2\ndefault: 1\n",
        "Count for 'nope' does not exist\n",
    )


async def test_times(js: Js, talking: Js) -> None:
    code = """console.time('t'); console.time('t'); await new Promise((r) => setTimeout(r, 30));
              console.timeLog('t', 'more'); console.timeEnd('t'); console.timeEnd('t')"""
    out, err = await printed(talking, code)
    first, second = out.splitlines()
    assert first.startswith("t: ") and first.endswith(" ms more")
    assert int(first.split()[1]) >= 29
    assert second.startswith("t: ") and second.endswith(" ms")
    assert err == "Timer 't' already exists\nTimer 't' does not exist\n"


async def test_assertions(js: Js, talking: Js) -> None:
    code = """console.assert(true, 'no'); console.assert(false, 'said %s', 'so'); console.assert(0, {a: 1});
              console.assert()"""
    text = "Assertion failed: said so\nAssertion failed { a: 1 }\nAssertion failed\n"
    assert await printed(talking, code) == ("", text)


async def test_a_trace_shows_the_stack(js: Js, talking: Js) -> None:
    out, err = await printed(talking, "function f() { console.trace('here %s', 1) } f()", filename="app.js")
    assert (out, err.startswith("Trace: here 1\n")) == ("", True)
    assert "at f (app.js:1:" in err


async def test_a_trace_begins_with_the_caller(js: Js, talking: Js) -> None:
    _, err = await printed(talking, "function f() { console.trace() } f()", filename="app.js")
    assert err.splitlines()[1].startswith("    at f (app.js:1:")


async def test_dir_takes_options(js: Js, talking: Js) -> None:
    code = "console.dir({a: {b: {c: {d: 1}}}}, {depth: 0}); console.dirxml('x', 1); console.table([{a: 1}])"
    out, _ = await printed(talking, code)
    assert out.startswith("{ a: [Object] }\nx 1\n")
    assert "a" in out.splitlines()[2]


async def test_methods_may_be_taken_off(js: Js, talking: Js) -> None:
    assert await printed(talking, "const {log, group, groupEnd} = console; group(); log(1); groupEnd(); log(2)") == (
        "  1\n2\n",
        "",
    )


async def test_a_long_text_is_cut(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    await heard.eval("console.log('x'.repeat(3e6))")
    assert messages[0].text.endswith("x [cut]")
    assert 1_000_000 < len(messages[0].text) < 1_100_000


# --- on_console ---------------------------------------------------------------------------------------------------


async def test_a_handler_gets_messages(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    out = await printed(heard, "console.log('a', 1, {b: [2]}); console.warn('%s!', 'w'); console.error(new Error('e'))")
    assert out == ("", "")
    assert messages[:2] == [
        ConsoleMessage("log", "a 1 { b: [ 2 ] }", ("a", 1, {"b": [2]}), 0),
        ConsoleMessage("warning", "w!", ("%s!", "w"), 0),
    ]
    assert (messages[2].level, messages[2].text.splitlines()[0]) == ("error", "Error: e")
    assert isinstance(messages[2].args[0], JavaScriptError)
    assert "ConsoleMessage" in jsrun.__all__
    with pytest.raises(dataclasses.FrozenInstanceError):
        messages[0].text = "x"  # type: ignore[misc]


async def test_arguments_without_a_python_form_are_left_out(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    await heard.eval("console.log('a', Symbol('s')); console.log(new WeakMap()); console.log((x) => x + 1)")
    assert [(message.text, message.args) for message in messages[:2]] == [
        ("a Symbol(s)", ()),
        ("WeakMap { <items unknown> }", ()),
    ]
    (function,) = messages[2].args
    assert isinstance(function, JsFunction)
    assert await heard.call(function, 1) == 2


async def test_messages_come_in_order_before_the_result(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    await heard.eval("for (let i = 0; i < 500; i++) console.log(i); await null; console.log('end')")
    assert [message.args[0] for message in messages] == [*range(500), "end"]


async def test_a_handler_runs_on_the_thread_that_waits(js: Js, runtimes: MakeRuntime) -> None:
    threads: list[threading.Thread] = []
    talking = Js(runtimes(on_console=lambda _: threads.append(threading.current_thread())), js.mode)
    await talking.eval("console.log(1); await new Promise((r) => setTimeout(r, 5)); console.log(2)")
    assert threads == [threading.current_thread()] * 2


async def test_a_handler_may_use_the_runtime(js: Js, runtimes: MakeRuntime) -> None:
    seen: list[Any] = []
    rt = runtimes(on_console=lambda message: seen.append(rt.eval(f"{message.text} * 2", timeout=10)))
    assert await Js(rt, js.mode).eval("console.log(21); 'done'", timeout=20) == "done"
    assert seen == [42]


async def test_a_handler_may_close_the_runtime(js: Js, runtimes: MakeRuntime) -> None:
    rt = runtimes(on_console=lambda _: rt.close())
    with contextlib.suppress(RuntimeClosed):
        await Js(rt, js.mode).eval("console.log(1)", timeout=20)
    assert rt.is_closed()


async def test_a_handler_that_raises_fails_nothing(
    js: Js, runtimes: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: raised.append(str(report.exc_value)))

    def handler(message: ConsoleMessage) -> None:
        raise ValueError(message.text)

    talking = Js(runtimes(on_console=handler), js.mode)
    assert await talking.eval("console.log('one'); console.log('two'); 5") == 5
    assert raised == ["one", "two"]
    assert await talking.eval("1 + 1") == 2


def test_a_keyboard_interrupt_in_a_handler_goes_on(runtimes: MakeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    def handler(_: ConsoleMessage) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runtimes(on_console=handler).eval("console.log(1); 5")


async def test_formatting_errors_are_the_callers(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    with pytest.raises(JavaScriptError, match="mine"):
        await heard.eval("console.log('%s', {toString() { throw new Error('mine') }})")
    assert await heard.eval("console.log('next'); 1") == 1
    assert [message.text for message in messages] == ["next"]


def test_the_bootstrap_is_heard(runtimes: MakeRuntime, messages: list[ConsoleMessage]) -> None:
    runtimes(on_console=messages.append, bootstrap="console.log('early')").eval("1")
    assert [message.text for message in messages] == ["early"]


def test_consoles_share_nothing(runtimes: MakeRuntime) -> None:
    one, other = [], []
    first, second = runtimes(on_console=one.append), runtimes(on_console=other.append)
    first.eval("console.group(); console.count(); console.time()")
    second.eval("console.count(); console.log('x'); console.timeEnd()")
    assert [message.text for message in one] == ["  default: 1"]
    assert [message.text for message in other] == ["default: 1", "x", "Timer 'default' does not exist"]


# --- floods -------------------------------------------------------------------------------------------------------


@pytest.mark.blocks_loop
async def test_a_flood_is_bounded_and_counted(js: Js, runtimes: MakeRuntime) -> None:
    messages: list[ConsoleMessage] = []

    def slow(message: ConsoleMessage) -> None:
        messages.append(message)
        time.sleep(0.001)

    flooding = Js(runtimes(on_console=slow), js.mode)
    assert await flooding.eval("for (let i = 0; i < 1e6; i++) console.log(i); 'done'", timeout=50) == "done"
    await flooding.eval("console.log('last')")
    assert messages[-1].text == "last"
    assert len(messages) < 500_000
    assert messages[0].dropped == 0 < max(message.dropped for message in messages)
    assert len(messages) + sum(message.dropped for message in messages) == 1_000_001
    assert await flooding.eval("1 + 1") == 2


@pytest.mark.blocks_loop
async def test_a_flood_leaves_the_loop_to_others(runtimes: MakeRuntime) -> None:
    rt = runtimes(on_console=lambda _: time.sleep(0.0001))
    for _ in range(30):
        for number in range(20):
            assert await rt.eval_async(f"{number}") == number
        flood = rt.eval_async("for (;;) console.log(1)", timeout=1)
        with pytest.raises(asyncio.TimeoutError) as caught:
            await asyncio.wait_for(flood, 0.05)
        assert not isinstance(caught.value, JavaScriptTimeout)


def test_a_printed_flood_says_what_is_missing(runtimes: MakeRuntime) -> None:
    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            time.sleep(0.0005)
            return super().write(text)

    out = Slow()
    rt = runtimes(enable_console=True)
    with contextlib.redirect_stdout(out):
        rt.eval("for (let i = 0; i < 1e5; i++) console.log('x')", timeout=50)
        rt.eval("console.log('last')")
    lines = out.getvalue().splitlines()
    notes = [line for line in lines if line.endswith(" console messages dropped]")]
    assert lines[-1] == "last"
    assert notes
    assert len(lines) - len(notes) + sum(int(note[1:].split()[0]) for note in notes) == 100_001


def test_what_nobody_waits_for_is_kept_up_to_a_limit(runtimes: MakeRuntime) -> None:
    messages: list[ConsoleMessage] = []
    rt = runtimes(on_console=messages.append)
    rt.eval("let n = 0; const id = setInterval(() => { for (let i = 0; i < 500; i++) console.log(n++) }, 1); 0")
    time.sleep(0.3)
    assert messages == []
    rt.eval("clearInterval(id)")
    rt.eval("console.log('last')")
    assert messages[-1].text == "last"
    assert [message.args[0] for message in messages[:-1]] == list(range(1000))
    assert messages[-1].dropped == rt.eval("n") - 1000
