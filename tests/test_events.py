"""Events: targets, abort signals, and what becomes of errors that no caller is there to catch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from modes import Js, soon

from jsrun import JavaScriptError, Runtime, UnhandledRejectionWarning

MakeRuntime = Callable[..., Runtime]
PAUSE = "await new Promise((r) => setTimeout(r, 30));"

# --- targets ----------------------------------------------------------------------------------------------------


async def test_listeners_run_in_order_once_each(js: Js) -> None:
    code = """
      const t = new EventTarget(), l = []; const f = (e) => l.push([e.type, e.target === t, e.detail]);
      t.addEventListener('x', f); t.addEventListener('x', f);
      t.addEventListener('x', {handleEvent() { l.push('object') }});
      t.addEventListener('x', () => l.push('once'), {once: true});
      t.dispatchEvent(new CustomEvent('x', {detail: {a: 1}})); t.removeEventListener('x', f);
      t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('y')); l"""
    assert await js.eval(code) == [["x", True, {"a": 1}], "object", "once", "object"]


async def test_stopping_and_preventing(js: Js) -> None:
    code = """
      const t = new EventTarget(), l = [];
      t.addEventListener('x', (e) => { l.push(1); e.preventDefault(); e.stopImmediatePropagation() });
      t.addEventListener('x', () => l.push(2));
      [t.dispatchEvent(new Event('x', {cancelable: true})), t.dispatchEvent(new Event('x')), l]"""
    assert await js.eval(code) == [False, True, [1, 1]]


async def test_a_class_may_be_an_event_target(js: Js) -> None:
    code = """
      class Clock extends EventTarget { tick() { return this.dispatchEvent(new CustomEvent('tick', {detail: 7})) } }
      const c = new Clock(); let got; c.addEventListener('tick', (e) => { got = [e.detail, e.currentTarget === c] });
      [c.tick(), got]"""
    assert await js.eval(code) == [True, [7, True]]


async def test_a_signal_removes_listeners(js: Js) -> None:
    code = """
      const t = new EventTarget(), a = new AbortController(); let n = 0;
      t.addEventListener('x', () => n++, {signal: a.signal}); t.dispatchEvent(new Event('x'));
      a.abort(); t.dispatchEvent(new Event('x')); n"""
    assert await js.eval(code) == 1


@pytest.mark.parametrize(
    "code",
    [
        "new Event()",
        "new EventTarget().dispatchEvent({})",
        "EventTarget.prototype.dispatchEvent.call({}, new Event('x'))",
    ],
)
async def test_misused_events_are_type_errors(js: Js, code: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code)
    assert caught.value.name == "TypeError"


async def test_the_global_object_is_an_event_target(js: Js) -> None:
    code = """
      let got; addEventListener('x', function (e) { got = [e.target === globalThis, this === globalThis, e.detail] });
      self.addEventListener('x', () => got.push('self'));
      dispatchEvent(new CustomEvent('x', {detail: 1})); got"""
    assert await js.eval(code) == [True, True, 1, "self"]
    assert await js.eval("removeEventListener('x', null); globalThis instanceof EventTarget") is True


# --- abort signals ----------------------------------------------------------------------------------------------


async def test_an_abort_is_told_once_with_its_reason(js: Js) -> None:
    code = """
      const a = new AbortController(), l = []; a.signal.addEventListener('abort', (e) => l.push(e.type));
      a.signal.onabort = () => l.push('on'); a.abort(new Error('why')); a.abort('again');
      let thrown; try { a.signal.throwIfAborted() } catch (e) { thrown = e.message }
      [l, a.signal.aborted, a.signal.reason.message, thrown]"""
    assert await js.eval(code) == [["abort", "on"], True, "why", "why"]
    assert await js.eval("const s = AbortSignal.abort(); [s.aborted, s.reason.name, s.reason.code]") == [
        True,
        "AbortError",
        20,
    ]


async def test_a_signal_times_out_no_earlier_than_told(js: Js) -> None:
    code = """
      const t = performance.now(), s = AbortSignal.timeout(50), early = s.aborted;
      await new Promise((r) => s.addEventListener('abort', r));
      [early, s.aborted, s.reason instanceof DOMException, s.reason.name, performance.now() - t]"""
    *facts, elapsed = await js.eval(code, timeout=10)
    assert facts == [False, True, True, "TimeoutError"]
    assert elapsed >= 49


async def test_any_of_several_signals(js: Js) -> None:
    code = """
      const a = new AbortController(), any = AbortSignal.any([a.signal, AbortSignal.timeout(20)]), l = [];
      any.onabort = () => l.push(any.reason.name);
      await new Promise((r) => any.addEventListener('abort', r));
      const b = new AbortController(), other = AbortSignal.any([b.signal, AbortSignal.timeout(1e6)]);
      b.abort('mine');
      [l, a.signal.aborted, other.aborted, other.reason, AbortSignal.any([]).aborted,
       AbortSignal.any([other]).reason]"""
    assert await js.eval(code, timeout=10) == [["TimeoutError"], False, True, "mine", False, "mine"]


async def test_a_signal_with_nothing_but_a_listener_is_not_collected(rt: Runtime) -> None:
    # The search for promises that can never settle collects garbage from 250 ms on.
    code = "await new Promise((r) => { AbortSignal.any([AbortSignal.timeout(900)]).onabort = () => r('aborted') })"
    assert await rt.eval_async(code, timeout=20) == "aborted"


async def test_bad_timeouts_are_refused(js: Js) -> None:
    for argument in ("-1", "Infinity", "'x'", ""):
        with pytest.raises(JavaScriptError) as caught:
            await js.eval(f"AbortSignal.timeout({argument})")
        assert caught.value.name == "TypeError"


# --- errors that nobody catches ----------------------------------------------------------------------------------

THROWS = [
    pytest.param("setTimeout(() => { throw new RangeError('mine') });", id="timer"),
    pytest.param("setTimeout('throw new RangeError(\"mine\")');", id="string timer"),
    pytest.param("queueMicrotask(() => { throw new RangeError('mine') });", id="microtask"),
    pytest.param("reportError(new RangeError('mine'));", id="reportError"),
    pytest.param(
        "const t = new EventTarget(); t.addEventListener('x', () => { throw new RangeError('mine') });"
        "t.dispatchEvent(new Event('x'));",
        id="listener",
    ),
    pytest.param(
        "const a = new AbortController(); a.signal.onabort = () => { throw new RangeError('mine') }; a.abort();",
        id="abort listener",
    ),
    pytest.param(
        "const m = new MessageChannel(); m.port2.onmessage = () => { throw new RangeError('mine') };"
        "m.port1.postMessage(1);",
        id="message listener",
    ),
]


@pytest.mark.parametrize("code", THROWS)
def test_it_is_reported_and_fails_no_operation(runtimes: MakeRuntime, code: str) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    assert rt.eval(f"{code} {PAUSE} 'fine'", timeout=3) == "fine"
    assert [(error.name, error.message) for error in seen] == [("RangeError", "mine")]
    assert rt.eval(f"{PAUSE} 1 + 1", timeout=3) == 2


async def test_without_a_handler_it_is_a_warning(js: Js) -> None:
    with pytest.warns(UnhandledRejectionWarning, match="uncaught exception: RangeError: mine"):
        code = f"setTimeout(() => {{ throw new RangeError('mine') }}); {PAUSE} 'fine'"
        assert await js.eval(code, timeout=3) == "fine"


def test_what_is_no_error_is_reported_too(runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    code = "for (const v of [7, null, undefined, Symbol('s'), {a: 1}]) setTimeout(() => { throw v });"
    assert rt.eval(f"{code} {PAUSE} 'fine'", timeout=3) == "fine"
    assert [error.name for error in seen] == [None] * 5
    assert seen[0].value == 7


def test_an_error_event_comes_first_and_may_silence_the_report(runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    rt.eval("""
      globalThis.told = [];
      addEventListener('error', (e) => {
        told.push([e instanceof ErrorEvent, e.error?.name, e.message.includes('one'), e.cancelable]);
        if (e.error?.message === 'one') e.preventDefault(); }); 0""")
    code = "setTimeout(() => { throw new RangeError('one') }); setTimeout(() => { throw new TypeError('two') });"
    assert rt.eval(f"{code} {PAUSE} told", timeout=3) == [
        [True, "RangeError", True, True],
        [True, "TypeError", False, True],
    ]
    assert [error.message for error in seen] == ["two"]


def test_an_error_listener_that_throws_is_no_endless_loop(runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    rt.eval("globalThis.n = 0; addEventListener('error', () => { n++; throw new Error('listener') }); 0")
    assert rt.eval(f"setTimeout(() => {{ throw new Error('timer') }}); {PAUSE} n", timeout=3) == 1
    assert sorted(error.message for error in seen) == ["listener", "timer"]


@pytest.mark.parametrize(
    "code",
    [
        "globalThis.dispatchEvent = null;",
        "globalThis.dispatchEvent = () => { throw 1 };",
        "Object.setPrototypeOf(globalThis, null);",
    ],
)
def test_user_code_cannot_break_the_report(runtimes: MakeRuntime, code: str) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    assert rt.eval(f"{code} setTimeout(() => {{ throw new Error('mine') }}); {PAUSE} 'fine'", timeout=3) == "fine"
    assert [error.message for error in seen] == ["mine"]


def test_rejections_of_the_bootstrap_go_to_the_handler(runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append, bootstrap="Promise.reject(new Error('early')); 0")
    assert rt.eval("1") == 1
    assert [error.message for error in seen] == ["early"]


async def test_a_rejection_in_a_timer_is_reported_without_another_operation(runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=seen.append)
    await rt.eval_async("setTimeout(async () => { throw new Error('late') }, 10); 0")
    await soon(lambda: seen, 2)
    assert [error.message for error in seen] == ["late"]
