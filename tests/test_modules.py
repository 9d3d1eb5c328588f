"""ES modules: names and URLs, graphs, import.meta."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from modes import Js

from jsrun import JavaScriptError, ModuleError, Runtime

MakeRuntime = Callable[..., Runtime]
COUNTS = "globalThis.runs = (globalThis.runs ?? 0) + 1; export default runs"


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


# --- names and URLs ---------------------------------------------------------------------------------------------

NAMES = {
    "bare": "jsrun:///bare",
    "@scope/package": "jsrun:///@scope/package",
    "lib/deep/a.js": "jsrun:///lib/deep/a.js",
    "a b.js": "jsrun:///a%20b.js",
    "what?": "jsrun:///what%3F",
    "sharp#": "jsrun:///sharp%23",
    "ü/日本.js": "jsrun:///%C3%BC/%E6%97%A5%E6%9C%AC.js",
    "\U0001f600": "jsrun:///%F0%9F%98%80",
    ".hidden": "jsrun:///.hidden",
    "nul\0": "jsrun:///nul%00",
    "custom:message": "custom:message",
    "https://a.example/x.js": "https://a.example/x.js",
    "https://a.example/x.js?v=1#part": "https://a.example/x.js?v=1#part",
    "jsrun:///full": "jsrun:///full",
    "node:fs": "node:fs",
    "x" * 10_000: "jsrun:///" + "x" * 10_000,
}


@pytest.mark.parametrize(("name", "url"), NAMES.items(), ids=lambda text: ascii(text)[:30])
async def test_a_name_and_its_url(js: Js, name: str, url: str) -> None:
    add(js.rt, {name: "export default import.meta.url"})
    assert (await js.eval_module(name)).default == url
    assert (await js.eval(f"import({json.dumps(name)})"))["default"] == url


def test_a_name_that_begins_oddly(rt: Runtime) -> None:
    add(rt, {"#internal": "export default import.meta.url", "?": "export default import.meta.url"})
    assert rt.eval_module("#internal").default == "jsrun:///%23internal"
    assert rt.eval_module("?").default == "jsrun:///%3F"


@pytest.mark.parametrize("name", ["/lib/a.js", "./a.js"])
def test_a_name_that_can_be_added_can_be_imported(rt: Runtime, name: str) -> None:
    try:
        rt.add_static_module(name, "export default 1")
    except ValueError:
        return
    assert rt.eval_module(name).default == 1


RELATIVE = [
    ("lib/a.js", "./b.js", "lib/b.js"),
    ("lib/a.js", "../b.js", "b.js"),
    ("lib/a.js", "/b.js", "b.js"),
    ("lib/deep/a.js", "../../../../b.js", "b.js"),
    ("lib/a.js", "./deep/../b.js", "lib/b.js"),
    ("a", "./b", "b"),
    ("lib/a", ".", "lib/"),
    ("a b/x", "./y z", "a b/y z"),
    ("a?b/x", "./y", "a?b/y"),
    ("a#b/x", "./y", "a#b/y"),
    ("ü/x", "./ß", "ü/ß"),
    ("50%/x", "./y", "50%/y"),
    ("https://a.example/lib/a.js?v=1", "./b.js", "https://a.example/lib/b.js"),
    ("https://a.example/lib/a.js", "../../../b.js?v=2", "https://a.example/b.js?v=2"),
    ("https://a.example/lib/a.js", "/b.js", "https://a.example/b.js"),
    ("lib/a.js", "lib/b.js", "lib/b.js"),
    ("https://a.example/a.js", "b", "b"),
]


@pytest.mark.parametrize(("importer", "specifier", "name"), RELATIVE)
async def test_a_relative_import(js: Js, importer: str, specifier: str, name: str) -> None:
    add(
        js.rt,
        {
            importer: f"export {{default}} from '{specifier}';"
            f"export const again = (await import('{specifier}')).default",
            name: "export default 'found'",
        },
    )
    assert dict(await js.eval_module(importer)) == {"again": "found", "default": "found"}


async def test_a_relative_import_needs_a_module(js: Js) -> None:
    add(js.rt, {"x.js": "export default 1", "custom:message": "import './x.js'"})
    with pytest.raises(ModuleError, match="relative"):
        await js.eval_module("./x.js")
    with pytest.raises(ModuleError, match="relative"):
        await js.eval("import('./x.js')", filename="main.js")
    with pytest.raises(ModuleError, match="URL"):
        await js.eval_module("custom:message")


async def test_a_script_named_by_a_url_imports_relative_to_it(js: Js) -> None:
    add(js.rt, {"https://a.example/lib/x.js": "export default 1"})
    assert await js.eval("import('./x.js')", filename="https://a.example/lib/main.js") == {"default": 1}


async def test_code_made_in_a_module_imports_relative_to_it(js: Js) -> None:
    add(
        js.rt,
        {
            "lib/x": "export default 1",
            "lib/m": "export const f = () => import('./x'), g = () => eval(\"import('./x')\"),"
            "h = new Function(\"return import('./x')\")",
        },
    )
    module = await js.eval_module("lib/m")
    for name in "fgh":
        assert await js.call(module[name]) == {"default": 1}


async def test_adding_a_name_again(js: Js) -> None:
    add(js.rt, {"m": "export default 1", "user": "export {default} from 'm'"})
    assert (await js.eval_module("user")).default == 1
    add(js.rt, {"m": "export default 2", "late": "export {default} from 'm'"})
    assert (await js.eval_module("m")).default == 2
    assert (await js.eval_module("late")).default == 2
    assert (await js.eval_module("user")).default == 1


# --- graphs -----------------------------------------------------------------------------------------------------


async def test_a_module_is_evaluated_once(js: Js) -> None:
    add(
        js.rt,
        {
            "base": COUNTS,
            "left": "export {default} from 'base'",
            "right": "export {default} from 'base'",
            "top": "import left from 'left'; import right from 'right'; export default [left, right]",
        },
    )
    assert (await js.eval_module("top")).default == [1, 1]
    assert (await js.eval_module("top")).default == [1, 1]
    assert (await js.eval_module("base")).default == 1
    assert await js.eval("import('base')") == {"default": 1}


async def test_imports_are_evaluated_in_order_and_before_their_importer(js: Js) -> None:
    note = "(globalThis.order ??= []).push"
    add(js.rt, {name: f"{note}('{name}')" for name in ("a", "b", "c")})
    add(js.rt, {"top": f"{note}('top'); import 'c'; import 'a'; import 'b'; export default order"})
    assert (await js.eval_module("top")).default == ["c", "a", "b", "top"]


async def test_a_cycle(js: Js) -> None:
    add(
        js.rt,
        {
            "even": "import {odd} from 'odd'; export const even = (n) => n === 0 || odd(n - 1)",
            "odd": "import {even} from 'even'; export const odd = (n) => n !== 0 && even(n - 1)",
        },
    )
    assert await js.call((await js.eval_module("even")).even, 10) is True
    assert await js.call((await js.eval_module("odd")).odd, 10) is False


async def test_a_cycle_that_uses_what_is_not_there_yet(js: Js) -> None:
    add(js.rt, {"a": "import {b} from 'b'; export const a = b", "b": "import {a} from 'a'; export const b = a"})
    with pytest.raises(JavaScriptError, match="before initialization") as caught:
        await js.eval_module("a")
    assert caught.value.name == "ReferenceError"


async def test_a_module_imports_itself(js: Js) -> None:
    add(js.rt, {"me": "import * as me from 'me'; export const x = 1; export const read = () => me.x"})
    assert await js.call((await js.eval_module("me")).read) == 1
    add(js.rt, {"later": "export const same = import('later').then((me) => me.x); export const x = 2"})
    module = await js.eval_module("later")
    assert await js.eval("import('later').then((me) => me.same)") == module.x == 2


async def test_several_entry_modules_share_what_they_import(js: Js) -> None:
    add(
        js.rt,
        {
            "counter": "export let count = 0; export const bump = () => ++count",
            "one": "import {bump} from 'counter'; export default bump()",
            "two": "import {bump, count} from 'counter'; bump(); export default count",
        },
    )
    assert (await js.eval_module("one")).default == 1
    assert (await js.eval_module("two")).default == 2


async def test_live_bindings(js: Js) -> None:
    add(
        js.rt,
        {
            "counter": "export let n = 1; export const bump = () => ++n; export const read = () => n",
            "user": "import {n, bump} from 'counter'; const seen = [n]; bump(); seen.push(n); export default seen;"
            "export const assign = () => { n = 5 }",
        },
    )
    user = await js.eval_module("user")
    assert user.default == [1, 2]
    with pytest.raises(JavaScriptError, match="constant"):
        await js.call(user.assign)
    counter = await js.eval_module("counter")
    await js.call(counter.bump)
    assert counter.n == 3
    assert await js.call(counter.read) == 3


async def test_scripts_and_modules_share_globals_but_no_scope(js: Js) -> None:
    await js.eval("var a = 1; let b = 2; globalThis.c = 3")
    add(js.rt, {"m": "var hidden = 1; globalThis.d = 4; export default [a, b, c, typeof this]"})
    assert (await js.eval_module("m")).default == [1, 2, 3, "undefined"]
    assert await js.eval("[typeof hidden, d]") == ["undefined", 4]
    add(js.rt, {"strict": "undeclared = 1"})
    with pytest.raises(JavaScriptError, match="undeclared is not defined"):
        await js.eval_module("strict")


def test_two_runtimes_share_no_module(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    add(one, {"m": COUNTS, "only": "export default 1"})
    add(other, {"m": COUNTS})
    assert one.eval_module("m").default == other.eval_module("m").default == 1
    with pytest.raises(ModuleError):
        other.eval_module("only")


# --- import.meta ------------------------------------------------------------------------------------------------


async def test_import_meta(js: Js) -> None:
    add(
        js.rt,
        {
            "lib/m": "const {resolve} = import.meta; export default [Object.keys(import.meta),"
            "resolve('./x'), resolve('../x'), resolve('/x'), resolve('a b'), resolve('https://a.example/')];"
            "export const proto = Object.getPrototypeOf(import.meta);"
            "export const fail = () => import.meta.resolve('');"
            "import.meta.mine = 1; export const mine = import.meta.mine"
        },
    )
    module = await js.eval_module("lib/m")
    assert module.default == [
        ["url", "main", "resolve"],
        "jsrun:///lib/x",
        "jsrun:///x",
        "jsrun:///x",
        "jsrun:///a%20b",
        "https://a.example/",
    ]
    assert (module.proto, module.mine) == (None, 1)
    with pytest.raises(JavaScriptError, match="cannot resolve") as caught:
        await js.call(module.fail)
    assert caught.value.name == "TypeError"


async def test_the_first_entry_module_is_main(js: Js) -> None:
    add(js.rt, {"a": "export default import.meta.main; export {default as b} from 'b'"})
    add(js.rt, {"b": "export default import.meta.main", "c": "export default import.meta.main"})
    assert dict(await js.eval_module("a")) == {"b": False, "default": True}
    assert (await js.eval_module("c")).default is False


def test_a_failed_entry_module_is_not_main(rt: Runtime) -> None:
    with pytest.raises(ModuleError):
        rt.eval_module("typing-error")
    add(rt, {"a": "export default import.meta.main"})
    assert rt.eval_module("a").default is True


@pytest.mark.parametrize("url", ["import.meta.url", "import.meta.resolve('./b')", "import.meta.resolve('lib/b')"])
def test_what_import_meta_says_can_be_imported(rt: Runtime, url: str) -> None:
    add(rt, {"lib/a": f"export default () => import({url})", "lib/b": "export default 1"})
    assert "default" in rt.eval_module("lib/a").default()
