"""ES modules that fail: what is raised, what it says, and that the next try starts anew."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js

from jsrun import (
    DeadlockError,
    JavaScriptError,
    JavaScriptTimeout,
    JsrunError,
    ModuleError,
    Runtime,
)

MakeRuntime = Callable[..., Runtime]


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


# --- nothing is there -------------------------------------------------------------------------------------------

OUTSIDE = [
    "nothing",
    "file:///etc/passwd",
    "data:text/javascript,globalThis.ran=1",
    "blob:null/1",
    "http://127.0.0.1/x.js",
    "https://a.example/x.js",
    "node:fs",
    "npm:left-pad",
    "jsr:@std/path",
    "ext:core/ops",
    "ext:core/mod.js",
    "ext:jsrun_web/timers.js",
    "ext:deno_web/00_infra.js",
    "checkin:main",
]


@pytest.mark.parametrize("name", OUTSIDE)
async def test_nothing_can_be_loaded_by_default(js: Js, name: str) -> None:
    add(js.rt, {"main": f"import '{name}'", "bare": f"export * from '{name}'"})
    asked = {"": js.eval_module(name), "jsrun:///main": js.eval_module("main"), "<eval>": js.eval(f"import('{name}')")}
    for referrer, code in asked.items():
        with pytest.raises(ModuleError, match="add_static_module and set_module_loader") as caught:
            await code
        assert (caught.value.specifier, caught.value.referrer) == (name, referrer)
    with pytest.raises(ModuleError):
        await js.eval(f"import('{name}', {{with: {{type: 'json'}}}})")


async def test_a_name_like_an_internal_one_is_only_a_name(js: Js) -> None:
    add(js.rt, {"ext:core/ops": "export default typeof Deno", "m": "export * as ops from 'ext:core/ops'"})
    assert (await js.eval_module("m")).ops == {"default": "undefined"}


# --- what is raised ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_cause_is_what_the_loader_raised(js: Js, is_async: bool) -> None:
    raised = KeyError("gone")

    def loader(name: str) -> str:
        raise raised

    async def async_loader(name: str) -> str:
        raise raised

    js.rt.set_module_loader(async_loader if is_async else loader)
    add(js.rt, {"m": "import './gone.js'"})
    for code, specifier, referrer in (
        (js.eval_module("m"), "./gone.js", "jsrun:///m"),
        (js.eval_module("gone.js"), "gone.js", ""),
        (js.eval("import('gone.js')", filename="app.js"), "gone.js", "app.js"),
    ):
        with pytest.raises(ModuleError, match="the loader raised KeyError: 'gone'") as caught:
            await code
        error = caught.value
        assert (error.specifier, error.referrer) == (specifier, referrer)
        assert error.__cause__ is raised
        assert isinstance(error, JsrunError)
        assert repr(specifier).strip("'") in str(error)


@pytest.mark.parametrize("exit_with", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_loader_goes_on_as_itself(rt: Runtime, exit_with: type[BaseException]) -> None:
    def loader(name: str) -> str:
        raise exit_with

    rt.set_module_loader(loader)
    with pytest.raises(exit_with):
        rt.eval_module("m")
    assert rt.eval("1") == 1


async def test_javascript_sees_an_error_it_can_handle(js: Js) -> None:
    def loader(name: str) -> str:
        raise ValueError("no such file")

    js.rt.set_module_loader(loader)
    add(js.rt, {"m": "export default await import('gone').catch((e) => [e instanceof Error, e.name, e.message])"})
    is_error, name, message = (await js.eval_module("m")).default
    assert (is_error, name) == (True, "ModuleError")
    for part in ("gone", "jsrun:///m", "ValueError: no such file"):
        assert part in message
    with pytest.raises(JavaScriptError, match="wrapped") as caught:
        await js.eval("import('gone').catch((cause) => { throw new Error('wrapped', {cause}) })")
    assert isinstance(caught.value.cause, JavaScriptError)
    assert caught.value.cause.name == "ModuleError"
    assert isinstance(caught.value.cause.__cause__, ValueError)


def test_a_failed_import_that_nobody_handles_is_reported(runtimes: MakeRuntime) -> None:
    stray: list[Any] = []
    rt = runtimes(on_unhandled_rejection=stray.append)
    assert rt.eval("import('gone'); 1") == 1
    assert rt.eval("2") == 2
    assert [error.name for error in stray] == ["ModuleError"]


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_module_error_can_be_copied(rt: Runtime, again: Callable[[ModuleError], ModuleError]) -> None:
    add(rt, {"m": "import 'gone'"})
    with pytest.raises(ModuleError) as caught:
        rt.eval_module("m")
    other = again(caught.value)
    assert type(other) is ModuleError
    assert (str(other), other.specifier, other.referrer) == (str(caught.value), "gone", "jsrun:///m")


async def test_a_syntax_error_names_its_place(js: Js) -> None:
    add(js.rt, {"lib/bad.js": "const ok = 1;\nconst = 2;\n", "m": "import './lib/bad.js'"})
    with pytest.raises(ModuleError, match="SyntaxError.*jsrun:///lib/bad.js:2:7") as caught:
        await js.eval_module("m")
    assert (caught.value.specifier, caught.value.referrer) == ("./lib/bad.js", "jsrun:///m")
    cause = caught.value.__cause__
    assert isinstance(cause, JavaScriptError)
    assert cause.name == "SyntaxError"


def test_the_syntax_error_itself_knows_its_place(rt: Runtime) -> None:
    add(rt, {"m": "const ok = 1;\nconst = 2;\n"})
    with pytest.raises(ModuleError) as caught:
        rt.eval_module("m")
    assert isinstance(caught.value.__cause__, JavaScriptError)
    assert caught.value.__cause__.source == ("jsrun:///m", 2, 7, "const = 2;")


@pytest.mark.parametrize(("kind", "source"), [("json", b"{a"), ("wasm", b"x")])
def test_a_place_without_a_file_is_not_shown(rt: Runtime, kind: str, source: bytes) -> None:
    rt.set_module_loader(lambda name: source)
    with pytest.raises(ModuleError) as caught:
        rt.eval(f"import('m', {{with: {{type: '{kind}'}}}})")
    assert "(:" not in str(caught.value)


async def test_a_missing_export(js: Js) -> None:
    add(js.rt, {"lib": "export const a = 1", "m": "import {a} from 'lib';\nimport {b} from 'lib'"})
    for code in (js.eval_module("m"), js.eval("import('m')")):
        with pytest.raises(JavaScriptError, match="does not provide an export named 'b'") as caught:
            await code
        assert caught.value.name == "SyntaxError"
    with pytest.raises(JavaScriptError) as caught:
        await js.eval_module("m")
    assert caught.value.source is not None
    assert caught.value.source[:2] == ("jsrun:///m", 2)
    add(js.rt, {"lib": "export const a = 1, b = 2"})
    assert dict(await js.eval_module("m")) == {}


async def test_a_module_that_throws(js: Js) -> None:
    add(js.rt, {"lib/bad.js": "\nexport default null.x", "m": "import './lib/bad.js'", "odd": "throw {code: 7}"})
    for name in ("m", "lib/bad.js", "m"):
        with pytest.raises(JavaScriptError, match="Cannot read properties of null") as caught:
            await js.eval_module(name)
        assert caught.value.name == "TypeError"
        assert caught.value.frames[0]["file_name"] == "jsrun:///lib/bad.js"
        assert caught.value.frames[0]["line_number"] == 2
    with pytest.raises(JavaScriptError) as caught:
        await js.eval_module("odd")
    assert caught.value.value == {"code": 7}


async def test_what_a_host_function_raised_in_a_module(js: Js) -> None:
    raised = ValueError("x")

    def fail() -> None:
        raise raised

    js.rt.bind_function("fail", fail)
    add(js.rt, {"m": "fail()", "top": "import 'm'"})
    with pytest.raises(JavaScriptError) as caught:
        await js.eval_module("top")
    assert caught.value.__cause__ is raised


# --- top-level await --------------------------------------------------------------------------------------------


async def test_top_level_await(js: Js) -> None:
    async def fetch(name: str) -> str:
        return name * 2

    js.rt.bind_function("fetch2", fetch)
    add(
        js.rt,
        {
            "slow": "export const data = await fetch2('ab'); export const more = await (await import('late')).default",
            "late": "export default new Promise((resolve) => setTimeout(resolve, 5, 'late'))",
            "m": "import {data, more} from 'slow'; export default [data, more]",
        },
    )
    assert (await js.eval_module("m")).default == ["abab", "late"]


async def test_a_rejected_top_level_await(js: Js) -> None:
    add(js.rt, {"slow": "await Promise.reject(new RangeError('no'))", "m": "import 'slow'"})
    for name in ("m", "slow"):
        with pytest.raises(JavaScriptError, match="no") as caught:
            await js.eval_module(name)
        assert caught.value.name == "RangeError"
    add(js.rt, {"odd": "await Promise.reject(7)"})
    with pytest.raises(JavaScriptError) as caught:
        await js.eval_module("odd")
    assert caught.value.value == 7


async def test_a_top_level_await_that_takes_too_long(js: Js) -> None:
    add(js.rt, {"m": "await new Promise((resolve) => setTimeout(resolve, 60_000))", "user": "import 'm'"})
    for name in ("m", "user"):
        with pytest.raises(JavaScriptTimeout):
            await js.eval_module(name, timeout=0.1)
    assert await js.eval("1") == 1


# --- evaluations that nothing can end ---------------------------------------------------------------------------

ENDLESS = "await new Promise(() => {})"
TRIES = {
    "eval_module": lambda js, name: js.eval_module(name, timeout=30),
    "import()": lambda js, name: js.eval(f"import('{name}')", timeout=30),
    "an importing module": lambda js, name: js.eval_module(f"user of {name}", timeout=30),
}


@pytest.mark.parametrize("way", TRIES)
async def test_a_top_level_await_that_can_never_end(js: Js, way: str) -> None:
    add(
        js.rt,
        {
            "m": f"globalThis.runs = (globalThis.runs ?? 0) + 1; {ENDLESS}",
            "user of m": "import 'm'",
            "n": "export const n = 1",
        },
    )
    for run in (1, 2):
        with pytest.raises(DeadlockError):
            await TRIES[way](js, "m")
        # The next import began anew.
        assert await js.eval("runs") == run
        assert (await js.eval_module("n")).n == 1
    assert js.rt.get_stats().interrupts.unreachable == 2


async def test_several_wait_for_what_can_never_end(js: Js) -> None:
    add(js.rt, {"a": "import 'b'", "b": f"import 'a'; {ENDLESS}", "c": "import 'b'; export const c = 1"})
    code = "Promise.allSettled([import('a'), import('c'), import('b')])"
    with pytest.raises(DeadlockError):
        await js.eval(code, timeout=30)
    with pytest.raises(DeadlockError):
        await js.eval_module("c", timeout=30)


async def test_modules_that_ended_survive_one_that_cannot(js: Js) -> None:
    add(
        js.rt,
        {
            "count": "globalThis.made = (globalThis.made ?? 0) + 1; export const at = {}",
            "m": f"import 'count'; {ENDLESS}",
        },
    )
    with pytest.raises(DeadlockError):
        await js.eval_module("m", timeout=30)
    assert await js.eval("import('count').then(async ({ at }) => [made, at === (await import('count')).at])") == [
        1,
        True,
    ]


@pytest.mark.parametrize("name", ["m", "user"])
async def test_a_top_level_await_that_somebody_may_still_end(rt: Runtime, name: str) -> None:
    add(
        rt,
        {
            "m": "export const got = await new Promise((resolve) => { globalThis.go = resolve })",
            "user": "export { got } from 'm'; import 'user'",
        },
    )
    waiting = asyncio.ensure_future(rt.eval_module_async(name, timeout=60))
    inside = asyncio.ensure_future(rt.eval_async(f"import('{name}').then((m) => m.got)", timeout=60))
    # All looks for what can never end are over by then, however often something else happens meanwhile.
    for _ in range(3):
        await asyncio.sleep(0.6)
        assert await rt.eval_async("typeof go") == "function"
    assert not waiting.done() and not inside.done()
    await rt.eval_async("go(7)")
    assert (await waiting).got == 7 and await inside == 7
    assert (await rt.eval_module_async("user")).got == 7


async def test_a_top_level_await_that_the_host_or_a_timer_ends(js: Js) -> None:
    async def later() -> int:
        await asyncio.sleep(0.8)
        return 5

    js.rt.bind_function("later", later)
    add(
        js.rt,
        {
            "host": "export const got = await later()",
            "timer": "export const got = await new Promise((resolve) => setTimeout(() => resolve(6), 800))",
        },
    )
    assert [(await js.eval_module(name)).got for name in ("host", "timer")] == [5, 6]
