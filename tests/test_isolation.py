"""Isolation: what user code cannot reach, and what two runtimes do not share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from modes import Js

from jsrun import FetchRequest, FetchResponse, JavaScriptError, JavaScriptTimeout, ModuleError, Runtime, undefined

MakeRuntime = Callable[..., Runtime]
WALK = (Path(__file__).parent / "js" / "reachable.js").read_text()
# Reviewed: structured clone finds Blob and File by it; it leads nowhere.
REVIEWED = {"Deno.core.hostObject"}
INTERNAL = re.compile(r"^op_|^Deno|deno|bootstrap|primordials|^internals$|^ext:|^core$|__jsrun|^ops$", re.I)


@pytest.mark.parametrize(
    "name",
    [
        "Deno",
        "__bootstrap",
        "bootstrap",
        "process",
        "require",
        "module",
        "global",
        "gc",
        "d8",
        "core",
        "internals",
        "primordials",
    ],
)
async def test_no_name_of_a_host_is_global(js: Js, name: str) -> None:
    assert await js.eval(f"typeof {name}") == "undefined"
    assert await js.eval(f"'{name}' in globalThis") is False


async def never(_: FetchRequest) -> FetchResponse:
    raise AssertionError("nobody fetches")


@pytest.mark.parametrize("fetch", [None, never], ids=["without-fetch", "with-fetch"])
def test_nothing_internal_is_reachable_from_the_global_object(runtimes: MakeRuntime, fetch: Any) -> None:
    # Getters that the walk reads from prototypes return promises that reject.
    rt = runtimes(max_serialization_bytes=1 << 28, on_unhandled_rejection=lambda _: None, fetch=fetch)
    rt.bind_function("hostThrows", lambda: 1 / 0)
    rt.register_op("op", lambda: 1)
    walked = rt.eval(WALK, filename="reachable.js")
    assert len(walked["found"]) > 1000
    assert [path for name, path in walked["found"] if INTERNAL.search(name) and name not in REVIEWED] == []
    assert [
        name for name in walked["globals"] if name.startswith("_") and not re.match(r"__host_op_(a?)sync__$", name)
    ] == []


def test_call_sites_and_stacks_show_no_internal_file(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_serialization_bytes=1 << 28, on_unhandled_rejection=lambda _: None)
    rt.bind_function("hostThrows", lambda: 1 / 0)
    walked = rt.eval(WALK, filename="reachable.js")
    # Scripts of the Web platform go by a name, never by a path of the machine that built them.
    scripts = re.compile(r"^ext:(core|deno_web|deno_webidl|jsrun_web)/\w+\.js$")
    assert [
        name
        for name in walked["files"]
        if re.search(r"ext:|/|\\|deno|cargo|\.rs|\.py", name) and not scripts.match(name)
    ] == []


def test_the_stack_of_a_host_error_shows_no_internal_file(rt: Runtime) -> None:
    async def later() -> None:
        raise ValueError("x")

    rt.bind_function("now", lambda: 1 / 0)
    rt.bind_function("later", later)
    stacks = rt.eval(
        "const s = []; try { now() } catch (e) { s.push(e.stack) }try { await later() } catch (e) { s.push(e.stack) } s"
    )
    for stack in stacks:
        assert not re.search(r"ext:|deno|cargo|\.rs|\.py|/root|/home|/work", stack)


@pytest.mark.parametrize(
    "specifier",
    [
        "ext:core/mod.js",
        "ext:core/ops",
        "ext:deno_core/mod.js",
        "ext:jsrun/host.js",
        "file:///etc/passwd",
        "/etc/passwd",
        "./x.js",
        "data:text/javascript,1",
        "blob:1",
        "http://127.0.0.1/x.js",
        "https://example.com/x.js",
        "node:fs",
        "npm:left-pad",
        "fs",
        "",
    ],
)
async def test_nothing_can_be_imported(js: Js, specifier: str) -> None:
    with pytest.raises(ModuleError):
        await js.eval(f"import('{specifier}')", timeout=10)
    code = f"(async () => {{ try {{ await import('{specifier}') }} catch (e) {{ return e instanceof Error }} }})()"
    assert await js.eval(code, timeout=10) is True


async def test_a_json_or_text_import_is_denied_too(js: Js) -> None:
    for kind in ("json", "text", "bytes"):
        with pytest.raises(ModuleError):
            await js.eval(f"import('file:///etc/passwd', {{with: {{type: '{kind}'}}}})", timeout=10)


async def test_a_host_function_leads_to_the_javascript_global_only(js: Js) -> None:
    js.rt.bind_function("host", lambda: 1)
    assert await js.eval("host.constructor.constructor('return this')() === globalThis") is True
    assert await js.eval("Object.getPrototypeOf(host) === Function.prototype") is True
    keys = await js.eval("Reflect.ownKeys(host).map(String)")
    assert set(keys) <= {"length", "name", "prototype"}
    text = await js.eval("Function.prototype.toString.call(host)")
    assert "native code" in text
    assert await js.eval(
        "(() => { 'use strict'; try { return [host.caller, host.arguments] } catch { return null } })()"
    ) in (
        None,
        [None, None],
        [undefined, undefined],
    )


async def test_ops_are_plain_functions_of_the_realm(js: Js) -> None:
    js.rt.register_op("op", lambda: 1)
    for name in ("__host_op_sync__", "__host_op_async__"):
        assert await js.eval(f"{name}.constructor === Function") is True
        assert set(await js.eval(f"Reflect.ownKeys({name}).map(String)")) <= {"length", "name", "prototype"}


async def test_a_host_function_ignores_its_receiver_and_cannot_be_fooled(js: Js) -> None:
    js.rt.bind_function("host", lambda *args: len(args))
    assert await js.eval("host.call({a: 1}, 1, 2)") == 2
    assert await js.eval("Reflect.apply(host, globalThis, [1])") == 1
    assert await js.eval("new Proxy(host, {})(1, 2, 3)") == 3
    assert await js.eval("[1, 2].map(host)") == [3, 3]


async def test_generated_code_stays_in_the_realm(js: Js) -> None:
    for code in (
        "Function('return typeof Deno')()",
        "(0, eval)('typeof Deno')",
        "(async () => {}).constructor('return typeof Deno')()",
        "(function* () {}).constructor('yield typeof Deno')().next().value",
        "new Function('return this')().Deno === undefined ? 'undefined' : 'reached'",
    ):
        assert await js.eval(code) == "undefined"


async def test_deleting_globals_reveals_nothing(js: Js) -> None:
    code = (
        "for (const key of Reflect.ownKeys(globalThis)) try { delete globalThis[key] } catch {}"
        "typeof Deno + typeof __bootstrap"
    )
    assert await js.eval(code) == "undefinedundefined"
    assert await js.eval("1 + 1") == 2
    assert await js.eval("[1, {a: 2}]") == [1, {"a": 2}]


async def test_planted_globals_are_not_trusted(js: Js) -> None:
    seen: list[Any] = []
    js.rt.bind_function("note", seen.append)
    await js.eval(
        "globalThis.Deno = new Proxy({}, {get(_, k) { note(String(k)) }});"
        "globalThis.__bootstrap = new Proxy({}, {get(_, k) { note(String(k)) }}); 0"
    )

    async def later() -> int:
        return 1

    js.rt.bind_function("later", later)
    js.rt.register_op("op", lambda: 1)
    assert await js.eval("later()") == 1
    with pytest.raises(JavaScriptTimeout):
        await js.eval("for (;;);", timeout=0.05)
    assert seen == []


# --- two runtimes -----------------------------------------------------------------------------------------------


def test_globals_and_prototypes_are_not_shared(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    one.eval(
        "globalThis.x = 1; Object.prototype.polluted = 2; Array.prototype.map = null; Math.max = null;"
        "JSON.stringify = null; Symbol.for('shared'); Promise.prototype.then = null; 0"
    )
    assert other.eval("[typeof x, ({}).polluted, typeof [].map, Math.max(1, 2), JSON.stringify([1])]") == [
        "undefined",
        undefined,
        "function",
        2,
        "[1]",
    ]
    assert other.eval("Promise.resolve(1).then(n => n + 1)") == 2


def test_bindings_and_ops_are_not_shared(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    one.bind_function("host", lambda: 1)
    op = one.register_op("op", lambda: "secret")
    assert other.eval("typeof host") == "undefined"
    with pytest.raises(JavaScriptError):
        other.eval(f"__host_op_sync__({op})")
    assert one.eval(f"__host_op_sync__({op})") == "secret"


def test_permissions_are_not_shared(runtimes: MakeRuntime) -> None:
    one, other = runtimes(permissions=["fs"]), runtimes()
    one_op = one.register_op("read", lambda: "secret", permissions=["fs"])
    other_op = other.register_op("read", lambda: "secret", permissions=["fs"])
    assert one.eval(f"__host_op_sync__({one_op})") == "secret"
    with pytest.raises(JavaScriptError, match="fs"):
        other.eval(f"__host_op_sync__({other_op})")


def test_a_failure_of_one_is_no_failure_of_another(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    with pytest.raises(JavaScriptTimeout):
        one.eval("for (;;);", timeout=0.05)
    one.close()
    assert other.eval("1 + 1") == 2


def test_random_numbers_differ_between_runtimes(runtimes: MakeRuntime) -> None:
    assert len({runtimes().eval("Math.random()") for _ in range(5)}) == 5


def test_values_are_copies(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    value = one.eval("globalThis.kept = {list: [1]}; kept")
    value["list"].append(2)
    assert one.eval("kept") == {"list": [1]}
    assert other.eval("v => { v.list.push(3); return v }")(value) == {"list": [1, 2, 3]}
    assert value == {"list": [1, 2]}
