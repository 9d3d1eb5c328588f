"""ES modules: what they export, and `JsModule`, in which Python gets it; arguments of the methods."""

from __future__ import annotations

import asyncio
import collections.abc
import copy
import json
import math
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from modes import Js

from jsrun import (
    ConversionError,
    JavaScriptError,
    JavaScriptTimeout,
    JsFunction,
    JsPromise,
    ModuleError,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
    modules,
    undefined,
)

MakeRuntime = Callable[..., Runtime]


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


# --- exports ----------------------------------------------------------------------------------------------------


async def test_kinds_of_exports(js: Js) -> None:
    add(
        js.rt,
        {
            "c": "export const x = 1; export default 2",
            "m": "export * from 'c'; export * as ns from 'c'; export {default as two, x as 'odd name'} from 'c';"
            "export default class Named {}; const local = 3; export {local as renamed};"
            "export function f() { return 4 }; export async function g() { return 5 }; export let none, empty = null",
        },
    )
    module = await js.eval_module("m")
    assert list(module) == ["default", "empty", "f", "g", "none", "ns", "odd name", "renamed", "two", "x"]
    assert module.ns == {"default": 2, "x": 1}
    assert (module.x, module.two, module["odd name"], module.renamed) == (1, 2, 1, 3)
    assert module.none is undefined
    assert module.empty is None
    assert isinstance(module.default, JsFunction)
    assert await js.call(module.f) == 4
    assert await js.call(module.g) == 5


async def test_an_export_named_then_is_only_that(js: Js) -> None:
    add(js.rt, {"m": "export const then = (resolve) => resolve('thened'); export const x = 1"})
    module = await js.eval_module("m")
    assert list(module) == ["then", "x"]
    # As the language has it, import() takes the namespace for a promise.
    assert await js.eval("import('m')") == "thened"


async def test_exported_values_are_converted(js: Js) -> None:
    add(js.rt, {"m": "export const p = Promise.resolve(4), map = new Map([[1, 2]]), bytes = new Uint8Array(2)"})
    module = await js.eval_module("m")
    assert (module.map, module.bytes) == ({1: 2}, b"\0\0")
    assert isinstance(module.p, JsPromise)
    add(js.rt, {"bad": "export const fine = 1, secret = Symbol()"})
    with pytest.raises(ConversionError, match=r"\$\.secret"):
        await js.eval_module("bad")


# --- JsModule ---------------------------------------------------------------------------------------------------

EXPORTS = "export const f = (n) => n + 1, list = [1], keys = 'own'; export default 5"


async def test_a_module_is_a_mapping(js: Js) -> None:
    add(js.rt, {"m": EXPORTS})
    module = await js.eval_module("m")
    assert isinstance(module, modules.JsModule)
    assert isinstance(module, collections.abc.Mapping)
    assert list(module) == ["default", "f", "keys", "list"]
    assert len(module) == 4
    assert dict(module) == {**module} == module
    assert (module["default"], module.default, module.get("none", 7)) == (5, 5, 7)
    assert "f" in module
    assert "g" not in module
    assert repr(module) == "<jsrun module 'm': default, f, keys, list>"
    assert isinstance(module.f, JsFunction)
    assert await js.call(module.f, 1) == 2


def test_methods_of_the_mapping_come_before_exports(rt: Runtime) -> None:
    add(rt, {"m": EXPORTS})
    module = rt.eval_module("m")
    assert set(module.keys()) == {"default", "f", "keys", "list"}
    assert module["keys"] == "own"


def test_what_a_module_lacks(rt: Runtime) -> None:
    add(rt, {"m": EXPORTS})
    module = rt.eval_module("m")
    with pytest.raises(KeyError, match="none"):
        module["none"]
    with pytest.raises(AttributeError, match="module 'm' exports no 'none'"):
        module.none  # noqa: B018
    assert not hasattr(module, "__wrapped__")


def test_a_module_is_read_only(rt: Runtime) -> None:
    add(rt, {"m": EXPORTS})
    module: Any = rt.eval_module("m")
    with pytest.raises(TypeError):
        module["default"] = 1
    with pytest.raises(TypeError):
        del module["default"]
    for name in ("default", "other"):
        with pytest.raises(AttributeError):
            setattr(module, name, 1)
        with pytest.raises(AttributeError):
            delattr(module, name)
    assert module.default == 5


def test_an_empty_module(rt: Runtime) -> None:
    add(rt, {"m": ""})
    assert dict(rt.eval_module("m")) == {}
    assert not rt.eval_module("m")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_module_of_plain_values_can_be_copied(rt: Runtime, again: Callable[[Any], Any]) -> None:
    add(rt, {"m": "export default {a: [1]}"})
    assert again(rt.eval_module("m")) == {"default": {"a": [1]}}


def test_a_module_outlives_its_runtime_as_far_as_it_is_data(runtimes: MakeRuntime) -> None:
    rt = runtimes()
    add(rt, {"m": EXPORTS})
    module = rt.eval_module("m")
    rt.close()
    assert module.list == [1]


# --- live exports -----------------------------------------------------------------------------------------------

COUNTER = (
    "export let n = 1, s = 'a', u, b = false, z = null, big = 2n ** 70n, list = [1];"
    "export const set = (...all) => { [n, s, u, b, z, big] = all; list = [2] }"
)


async def test_primitives_are_live(js: Js) -> None:
    add(js.rt, {"m": COUNTER})
    module = await js.eval_module("m")
    before = [module[name] for name in ("n", "s", "u", "b", "z", "big", "list")]
    assert before == [1, "a", undefined, False, None, 2**70, [1]]
    await js.call(module.set, 2.5, "é", 7, True, {"now": "an object"}, None)
    assert [module.n, module["s"], module.u, module.b, module.z, module.big] == [
        2.5,
        "é",
        7,
        True,
        {"now": "an object"},
        None,
    ]
    assert module.list == [1]
    assert dict(module)["n"] == 2.5


async def test_live_exports_of_a_module_that_re_exports(js: Js) -> None:
    add(js.rt, {"m": COUNTER, "all": "export * from 'm'; export * as inner from 'm'; export {n as 'read'} from 'm'"})
    module = await js.eval_module("all")
    await js.call(module.set, 9)
    assert (module.n, module["read"], module.inner["n"]) == (9, 9, 1)
    assert sorted(module) == ["b", "big", "inner", "list", "n", "read", "s", "set", "u", "z"]


@pytest.mark.parametrize("name", ["read", "read_", "read_x", "0", "length", "a b", "\x00"])
def test_any_name_can_be_live(rt: Runtime, name: str) -> None:
    add(rt, {"m": f"let n = 1; export const up = () => ++n; export {{n as {json.dumps(name)}}}"})
    module = rt.eval_module("m")
    module.up()
    assert (module[name], sorted(module)) == (2, sorted([name, "up"]))


def test_a_last_export_that_is_a_function_stays(rt: Runtime) -> None:
    add(rt, {"m": "export const a = [1]; export const z = () => 1"})
    assert sorted(rt.eval_module("m")) == ["a", "z"]


async def test_a_live_export_waits_for_what_runs(js: Js) -> None:
    add(js.rt, {"m": "export let n = 0; export const work = async () => { await 0; n += 1; return n }"})
    module = await js.eval_module("m")
    assert await js.call(module.work) == module.n == 1


def test_a_live_export_inside_a_host_function(rt: Runtime) -> None:
    add(rt, {"m": "export let n = 1; export const ask = () => { n = 5; return look() }"})
    module = rt.eval_module("m")
    rt.bind_function("look", lambda: module.n)
    assert module.ask() == 5


def test_primitives_stay_when_the_runtime_is_closed(runtimes: MakeRuntime) -> None:
    rt = runtimes()
    add(rt, {"m": "export let n = 1; export const up = () => ++n"})
    module = rt.eval_module("m")
    module.up()
    copied = copy.copy(module)
    assert (module.n, copied.n) == (2, 1)
    rt.close()
    assert (module.n, dict(copied)["n"]) == (1, 1)


# --- arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, 1, b"m"])
def test_a_name_is_a_str(rt: Runtime, name: Any) -> None:
    with pytest.raises(TypeError, match="name must be a str, got"):
        rt.add_static_module(name, "")


def test_a_name_is_not_empty(rt: Runtime) -> None:
    with pytest.raises(ValueError, match="empty"):
        rt.add_static_module("", "")
    with pytest.raises(ModuleError, match="empty"):
        rt.eval_module("")


def test_a_name_with_a_lone_surrogate(rt: Runtime) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        rt.add_static_module("\ud800", "")
    with pytest.raises(ValueError, match="surrogates"):
        rt.eval_module("\ud800")


@pytest.mark.parametrize("source", [None, 1, b"export {}", bytearray(b"")])
def test_a_source_is_a_str(rt: Runtime, source: Any) -> None:
    with pytest.raises(TypeError, match="must be a str, got"):
        rt.add_static_module("m", source)


def test_a_wrong_source_is_called_source(rt: Runtime) -> None:
    with pytest.raises(TypeError, match="source must be a str, got int"):
        rt.add_static_module("m", 1)  # type: ignore[arg-type]


def test_a_source_may_hold_lone_surrogates(rt: Runtime) -> None:
    rt.add_static_module("m", "export default '\ud800'.length")
    assert rt.eval_module("m").default == 1


@pytest.mark.parametrize("hook", [0, "x", [], object()])
def test_resolver_and_loader_are_callable(rt: Runtime, hook: Any) -> None:
    with pytest.raises(TypeError, match="resolver must be callable or None, got"):
        rt.set_module_resolver(hook)
    with pytest.raises(TypeError, match="loader must be callable or None, got"):
        rt.set_module_loader(hook)


@pytest.mark.parametrize("specifier", [None, 1, b"m"])
async def test_a_specifier_is_a_str(js: Js, specifier: Any) -> None:
    with pytest.raises(TypeError, match="specifier must be a str, got"):
        await js.eval_module(specifier)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, timedelta(0)])
async def test_a_timeout_is_positive(js: Js, timeout: Any) -> None:
    add(js.rt, {"m": ""})
    with pytest.raises(ValueError, match="timeout"):
        await js.eval_module("m", timeout=timeout)


@pytest.mark.parametrize("timeout", [5, 5.0, timedelta(seconds=5), math.inf])
async def test_forms_of_a_timeout(js: Js, timeout: Any) -> None:
    add(js.rt, {"m": "export default 1"})
    assert (await js.eval_module("m", timeout=timeout)).default == 1
    with pytest.raises(TypeError, match="timeout"):
        await js.eval_module("m", timeout="5")


def test_without_a_running_loop_the_awaitable_can_be_run_later(rt: Runtime) -> None:
    add(rt, {"m": "export default 1"})
    assert asyncio.run(rt.eval_module_async("m")).default == 1


def test_the_source_of_a_module_checks_itself_when_it_is_used(rt: Runtime) -> None:
    source: Any = modules.ModuleSource("1", "css")  # type: ignore[arg-type]
    rt.set_module_loader(lambda name: source)
    with pytest.raises(ModuleError, match="ModuleSource.type must be one of js, json, text, bytes, wasm") as caught:
        rt.eval_module("m")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(AttributeError):
        source.type = "js"


# --- the runtime around it --------------------------------------------------------------------------------------


async def test_modules_in_the_statistics(js: Js) -> None:
    add(js.rt, {"m": "export default 1", "bad": "throw 1", "endless": "for (;;);"})
    before = js.rt.get_stats()
    await js.eval_module("m")
    with pytest.raises(JavaScriptError):
        await js.eval_module("bad")
    with pytest.raises(JavaScriptTimeout):
        await js.eval_module("endless", timeout=0.05)
    after = js.rt.get_stats()
    assert after.operations == before.operations + 3
    assert after.active_async_ops == 0
    assert after.timeouts == 1


async def test_evaluating_a_module_counts_as_that_and_as_no_evaluation_of_a_script(js: Js) -> None:
    add(js.rt, {"m": "export default 1"})
    await js.eval_module("m")
    after = js.rt.get_stats()
    assert (after.eval_sync_count, after.eval_async_count) == (0, 0)
    assert after.last_execution_kind == ("eval_module_async" if js.awaited else "eval_module_sync")


async def test_a_closed_runtime(js: Js) -> None:
    js.rt.close()
    with pytest.raises(RuntimeClosed):
        await js.eval_module("m")
    for change in (
        lambda: js.rt.add_static_module("m", ""),
        lambda: js.rt.set_module_loader(None),
        lambda: js.rt.set_module_resolver(None),
    ):
        with pytest.raises(RuntimeClosed):
            change()


async def test_a_terminated_runtime(js: Js) -> None:
    add(js.rt, {"m": ""})
    js.rt.terminate()
    with pytest.raises(RuntimeTerminated):
        await js.eval_module("m")
