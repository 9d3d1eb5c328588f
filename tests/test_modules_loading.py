"""ES modules from Python: the resolver, the loader, what they may return, and who is asked first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest
from modes import Js

from jsrun import JavaScriptError, ModuleError, Runtime
from jsrun.modules import ModuleSource

WASM = b"\0asm\1\0\0\0"
BOM = b"\xef\xbb\xbf"


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


class Soon:
    """An awaitable that is neither a coroutine nor a future."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, object]:
        yield from asyncio.sleep(0).__await__()
        return self.value


async def later(value: object) -> object:
    await asyncio.sleep(0)
    return value


WAYS = {"plain": lambda value: value, "coroutine": later, "awaitable": Soon}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest) -> Callable[[object], Any]:
    """How a loader hands over what it found."""
    found: Callable[[object], Any] = request.param
    return found


# --- the loader -------------------------------------------------------------------------------------------------

SOURCES: dict[str, tuple[Any, str, Any]] = {
    "str": ("export default 1", "", 1),
    "bytes": (b"export default 'd\xc3\xa4'", "", "dä"),
    "bytes with a mark": (BOM + b"export default 1", "", 1),
    "str with a mark": ("\ufeffexport default 1", "", 1),
    "empty": ("", "", None),
    "source": (ModuleSource("export default 1"), "", 1),
    "js": (ModuleSource("export default 1", "js"), "", 1),
    "js in bytes": (ModuleSource(b"export default 1", "js"), "", 1),
    "json": ('{"a": [1, null]}', "json", {"a": [1, None]}),
    "json in bytes": (BOM + b'{"a": 1}', "json", {"a": 1}),
    "json, said so": (ModuleSource("7", "json"), "json", 7),
    "text": ("let it be", "text", "let it be"),
    "text in bytes": (BOM + "ü".encode(), "text", "ü"),
    "text, said so": (ModuleSource("x", "text"), "text", "x"),
    "bytes as such": (b"\xff\0", "bytes", b"\xff\0"),
    "bytes with a mark as such": (BOM, "bytes", BOM),
    "bytes, said so": (ModuleSource(b"", "bytes"), "bytes", b""),
}


@pytest.mark.parametrize(("source", "kind", "value"), SOURCES.values(), ids=SOURCES)
async def test_what_a_loader_may_return(js: Js, way: Any, source: Any, kind: str, value: Any) -> None:
    js.rt.set_module_loader(lambda name: way(source))
    attributes = f"with {{type: '{kind}'}}" if kind else ""
    options = f", {{with: {{type: '{kind}'}}}}" if kind else ""
    add(js.rt, {"main": f"import * as m from 'm' {attributes}; export default m.default ?? null"})
    assert (await js.eval_module("main")).default == value
    assert await js.eval(f"import('m'{options}).then((m) => m.default ?? null)") == value
    assert not kind or list(await js.eval(f"import('m'{options})")) == ["default"]


async def test_wasm_comes_as_a_compiled_module(js: Js, way: Any) -> None:
    js.rt.set_module_loader(lambda name: way(ModuleSource(WASM, "wasm") if name == "said" else WASM))
    code = "import('{}', {{with: {{type: 'wasm'}}}}).then((m) => m.default instanceof WebAssembly.Module)"
    assert await js.eval(code.format("said")) is True
    assert await js.eval(code.format("unsaid")) is True


async def test_static_modules_can_be_json_and_text(js: Js) -> None:
    add(
        js.rt,
        {
            "data": '{"a": 1}',
            "m": "import data from 'data' with {type: 'json'}; import text from 'data' with {type: 'text'};"
            "data.a++; export default [data, text]",
            "again": "import data from 'data' with {type: 'json'}; export default data",
        },
    )
    assert (await js.eval_module("m")).default == [{"a": 2}, '{"a": 1}']
    # One module for all who import it.
    assert (await js.eval_module("again")).default == {"a": 2}


REFUSED: dict[str, tuple[Any, str, str]] = {
    "None": (None, "", "must return str, bytes or ModuleSource, got NoneType"),
    "a number": (1, "", "got int"),
    "bytearray": (bytearray(b""), "", "got bytearray"),
    "a wrong source": (ModuleSource(1), "", "got int"),  # type: ignore[arg-type]
    "json for code": (ModuleSource("{}", "json"), "", "it is json; import it with {type: 'json'}"),
    "js for json": (ModuleSource("", "js"), "json", "it is js, and the import asks for json"),
    "text for bytes": (ModuleSource("", "text"), "bytes", "it is text, and the import asks for bytes"),
    "no UTF-8": (b"export default '\xff'", "", "not UTF-8"),
    "no UTF-8 text": (b"ab\xff", "text", r"not UTF-8 \(byte 2\)"),
    "a str for bytes": ("x", "bytes", "must be bytes"),
    "a str for wasm": ("x", "wasm", "must be bytes"),
    "no wasm": (b"x", "wasm", "CompileError"),
    "no json": ("{", "json", "SyntaxError"),
    "json without attribute": ('{"a": 1}', "", "SyntaxError"),
    "wasm without attribute": (WASM, "", "SyntaxError"),
}


@pytest.mark.parametrize(("source", "kind", "text"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_module(js: Js, way: Any, source: Any, kind: str, text: str) -> None:
    js.rt.set_module_loader(lambda name: way(source))
    options = f", {{with: {{type: '{kind}'}}}}" if kind else ""
    with pytest.raises(ModuleError, match=text) as caught:
        await js.eval(f"import('m'{options})")
    assert (caught.value.specifier, caught.value.referrer) == ("m", "<eval>")


@pytest.mark.parametrize("kind", ["css", "js", "javascript", "JSON", ""])
async def test_an_unknown_type(js: Js, kind: str) -> None:
    add(js.rt, {"x": "", "m": f"import 'x' with {{type: '{kind}'}}"})
    for code in (js.eval(f"import('x', {{with: {{type: '{kind}'}}}})"), js.eval_module("m")):
        with pytest.raises(ModuleError, match=f'type "{kind}" is unknown; known are json, text, bytes and wasm'):
            await code


async def test_an_unknown_attribute(js: Js) -> None:
    add(js.rt, {"x": "", "m": "import 'x' with {lang: 'en'}"})
    for code in (js.eval("import('x', {with: {lang: 'en'}})"), js.eval_module("m")):
        with pytest.raises(ModuleError, match='attribute "lang" is unknown'):
            await code
    with pytest.raises(JavaScriptError, match="must be a string"):
        await js.eval("import('x', {with: {type: 1}})")


def test_an_unknown_type_names_the_import_that_asks_for_it(rt: Runtime) -> None:
    add(rt, {"x": "", "m": "import 'x' with {type: 'css'}"})
    with pytest.raises(ModuleError) as caught:
        rt.eval_module("m")
    assert (caught.value.specifier, caught.value.referrer) == ("x", "jsrun:///m")


# --- the order: resolver, static, loader ------------------------------------------------------------------------


async def test_the_order(js: Js) -> None:
    asked: list[tuple[str, ...]] = []

    def resolver(specifier: str, referrer: str) -> str | None:
        asked.append((specifier, referrer))
        return {"alias": "static", "far": "loaded/far"}.get(specifier)

    def loader(name: str) -> str:
        asked.append((name,))
        return f"export default 'loaded {name}'"

    add(
        js.rt,
        {
            "lib/main": "import a from 'alias'; import b from 'static'; import c from './near'; import d from 'far';"
            "export default [a, b, c, d]",
            "static": "export default 'static'",
            "far": "never",
        },
    )
    js.rt.set_module_resolver(resolver)
    js.rt.set_module_loader(loader)
    found = (await js.eval_module("lib/main")).default
    assert found == ["static", "static", "loaded lib/near", "loaded loaded/far"]
    url = "jsrun:///lib/main"
    imports = [(name, url) for name in ("alias", "static", "./near", "far")]
    assert sorted(asked) == sorted([("lib/main", ""), *imports, ("lib/near",), ("loaded/far",)])
    assert asked[0] == ("lib/main", "")


async def test_what_the_resolver_is_told_of_a_script(js: Js) -> None:
    asked: list[tuple[str, str]] = []
    js.rt.set_module_resolver(lambda *args: asked.append(args))
    add(js.rt, {"m": ""})
    await js.eval("import('m')")
    await js.eval("import('m')", filename="main.js")
    assert asked == [("m", "<eval>"), ("m", "main.js")]


async def test_a_resolver_may_say_what_a_relative_specifier_means(js: Js) -> None:
    js.rt.set_module_resolver(lambda specifier, referrer: specifier.removeprefix("./"))
    add(js.rt, {"m": "export default import.meta.url"})
    assert await js.eval("import('./m')") == {"default": "jsrun:///m"}
    assert (await js.eval_module("./m")).default == "jsrun:///m"


@pytest.mark.parametrize("answer", [1, b"m", ["m"], later("m"), False], ids=type)
async def test_a_resolver_that_returns_something_else(js: Js, answer: Any) -> None:
    async def resolver(specifier: str, referrer: str) -> str:
        return "m"

    js.rt.set_module_resolver(resolver if asyncio.iscoroutine(answer) else lambda *args: answer)
    with pytest.raises(ModuleError, match="resolver raised TypeError") as caught:
        await js.eval_module("m")
    assert isinstance(caught.value.__cause__, TypeError)
    if asyncio.iscoroutine(answer):
        answer.close()
        assert "must not be async" in str(caught.value)


async def test_a_resolver_that_raises(js: Js) -> None:
    raised = ValueError("not that one")

    def resolver(specifier: str, referrer: str) -> None:
        if specifier == "bad":
            raise raised

    js.rt.set_module_resolver(resolver)
    add(js.rt, {"m": "import 'bad'", "fine": "export default 1"})
    with pytest.raises(ModuleError, match="resolver raised ValueError: not that one") as caught:
        await js.eval_module("m")
    assert caught.value.__cause__ is raised
    assert (caught.value.specifier, caught.value.referrer) == ("bad", "jsrun:///m")
    assert (await js.eval_module("fine")).default == 1


async def test_hooks_are_replaced_and_taken_away(js: Js) -> None:
    js.rt.set_module_resolver(lambda specifier, referrer: f"one/{specifier}")
    js.rt.set_module_loader(lambda name: f"export default 'A {name}'")
    assert (await js.eval_module("m")).default == "A one/m"
    js.rt.set_module_resolver(None)
    assert (await js.eval_module("m")).default == "A m"
    js.rt.set_module_loader(lambda name: f"export default 'B {name}'")
    assert (await js.eval_module("m")).default == "A m"
    assert (await js.eval_module("n")).default == "B n"
    js.rt.set_module_loader(None)
    with pytest.raises(ModuleError, match="no loader"):
        await js.eval_module("o")


async def test_hostile_javascript_does_not_disturb_loading(js: Js) -> None:
    await js.eval("Promise.prototype.then = () => { throw 1 }; Array.prototype[Symbol.iterator] = null;0")
    js.rt.set_module_resolver(lambda specifier, referrer: None)
    js.rt.set_module_loader(lambda name: "export default 3")
    assert (await js.eval_module("m", timeout=10)).default == 3
