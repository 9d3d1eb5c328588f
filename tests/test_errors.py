"""Errors: the tree, what each carries, how it reads, that it survives copies."""

from __future__ import annotations

import copy
import pickle
import sys
import time
import traceback
from typing import Any

import pytest
from modes import Js

import jsrun
from jsrun import JavaScriptError, Runtime, undefined

TREE = {
    "JsrunError": (RuntimeError,),
    "RuntimeClosed": ("JsrunError",),
    "RuntimeTerminated": ("JsrunError",),
    "HeapLimitExceeded": ("RuntimeTerminated",),
    "JavaScriptTimeout": ("JsrunError", TimeoutError),
    "DeadlockError": ("JsrunError",),
    "ConversionError": ("JsrunError", TypeError),
    "ModuleError": ("JsrunError",),
    "SnapshotError": ("JsrunError",),
    "InspectorError": ("JsrunError",),
    "PermissionDenied": ("JsrunError", PermissionError),
    "PoolTimeout": ("JsrunError", TimeoutError),
    "JavaScriptError": (Exception,),
    "UnhandledRejectionWarning": (RuntimeWarning,),
}


@pytest.mark.parametrize(("name", "parents"), TREE.items(), ids=TREE.keys())
def test_the_tree(name: str, parents: tuple[Any, ...]) -> None:
    kind = getattr(jsrun, name)
    assert name in jsrun.__all__
    assert kind.__doc__
    for parent in parents:
        assert issubclass(kind, getattr(jsrun, parent) if isinstance(parent, str) else parent)


def test_a_javascript_error_is_no_jsrun_error() -> None:
    assert not issubclass(JavaScriptError, jsrun.JsrunError)
    assert not issubclass(JavaScriptError, RuntimeError)


@pytest.mark.parametrize("name", [name for name in TREE if name not in {"JavaScriptError"}])
def test_each_can_be_raised_and_pickled_with_a_message(name: str) -> None:
    error = getattr(jsrun, name)("what happened")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error) == "what happened"


# --- what a thrown error carries --------------------------------------------------------------------------------


async def test_name_message_stack_and_frames(js: Js) -> None:
    code = "function inner() {\n  throw new RangeError('out of range')\n}\nfunction outer() { inner() }\nouter()"
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, filename="lib.js")
    error = caught.value
    assert (error.name, error.message) == ("RangeError", "out of range")
    assert str(error).splitlines()[0] == "RangeError: out of range"
    assert error.stack is not None and error.stack.startswith("RangeError: out of range\n    at inner (lib.js:2:")
    assert [frame["function_name"] for frame in error.frames[:2]] == ["inner", "outer"]
    assert {frame["file_name"] for frame in error.frames[:3]} == {"lib.js"}
    assert [frame["line_number"] for frame in error.frames[:3]] == [2, 4, 5]
    assert all(isinstance(frame["column_number"], int) for frame in error.frames[:3])


@pytest.mark.parametrize(
    "name", ["Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "URIError", "EvalError"]
)
async def test_every_standard_error(js: Js, name: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(f"throw new {name}('text')")
    assert (caught.value.name, caught.value.message, str(caught.value).splitlines()[0]) == (
        name,
        "text",
        f"{name}: text",
    )


async def test_errors_that_the_engine_raises(js: Js) -> None:
    for code, name in [("nothing_here", "ReferenceError"), ("null.x", "TypeError"), ("new Array(-1)", "RangeError")]:
        with pytest.raises(JavaScriptError) as caught:
            await js.eval(code)
        assert caught.value.name == name
        assert caught.value.message


async def test_a_subclass_of_error(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("throw new (class MyError extends Error { name = 'MyError'; code = 5 })('own')")
    assert (caught.value.name, caught.value.message) == ("MyError", "own")


async def test_an_error_without_a_message(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("throw new Error()")
    assert (caught.value.name, caught.value.message) == ("Error", "")
    assert str(caught.value).splitlines()[0].rstrip(": ") == "Error"


@pytest.mark.parametrize("message", ["a\\0b", "\\ud800", "line 1\\nline 2", "x" * 10_000, "\\u{1F600}"])
async def test_an_odd_message_survives(js: Js, message: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(f"throw new Error('{message}')")
    assert caught.value.message == await js.eval(f"'{message}'")


async def test_frames_of_async_functions_and_methods(js: Js) -> None:
    code = "class Box {\n  async open() { await null; throw new Error('x') }\n}\nnew Box().open()"
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, filename="box.js")
    top = caught.value.frames[0]
    assert "open" in str(top["function_name"])
    assert (top["file_name"], top["line_number"]) == ("box.js", 2)


# --- causes -----------------------------------------------------------------------------------------------------


async def test_a_cause_that_is_an_error(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("throw new Error('outer', {cause: new TypeError('middle', {cause: new RangeError('inner')})})")
    error = caught.value
    assert isinstance(error.cause, JavaScriptError)
    assert (error.cause.name, error.cause.message) == ("TypeError", "middle")
    assert error.__cause__ is error.cause
    assert isinstance(error.cause.cause, JavaScriptError)
    assert error.cause.cause.message == "inner"
    assert error.cause.cause.cause is None


@pytest.mark.parametrize(("cause", "expected"), [("'text'", "text"), ("42", 42), ("{code: 5}", {"code": 5})])
async def test_a_cause_that_is_no_error(js: Js, cause: str, expected: object) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(f"throw new Error('outer', {{cause: {cause}}})")
    cause = caught.value.cause
    assert isinstance(cause, JavaScriptError)
    assert (cause.name, cause.value) == (None, expected)
    assert caught.value.__cause__ is cause


async def test_an_aggregate_error(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("Promise.any([Promise.reject(new Error('one')), Promise.reject(2)])")
    assert caught.value.name == "AggregateError"
    assert caught.value.message == "All promises were rejected"


async def test_a_cause_that_is_its_own_cause_is_bounded(js: Js) -> None:
    with pytest.raises(JavaScriptError, match="round"):
        await js.eval("const a = new Error('round'), b = new Error('b', {cause: a}); a.cause = b; throw a")


async def test_a_hundred_thousand_causes_are_bounded(js: Js) -> None:
    start = time.monotonic()
    with pytest.raises(JavaScriptError, match="last"):
        await js.eval(
            "let e = new Error('first'); for (let i = 0; i < 1e5; i++) e = new Error('n', {cause: e});"
            "throw new Error('last', {cause: e})"
        )
    assert time.monotonic() - start < 10
    with pytest.raises(JavaScriptError, match="last"):
        await js.eval(
            "let g = new Error('first'); for (let i = 0; i < 1e5; i++) g = new AggregateError([g]);"
            "throw new AggregateError([g], 'last')"
        )


# --- what is thrown but is no error -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thrown", "message", "value"),
    [
        ("42", "42", 42),
        ("-0.5", "-0.5", -0.5),
        ("'text'", "text", "text"),
        ("''", "", ""),
        ("null", "null", None),
        ("undefined", "undefined", undefined),
        ("true", "true", True),
        ("10n", "10", 10),
        ("[1, 2]", None, [1, 2]),
        ("({code: 5})", None, {"code": 5}),
        ("new Map([[1, 2]])", None, {1: 2}),
    ],
)
@pytest.mark.parametrize("how", ["throw {}", "Promise.reject({})", "await Promise.reject({})"])
async def test_a_thrown_value(js: Js, how: str, thrown: str, message: str | None, value: object) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(how.format(thrown))
    error = caught.value
    assert error.name is None
    assert error.value == value and type(error.value) is type(value)
    if message is not None:
        assert error.message == message
    assert isinstance(str(error), str)


@pytest.mark.parametrize(
    "thrown",
    [
        "Symbol('s')",
        "() => 1",
        "Object.create(null)",
        "new Proxy({}, {})",
        "new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }})",
        "(() => { const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return proxy })()",
        "{toString() { throw new Error('no') }}",
        "{get message() { throw new Error('no') }, get name() { throw new Error('no') }}",
        "{name: 'Fake', message: 'not an error'}",
        "Object.create(Error.prototype)",
        "Object.assign(new Error('x'), {name: Symbol(), message: {}})",
        "Object.defineProperty(new Error('x'), 'stack', {get() { throw new Error('no') }})",
        "Object.defineProperty(new Error('x'), 'stack', {value: 5})",
        "Object.defineProperty(new Error('x'), 'message', {get() { throw new Error('no') }})",
        "Object.defineProperty(new Error('x'), 'cause', {get() { throw new Error('no') }})",
        "Object.setPrototypeOf(new Error('x'), null)",
        "new Proxy(new Error('x'), {})",
        "globalThis",
        "new WeakMap()",
    ],
)
async def test_whatever_is_thrown_is_a_javascript_error(js: Js, thrown: str) -> None:
    for how in ("throw {}", "Promise.reject({})"):
        with pytest.raises(JavaScriptError) as caught:
            await js.eval(how.format(f"({thrown})"))
        assert isinstance(str(caught.value), str)
        assert isinstance(repr(caught.value), str)
        assert isinstance(caught.value.frames, list)
    assert await js.eval("1 + 1") == 2


@pytest.mark.parametrize(
    "hook",
    [
        "Error.prepareStackTrace = () => { throw new Error('no') }",
        "Error.prepareStackTrace = () => 5",
        "Error.prepareStackTrace = (e, s) => s",
        "Error.stackTraceLimit = 0",
        "Error.stackTraceLimit = 'x'",
        "Object.defineProperty(Error.prototype, 'stack', {get() { throw 1 }})",
        "globalThis.Error = null",
    ],
)
async def test_tampering_with_stack_traces_does_no_harm(js: Js, hook: str) -> None:
    await js.eval(f"{hook}; 0")
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("null.x")
    assert caught.value.name == "TypeError"
    assert isinstance(caught.value.stack, (str, type(None)))
    assert await js.eval("1") == 1


# --- syntax errors ----------------------------------------------------------------------------------------------


async def test_a_syntax_error_shows_file_line_column_and_the_line(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("let fine = 1;\nlet broken = = 2;\n", filename="broken.js")
    error = caught.value
    assert error.name == "SyntaxError"
    assert "broken.js:2:14" in str(error)
    assert "let broken = = 2;" in str(error)
    assert str(error).startswith("SyntaxError: ")


async def test_a_syntax_error_beside_a_top_level_await_shows_the_users_line(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("await 1;\nconst x = ;\n", filename="tla.js")
    assert caught.value.name == "SyntaxError"
    assert "tla.js:2:11" in str(caught.value)
    assert "const x = ;" in str(caught.value)


@pytest.mark.parametrize(
    "code", ["(", "{", "'", "`", "/", "1 +", "return 1", "import x from 'y'", "export default 1", "\ud800", "@"]
)
async def test_every_syntax_error_is_one(js: Js, code: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code)
    assert caught.value.name == "SyntaxError"
    assert await js.eval("1") == 1


async def test_a_very_long_broken_line_is_cut(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("x" * 1_000_000 + " = = 1")
    assert len(str(caught.value)) < 10_000


async def test_a_syntax_error_inside_eval_of_javascript(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("eval('(')")
    assert caught.value.name == "SyntaxError"


# --- how it reads -----------------------------------------------------------------------------------------------


async def test_the_traceback_shows_javascript_frames(js: Js) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("function boom() { throw new Error('seen') }\nboom()", filename="shown.js")
    text = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    assert "seen" in text
    assert "boom" in text and "shown.js:1:" in text and "shown.js:2:" in text
    if sys.version_info >= (3, 11):
        assert str(caught.value) == "Error: seen"


async def test_the_traceback_shows_the_python_cause(js: Js) -> None:
    def explode() -> None:
        raise KeyError("deep")

    js.rt.bind_function("explode", explode)
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("explode()")
    text = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    assert "in explode" in text and "KeyError: 'deep'" in text


def thrown(rt: Runtime, code: str) -> JavaScriptError:
    with pytest.raises(JavaScriptError) as caught:
        rt.eval(code, filename="copied.js")
    return caught.value


@pytest.mark.parametrize(
    "code",
    [
        "throw new RangeError('far', {cause: new Error('near')})",
        "throw {code: [1, {a: 2}]}",
        "throw null",
        "throw undefined",
        "let broken = = 1",
        "(() => { throw new Error('\\ud800') })()",
    ],
)
@pytest.mark.parametrize("duplicate", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_survives_pickle_and_copy(rt: Runtime, code: str, duplicate: Any) -> None:
    error = thrown(rt, code)
    again = duplicate(error)
    assert type(again) is JavaScriptError
    for field in ("name", "message", "stack", "frames", "value"):
        assert getattr(again, field) == getattr(error, field) or isinstance(error.value, JavaScriptError)
    assert str(again) == str(error)
    assert getattr(again.cause, "message", again.cause) == getattr(error.cause, "message", error.cause)
    assert getattr(again, "__notes__", None) == getattr(error, "__notes__", None)


def test_an_error_goes_back_to_javascript_as_an_error(rt: Runtime) -> None:
    error = thrown(rt, "throw new RangeError('far')")
    assert rt.eval("e => [e instanceof Error, e.name, e.message]")(error) == [True, "RangeError", "far"]


def test_a_host_function_may_raise_a_javascript_error(rt: Runtime) -> None:
    error = thrown(rt, "throw new RangeError('far')")

    def again() -> None:
        raise error

    rt.bind_function("again", again)
    assert rt.eval("try { again() } catch (e) { [e.name, e.message] }")[1] == "far"


def test_errors_of_the_library_say_what_was_given(rt: Runtime) -> None:
    for call, given in [
        (lambda: rt.eval("1", timeout=-7), "-7"),
        (lambda: rt.bind_function("a b", print), "a b"),
        (lambda: Runtime(max_heap_size=-7), "-7"),
        (lambda: rt.register_op("x", print, mode="turbo"), "turbo"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(ValueError, match=given):
            call()


async def test_a_place_that_nobody_knows_is_left_out(rt: Runtime) -> None:
    async def fail() -> None:
        raise ValueError("from Python")

    rt.bind_function("fail", fail)
    for code in ("await fail()", "await 0; throw {a: 1}"):
        with pytest.raises(JavaScriptError) as caught:
            await rt.eval_async(code)
        assert (caught.value.frames, caught.value.source) == ([], None)
