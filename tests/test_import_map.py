"""Import maps: the standard's resolution, before anybody is asked, and mistakes that say where."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from modes import Js

from jsrun import JavaScriptError, ModuleError, Runtime, RuntimeConfig
from jsrun.modules import FileSystemLoader

MakeRuntime = Callable[..., Runtime]

MAP = {
    "imports": {
        "dep": "./lib/dep.js",
        "dep/": "./lib/dep/",
        "url": "https://a.example/x.js",
        "no": None,
        "no/": None,
        "./moved.js": "./here.js",
        "https://a.example/old/": "https://a.example/new/",
    },
    "scopes": {
        "./inner/": {"dep": "./inner/dep.js"},
        "./inner/most/": {"dep": "./most.js"},
        "./inner/one.js": {"dep": "./one-only.js"},
    },
}

RESOLVED = [
    ("main", "dep", "jsrun:///lib/dep.js"),
    ("main", "dep/a/b.js", "jsrun:///lib/dep/a/b.js"),
    ("main", "url", "https://a.example/x.js"),
    ("main", "./moved.js", "jsrun:///here.js"),
    ("deep/main", "../moved.js", "jsrun:///here.js"),
    ("main", "https://a.example/old/y.js", "https://a.example/new/y.js"),
    ("inner/x.js", "dep", "jsrun:///inner/dep.js"),
    ("inner/x.js", "dep/a.js", "jsrun:///lib/dep/a.js"),
    ("inner/most/x.js", "dep", "jsrun:///most.js"),
    ("inner/one.js", "dep", "jsrun:///one-only.js"),
    ("main", "other", "jsrun:///other"),
    ("main", "deps", "jsrun:///deps"),
]


@pytest.fixture
def rt(runtimes: MakeRuntime) -> Runtime:
    """The runtime behind `js`."""
    runtime = runtimes(import_map=MAP)
    runtime.set_module_loader(lambda name: "export default import.meta.url")
    return runtime


@pytest.mark.parametrize(("importer", "specifier", "url"), RESOLVED)
async def test_where_an_import_leads(js: Js, importer: str, specifier: str, url: str) -> None:
    source = (
        f"import found from '{specifier}'; export default [found, (await import('{specifier}')).default,"
        f"import.meta.resolve('{specifier}')]"
    )
    js.rt.add_static_module(importer, source)
    assert (await js.eval_module(importer)).default == [url] * 3


async def test_scripts_and_the_host_are_outside_of_scopes(js: Js) -> None:
    assert (await js.eval_module("dep")).default == "jsrun:///lib/dep.js"
    assert (await js.eval("import('dep')"))["default"] == "jsrun:///lib/dep.js"
    assert (await js.eval("import('./moved.js')"))["default"] == "jsrun:///here.js"


@pytest.mark.parametrize(
    ("specifier", "reason"),
    [("no", "blocks"), ("no/x", "blocks"), ("dep/../../x", "leads out"), ("dep/%2e%2e/x", "leads out")],
)
async def test_what_must_not_be_imported(js: Js, specifier: str, reason: str) -> None:
    js.rt.set_module_resolver(lambda specifier, referrer: "anything")
    js.rt.add_static_module("no", "")
    js.rt.add_static_module("main2", f"import '{specifier}'")
    for code in (js.eval_module(specifier), js.eval(f"import('{specifier}')")):
        with pytest.raises(ModuleError, match=reason) as caught:
            await code
        assert caught.value.specifier == specifier
    with pytest.raises(JavaScriptError, match=reason):
        js.rt.set_module_resolver(None)
        js.rt.add_static_module("main3", f"import.meta.resolve('{specifier}')")
        await js.eval_module("main3")


def test_the_map_comes_before_resolver_static_modules_and_loader(runtimes: MakeRuntime) -> None:
    asked: list[str] = []
    rt = runtimes(import_map={"imports": {"a": "./b", "static": "./c"}})

    def resolver(specifier: str, referrer: str) -> None:
        asked.append(specifier)

    rt.set_module_resolver(resolver)
    rt.set_module_loader(lambda name: f"export default 'loaded {name}'")
    rt.add_static_module("static", "export default 'static'")
    rt.add_static_module("c", "export default 'static c'")
    assert [rt.eval_module(name).default for name in ("a", "static", "d")] == ["loaded b", "static c", "loaded d"]
    assert asked == ["d"]


def test_a_map_over_a_folder(runtimes: MakeRuntime, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.mjs").write_text("export default 'a'")
    (tmp_path / "main.mjs").write_text("export {default} from '@/a.mjs'; export const r = import.meta.resolve('@/x')")
    rt = runtimes(import_map={"imports": {"@/": "./lib/"}})
    rt.set_module_loader(FileSystemLoader(tmp_path))
    assert dict(rt.eval_module("./main.mjs")) == {"default": "a", "r": "jsrun:///lib/x"}


@pytest.mark.parametrize(
    "given", [json.dumps(MAP), MAP, MappingProxyType(MAP), ChainMap({"imports": ChainMap(MAP["imports"])})]
)
def test_forms_of_a_map(runtimes: MakeRuntime, given: str | Mapping[str, Any]) -> None:
    config = RuntimeConfig(import_map=given)
    assert hash(config) == hash(replace(config, timeout=None))
    rt = runtimes(config)
    rt.add_static_module("lib/dep.js", "export default 1")
    assert rt.eval_module("dep").default == 1


def test_a_map_is_taken_as_it_was(runtimes: MakeRuntime) -> None:
    imports: dict[str, str] = {"a": "./b"}
    config = RuntimeConfig(import_map={"imports": imports})
    imports["a"] = "./c"
    rt = runtimes(config)
    rt.add_static_module("b", "export default 'b'")
    assert rt.eval_module("a").default == "b"


WRONG: list[tuple[Any, type[Exception], str]] = [
    (1, TypeError, "mapping or JSON text, got int"),
    ([], TypeError, "got list"),
    (b"{}", TypeError, "got bytes"),
    ("{", ValueError, "no JSON"),
    ("[]", ValueError, "must be an object"),
    ({1: {}}, TypeError, "import_map: keys must be str, got 1"),
    ({"imports": {1: "./x"}}, TypeError, r"import_map\['imports'\]: keys"),
    ({"imports": {"a": 1}}, TypeError, r"import_map\['imports'\]\['a'\]"),
    ({"imports": "x"}, ValueError, "imports must be an object"),
    ({"imports": {"a": "b"}}, ValueError, r'imports\["a"\]: the address "b"'),
    ({"imports": {"a/": "./b"}}, ValueError, r'imports\["a/"\].*must end with /'),
    ({"imports": {"": "./b"}}, ValueError, "empty"),
    ({"scopes": {"./x/": {"a": "b"}}}, ValueError, r'scopes\["./x/"\]\["a"\]'),
    ({"scopes": {"./x/": None}}, ValueError, r'scopes\["./x/"\] must be an object'),
    ({"integrity": {}}, ValueError, '"integrity" is unknown'),
]


@pytest.mark.parametrize(("given", "error", "text"), WRONG)
def test_a_wrong_map_says_where(given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        RuntimeConfig(import_map=given)
