"""FileSystemLoader: files and packages of a folder, CommonJS among them, and nothing outside of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from modes import Js

from jsrun import JavaScriptError, JavaScriptTimeout, ModuleError, Runtime, undefined
from jsrun.modules import FileSystemLoader

MakeRuntime = Callable[..., Runtime]
Files = dict[str, str | bytes]


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    write(tmp_path, {"secret.mjs": "export default 'secret'", "secret.txt": "secret"})
    return tmp_path / "root"


@pytest.fixture
def put(root: Path, rt: Runtime) -> Callable[[Files], None]:
    """Write files; the runtime of `rt` and `js` loads from their folder."""
    rt.set_module_loader(FileSystemLoader(root))
    return lambda files: write(root, files)


Put = Callable[[Files], None]


# --- files ------------------------------------------------------------------------------------------------------


async def test_files_of_the_folder(js: Js, put: Put) -> None:
    put(
        {
            "src/main.mjs": "import {b} from './lib/b.mjs'; export default [b, import.meta.url, import.meta.main]",
            "src/lib/b.mjs": "import top from '/top.mjs'; export const b = top + 1",
            "top.mjs": "export default 1",
        }
    )
    expected = [2, "jsrun:///src/main.mjs", True]
    assert (await js.eval_module("./src/main.mjs")).default == expected
    assert (await js.eval_module("src/main.mjs")).default == expected
    assert (await js.eval("import('./top.mjs')"))["default"] == 1


def test_static_modules_and_the_resolver_come_first(rt: Runtime, put: Put) -> None:
    put({"node_modules/pkg/index.js": "exports.who = 'package'", "a.mjs": "export {who} from 'pkg'"})
    assert rt.eval_module("./a.mjs").who == "package"
    rt.add_static_module("pkg", "export const who = 'static'")
    rt.add_static_module("main", "export {who} from 'pkg'; export {who as other} from './a.mjs'")
    assert dict(rt.eval_module("main")) == {"who": "static", "other": "package"}
    rt.set_module_resolver(lambda specifier, referrer: "node_modules/pkg/index.js" if specifier == "alias" else None)
    assert rt.eval_module("alias").who == "package"


def test_other_types(rt: Runtime, put: Put) -> None:
    put({"a.json": '{"n": 1}', "b.txt": "b", "c.bin": b"\0\xff", "d.css": "p {}"})
    rt.add_static_module(
        "main",
        "import a from './a.json' with {type: 'json'}; import b from './b.txt' with {type: 'text'};"
        "import c from './c.bin' with {type: 'bytes'}; export default [a, b, c]",
    )
    assert rt.eval_module("main").default == [{"n": 1}, "b", b"\0\xff"]
    for name, hint in (("a.json", "type: 'json'"), ("d.css", ".css file is no JavaScript"), ("c.bin", ".bin")):
        with pytest.raises(ModuleError, match=hint):
            rt.eval_module(f"./{name}")


FORMATS: dict[str, tuple[str, Files]] = {
    "mjs": ("./a.mjs", {"a.mjs": "export default typeof require"}),
    "type module": ("./a.js", {"a.js": "export default typeof require", "package.json": '{"type": "module"}'}),
    "nearest type": (
        "./a/b.js",
        {"a/b.js": "export default typeof require", "a/package.json": '{"type":"module"}', "package.json": "{}"},
    ),
    "import statement": (
        "./a.js",
        {"a.js": "import 'x'; export default typeof require", "node_modules/x/index.js": ""},
    ),
    "import.meta": ("./a.js", {"a.js": "globalThis.kind = import.meta.url; export default typeof require"}),
    "top-level await": ("./a.js", {"a.js": "await 0; export default typeof require"}),
}


@pytest.mark.parametrize(("specifier", "files"), FORMATS.values(), ids=FORMATS)
def test_what_is_an_es_module(rt: Runtime, put: Put, specifier: str, files: Files) -> None:
    put(files)
    assert rt.eval_module(specifier).default == "undefined"


@pytest.mark.parametrize("name", ["a.js", "a.cjs", "a"])
def test_what_is_commonjs(rt: Runtime, put: Put, name: str) -> None:
    put({name: "module.exports = typeof require"})
    assert rt.eval_module(f"./{name}").default == "function"


def test_a_type_is_taken_at_its_word(rt: Runtime, put: Put) -> None:
    put({"package.json": '{"type": "commonjs"}', "b.js": "export default 1"})
    with pytest.raises(ModuleError, match="SyntaxError"):
        rt.eval_module("./b.js")


def test_a_syntax_error_names_its_place(rt: Runtime, put: Put) -> None:
    put({"a.js": "import 'x';\nconst = 1", "b.cjs": "\nconst = 1"})
    with pytest.raises(ModuleError, match=r"jsrun:///a.js:2:7"):
        rt.eval_module("./a.js")
    with pytest.raises(ModuleError, match=r"jsrun:///b.cjs:2:7"):
        rt.eval_module("./b.cjs")


def test_what_failed_is_tried_again(rt: Runtime, put: Put) -> None:
    put({"main.mjs": "export {default} from 'late'"})
    for _ in range(2):
        with pytest.raises(ModuleError, match="no package"):
            rt.eval_module("./main.mjs")
    put({"node_modules/late/package.json": '{"main": "lib"}', "node_modules/late/lib.js": "module.exports = fail()"})
    with pytest.raises(JavaScriptError, match="fail is not defined"):
        rt.eval_module("./main.mjs")
    put({"node_modules/late/lib.js": "module.exports = 1"})
    assert rt.eval_module("./main.mjs").default == 1


def test_one_loader_for_many_runtimes(runtimes: MakeRuntime, root: Path) -> None:
    write(root, {"n.cjs": "exports.n = globalThis.n = (globalThis.n ?? 0) + 1"})
    loader = FileSystemLoader(root)
    for _ in range(3):
        rt = runtimes()
        rt.set_module_loader(loader)
        assert rt.eval_module("./n.cjs").n == 1


def test_another_loader_in_its_place(rt: Runtime, put: Put) -> None:
    put({"a.mjs": "export default 'file'"})
    rt.set_module_loader(lambda name: "export default 'function'")
    assert rt.eval_module("a.mjs").default == "function"
    rt.set_module_loader(None)
    with pytest.raises(ModuleError, match="no loader"):
        rt.eval_module("b.mjs")


# --- packages ---------------------------------------------------------------------------------------------------

PACKAGE: Files = {
    "node_modules/pkg/package.json": json.dumps(
        {
            "name": "pkg",
            "exports": {
                ".": {"browser": "./browser.mjs", "import": "./index.mjs", "require": "./index.cjs"},
                "./sub": "./lib/sub.mjs",
                "./features/*": "./lib/*.mjs",
                "./features/private": None,
                "./self": "./self.mjs",
            },
            "imports": {"#internal": {"production": "./lib/prod.mjs", "default": "./lib/dev.mjs"}},
        }
    ),
    "node_modules/pkg/index.mjs": "export default 'import'",
    "node_modules/pkg/index.cjs": "module.exports = 'require'",
    "node_modules/pkg/browser.mjs": "export default 'browser'",
    "node_modules/pkg/lib/sub.mjs": "export {default} from '#internal'",
    "node_modules/pkg/lib/dev.mjs": "export default 'dev'",
    "node_modules/pkg/lib/prod.mjs": "export default 'prod'",
    "node_modules/pkg/lib/private.mjs": "export default 'private'",
    "node_modules/pkg/self.mjs": "export {default} from 'pkg'",
    "node_modules/@scope/it/package.json": '{"main": "./lib/main"}',
    "node_modules/@scope/it/lib/main.js": "module.exports = require('pkg') + require('./more')",
    "node_modules/@scope/it/lib/more/index.json": '"!"',
}


@pytest.mark.parametrize(
    ("specifier", "conditions", "value"),
    [
        ("pkg", (), "import"),
        ("pkg", ("browser",), "browser"),
        ("pkg/sub", (), "dev"),
        ("pkg/sub", ("production",), "prod"),
        ("pkg/features/dev", (), "dev"),
        ("pkg/self", (), "import"),
        ("@scope/it", (), "require!"),
        ("@scope/it/lib/main.js", (), "require!"),
    ],
)
async def test_what_a_package_exports(
    js: Js, root: Path, specifier: str, conditions: tuple[str, ...], value: str
) -> None:
    write(root, PACKAGE)
    js.rt.set_module_loader(FileSystemLoader(root, conditions=conditions))
    js.rt.add_static_module("main", f"export {{default}} from '{specifier}'")
    assert (await js.eval_module("main")).default == value
    assert (await js.eval(f"import('{specifier}')"))["default"] == value


@pytest.mark.parametrize(
    ("specifier", "reason"),
    [
        ("pkg/lib/sub.mjs", "not exported"),
        ("pkg/features/private", "not exported"),
        ("@scope/it/lib/main", "no package or file"),
        ("@scope/none", "no package or file"),
        ("#internal", "no package or file"),
        ("./node_modules/pkg/index", r"perhaps \"node_modules/pkg/index.mjs\""),
        ("./node_modules/pkg", "no such file"),
        ("fs", "module of Node.js"),
        ("node:fs/promises", "module of Node.js"),
        ("pkg?x", "no package or file"),
    ],
)
def test_what_it_does_not_export(rt: Runtime, put: Put, specifier: str, reason: str) -> None:
    put(PACKAGE)
    rt.add_static_module("main", f"import {json.dumps(specifier)}")
    with pytest.raises(ModuleError) as caught:
        rt.eval_module("main")
    assert reason.replace("\\", "") in str(caught.value)
    assert (caught.value.specifier, caught.value.referrer) == (specifier, "jsrun:///main")


def test_nearer_packages_come_first(rt: Runtime, put: Put) -> None:
    put(
        {
            "node_modules/dep/index.js": "module.exports = 'outer'",
            "node_modules/pkg/index.js": "exports.dep = require('dep')",
            "node_modules/pkg/node_modules/dep/index.js": "module.exports = 'inner'",
            "main.mjs": "import dep from 'dep'; import {dep as other} from 'pkg'; export default [dep, other]",
        }
    )
    assert rt.eval_module("./main.mjs").default == ["outer", "inner"]


def test_import_meta_resolve(rt: Runtime, put: Put) -> None:
    put(PACKAGE)
    put({"main.mjs": "export default ['pkg', './x.mjs', 'https://a.example/'].map((s) => import.meta.resolve(s))"})
    assert rt.eval_module("./main.mjs").default == [
        "jsrun:///node_modules/pkg/index.mjs",
        "jsrun:///x.mjs",
        "https://a.example/",
    ]
    put({"gone.mjs": "import.meta.resolve('gone')"})
    with pytest.raises(JavaScriptError, match="cannot resolve"):
        rt.eval_module("./gone.mjs")


def test_a_package_is_the_same_by_each_link_to_it(rt: Runtime, put: Put, root: Path) -> None:
    put(
        {
            "store/pkg/index.mjs": "globalThis.runs = (globalThis.runs ?? 0) + 1; export {default} from './dep.mjs'",
            "store/pkg/dep.mjs": "export default import.meta.url",
            "store/pkg/package.json": '{"exports": "./index.mjs"}',
            "main.mjs": "import a from 'pkg'; import b from './store/pkg/index.mjs'; import c from './link.mjs';"
            "export default [a, b, c, runs]",
        }
    )
    (root / "node_modules").mkdir()
    (root / "node_modules/pkg").symlink_to("../store/pkg")
    (root / "link.mjs").symlink_to(root / "store/pkg/index.mjs")
    assert rt.eval_module("./main.mjs").default == ["jsrun:///store/pkg/dep.mjs"] * 3 + [1]


# --- nothing outside --------------------------------------------------------------------------------------------

OUTSIDE = [
    "../secret.mjs",
    "../../secret.mjs",
    "./x/../../secret.mjs",
    "/../secret.mjs",
    "./..%2fsecret.mjs",
    "./%2e%2e/secret.mjs",
    "./%2e%2e%2fsecret.mjs",
    "./..%5csecret.mjs",
    "..\\secret.mjs",
    "./link.mjs",
    "./up/secret.mjs",
    "./absolute.mjs",
    "linked",
    "linked/secret.mjs",
    "node_modules/../../secret.mjs",
    "pkg/../../../secret.mjs",
    "escaping",
    "escaping/main",
    "jsrun:///../secret.mjs",
    "jsrun:///%2e%2e/secret.mjs",
    "jsrun:///..%2fsecret.mjs",
    "jsrun:///link.mjs",
    "nul\0",
    "./pipe",
    "./folder.mjs",
]


@pytest.fixture
def traps(root: Path, put: Put) -> Path:
    (root / "link.mjs").symlink_to("../secret.mjs")
    (root / "absolute.mjs").symlink_to(root.parent / "secret.mjs")
    (root / "up").symlink_to("..")
    (root / "folder.mjs").mkdir()
    os.mkfifo(root / "pipe")
    put({"node_modules/pkg/index.js": ""})
    (root / "node_modules/linked").symlink_to("../..")
    put(
        {
            "node_modules/escaping/package.json": json.dumps(
                {"exports": {".": "./../../../secret.mjs", "./main": "../../../secret.mjs"}}
            )
        }
    )
    return root


@pytest.mark.parametrize("specifier", OUTSIDE, ids=ascii)
def test_nothing_outside_can_be_imported(rt: Runtime, traps: Path, specifier: str) -> None:
    secret = str(traps.parent)
    rt.add_static_module("main", f"import {json.dumps(specifier)}")
    rt.add_static_module("deep/er/main", f"import {json.dumps(specifier)}")
    for code in (
        lambda: rt.eval_module(specifier),
        lambda: rt.eval_module("main"),
        lambda: rt.eval_module("deep/er/main"),
        lambda: rt.eval(f"import({json.dumps(specifier)})"),
        lambda: rt.eval(f"import({json.dumps(specifier)}, {{with: {{type: 'text'}}}})"),
    ):
        with pytest.raises(ModuleError) as caught:
            code()
        assert secret not in str(caught.value)


@pytest.mark.parametrize("specifier", OUTSIDE, ids=ascii)
def test_nothing_outside_can_be_required(rt: Runtime, traps: Path, specifier: str) -> None:
    for name in ("a.cjs", "deep/er/a.cjs"):
        write(traps, {name: f"require({json.dumps(specifier)})"})
        with pytest.raises(JavaScriptError, match="cannot require") as caught:
            rt.eval_module(f"./{name}")
        assert str(traps.parent) not in str(caught.value)


def test_a_resolver_cannot_lead_outside(rt: Runtime, traps: Path) -> None:
    for name in ("../secret.mjs", str(traps.parent / "secret.mjs"), "link.mjs", "up/secret.mjs", "a/../../secret.mjs"):
        rt.set_module_resolver(lambda specifier, referrer, name=name: name)
        with pytest.raises(ModuleError, match="no such file"):
            rt.eval_module("x")


def test_packages_above_the_folder_are_not_seen(rt: Runtime, put: Put, root: Path) -> None:
    write(root.parent, {"node_modules/above/index.js": "", "package.json": '{"imports": {"#up": "./secret.mjs"}}'})
    put({"main.mjs": "import 'above'", "up.mjs": "import '#up'", "a.cjs": "require('above')"})
    for name in ("./main.mjs", "./up.mjs"):
        with pytest.raises(ModuleError, match="no package"):
            rt.eval_module(name)
    with pytest.raises(JavaScriptError, match="no package"):
        rt.eval_module("./a.cjs")


def test_javascript_does_not_learn_where_the_folder_is(rt: Runtime, put: Put, root: Path) -> None:
    put(
        {
            "a.cjs": "module.exports = [__filename, __dirname, module.id, require.resolve('./b'),new Error('x').stack]",
            "b.js": "",
            "deep/c.cjs": "module.exports = [__filename, __dirname]",
        }
    )
    *paths, stack = rt.eval_module("./a.cjs").default
    assert paths == ["/a.cjs", "/", "/a.cjs", "/b.js"]
    assert "jsrun:///a.cjs:1" in stack
    assert str(root) not in stack
    assert rt.eval_module("./deep/c.cjs").default == ["/deep/c.cjs", "/deep"]


# --- CommonJS ---------------------------------------------------------------------------------------------------


async def test_exports_are_named_and_default(js: Js, put: Put) -> None:
    put(
        {
            "a.cjs": "exports.a = 1; exports['b-c'] = 2; exports.default = 3;"
            "Object.defineProperty(exports, 'hidden', {value: 4}); "
            "Object.defineProperty(exports, 'lazy', {enumerable: true, get: () => 5});"
            "Object.defineProperty(exports, 'bad', {enumerable: true, get() { throw 6 }})",
            "main.mjs": "import whole, {a, 'b-c' as b, lazy, bad} from './a.cjs'; import * as all from './a.cjs';"
            "export default [a, b, lazy, bad, whole.default, whole.hidden, Object.keys(all)]",
        }
    )
    found = (await js.eval_module("./main.mjs")).default
    assert found == [1, 2, 5, undefined, 3, 4, ["a", "b-c", "bad", "default", "lazy"]]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("module.exports = (x) => x", None),
        ("module.exports = [1, 2]", [1, 2]),
        ("module.exports = 'text'", "text"),
        ("module.exports = null", None),
        ("module.exports = undefined", undefined),
        ("module.exports = new Proxy({}, {ownKeys() { return ['x'] }, getOwnPropertyDescriptor() {} })", {}),
        ("return", {}),
        ("this.x = exports === this && this === module.exports", {"x": True}),
        ("#!/usr/bin/env node\nmodule.exports = 1", 1),
        ("\ufeffmodule.exports = 1", 1),
    ],
)
def test_any_value_can_be_exported(rt: Runtime, put: Put, source: str, value: Any) -> None:
    put({"a.cjs": source})
    module = rt.eval_module("./a.cjs")
    if value is None and source.endswith("x"):
        assert module.default(3) == 3
    else:
        assert module.default == value


def test_what_a_file_finds(rt: Runtime, put: Put) -> None:
    put(
        {
            "a.cjs": "module.exports = [process.env.NODE_ENV, Object.keys(process), global === globalThis,"
            "module.loaded, typeof require.resolve, typeof Buffer, typeof setTimeout]",
            "b.mjs": "export default [typeof process, typeof global, typeof require, typeof module]",
        }
    )
    expected = ["production", ["env"], True, False, "function", "undefined", "function"]
    assert rt.eval_module("./a.cjs").default == expected
    assert rt.eval_module("./b.mjs").default == ["undefined"] * 4
    assert rt.eval("typeof process") == "undefined"


def test_node_env(rt: Runtime, root: Path) -> None:
    write(root, {"a.cjs": "module.exports = [process.env.NODE_ENV, process.browser]"})
    rt.set_module_loader(FileSystemLoader(root, node_env="development", conditions=["browser"]))
    assert rt.eval_module("./a.cjs").default == ["development", True]


def test_an_environment_for_everybody(rt: Runtime, root: Path) -> None:
    write(root, {"es.mjs": "export default process", "common.cjs": "process.env.B = '2'; module.exports = process"})
    rt.set_module_loader(FileSystemLoader(root, env={"A": "1"}, node_env="test", conditions=["browser"]))
    code = "const [es, common] = [await import('./es.mjs'), await import('./common.cjs')];"
    assert rt.eval(code + "[es.default === common.default, es.default === process, es.default]") == [
        True,
        True,
        {"env": {"NODE_ENV": "test", "A": "1", "B": "2"}, "browser": True},
    ]


def test_without_one_only_commonjs_has_it(rt: Runtime, put: Put) -> None:
    put({"es.mjs": "export default typeof process", "common.cjs": "module.exports = typeof process"})
    code = "[typeof process, (await import('./es.mjs')).default, (await import('./common.cjs')).default]"
    assert rt.eval(code) == ["undefined", "undefined", "object"]


def test_a_file_runs_once(rt: Runtime, put: Put) -> None:
    put(
        {
            "n.cjs": "globalThis.runs = (globalThis.runs ?? 0) + 1; exports.self = require('./n.cjs') === exports",
            "m.cjs": "module.exports = require('./n') === require('./n.cjs')",
            "main.mjs": "import n from './n.cjs'; import {self} from './n.cjs'; import m from './m.cjs';"
            "export default [self, m, runs, n === (await import('./n.cjs')).default]",
        }
    )
    assert rt.eval_module("./main.mjs").default == [True, True, 1, True]


def test_files_that_require_each_other(rt: Runtime, put: Put) -> None:
    put(
        {
            "a.cjs": "exports.early = 1; exports.b = require('./b.cjs').seen; exports.late = 2",
            "b.cjs": "exports.seen = {...require('./a.cjs')}",
        }
    )
    assert rt.eval_module("./a.cjs").default == {"early": 1, "b": {"early": 1}, "late": 2}


def test_json_by_require(rt: Runtime, put: Put) -> None:
    put({"a.cjs": "module.exports = [require('./d.json'), require('./d')]", "d.json": '{"n": [1]}', "bad.json": "{"})
    assert rt.eval_module("./a.cjs").default == [{"n": [1]}] * 2
    put({"b.cjs": "require('./bad.json')"})
    with pytest.raises(JavaScriptError, match="SyntaxError"):
        rt.eval_module("./b.cjs")


@pytest.mark.parametrize(
    ("specifier", "code", "reason"),
    [
        ("./gone", "MODULE_NOT_FOUND", "no such file"),
        ("gone", "MODULE_NOT_FOUND", "no package"),
        ("fs", "MODULE_NOT_FOUND", '"fs" is a module of Node.js'),
        ("node:path", "MODULE_NOT_FOUND", '"node:path" is a module of Node.js'),
        ("./esm.mjs", "ERR_REQUIRE_ESM", "await import()"),
        ("./style.css", "ERR_UNKNOWN_FILE_EXTENSION", ".css"),
        ("./latin1.js", "MODULE_NOT_FOUND", "not UTF-8"),
    ],
)
def test_what_cannot_be_required(rt: Runtime, put: Put, specifier: str, code: str, reason: str) -> None:
    put(
        {
            "a.cjs": f"try {{ require('{specifier}') }} catch (e) {{ module.exports = [e.code, e.message] }}",
            "esm.mjs": "",
            "style.css": "",
            "latin1.js": b"'\xe9'",
        }
    )
    found, message = rt.eval_module("./a.cjs").default
    assert found == code
    assert reason in message
    assert specifier.removeprefix(".") in message


def test_require_wants_a_string(rt: Runtime, put: Put) -> None:
    put({"a.cjs": "require(1)"})
    with pytest.raises(JavaScriptError, match="string"):
        rt.eval_module("./a.cjs")


def test_import_in_a_commonjs_file(rt: Runtime, put: Put) -> None:
    put(
        {
            "lib/a.cjs": "module.exports = async () => (await import('./b.mjs')).default",
            "lib/b.mjs": "export default 'esm'",
            "main.mjs": "import a from './lib/a.cjs'; export default await a()",
        }
    )
    assert rt.eval_module("./main.mjs").default == "esm"


async def test_a_file_that_throws_is_run_again(js: Js, put: Put) -> None:
    put(
        {
            "bad.cjs": "globalThis.runs = (globalThis.runs ?? 0) + 1;\nif (runs < 3) throw new RangeError('no')",
            "user.cjs": "module.exports = require('./bad.cjs')",
            "main.mjs": "import './user.cjs'; export default runs",
        }
    )
    for _ in range(2):
        with pytest.raises(JavaScriptError, match="no") as caught:
            await js.eval_module("./main.mjs")
        assert caught.value.frames[0]["file_name"] == "jsrun:///bad.cjs"
        assert caught.value.frames[0]["line_number"] == 2
    assert (await js.eval_module("./main.mjs")).default == 3


async def test_a_file_that_never_ends(js: Js, put: Put) -> None:
    put({"loop.cjs": "if (!globalThis.mended) for (;;);", "main.mjs": "import './loop.cjs'; export default 1"})
    for code in (js.eval_module("./main.mjs", timeout=0.2), js.eval("import('./main.mjs')", timeout=0.2)):
        with pytest.raises(JavaScriptTimeout):
            await code
    await js.eval("globalThis.mended = true")
    assert (await js.eval_module("./main.mjs")).default == 1


def test_a_long_chain_of_files(rt: Runtime, put: Put) -> None:
    files: Files = {f"f{n}.cjs": f"module.exports = require('./f{n + 1}.cjs') + 1" for n in range(300)}
    put(files | {"f300.cjs": "module.exports = 0"})
    assert rt.eval_module("./f0.cjs").default == 300
    endless: Files = {f"g{n}.cjs": f"require('./g{n + 1}.cjs')" for n in range(20_000)}
    put(endless)
    with pytest.raises(JavaScriptError, match="RangeError|cannot require"):
        rt.eval_module("./g0.cjs")
    assert rt.eval("1") == 1


async def test_a_file_may_call_python_which_imports(js: Js, put: Put) -> None:
    js.rt.bind_function("load", lambda: js.rt.eval_module("./b.cjs").default)
    put({"a.cjs": "exports.b = load()", "b.cjs": "module.exports = require('./c.cjs')", "c.cjs": "module.exports = 1"})
    assert (await js.eval_module("./a.cjs")).b == 1


# --- the loader itself ------------------------------------------------------------------------------------------


def test_its_arguments(root: Path) -> None:
    assert FileSystemLoader(str(root)).root == FileSystemLoader(root).root == root.resolve()
    assert (
        repr(FileSystemLoader(root, conditions=["x"]))
        == f"FileSystemLoader({str(root.resolve())!r}, conditions=('x',))"
    )
    with pytest.raises(FileNotFoundError):
        FileSystemLoader(root / "gone")
    with pytest.raises(NotADirectoryError):
        FileSystemLoader(root.parent / "secret.txt")
    wrong: list[dict[str, Any]] = [
        {"root": 1},
        {"root": b"x"},
        {"root": root, "conditions": "browser"},
        {"root": root, "conditions": 1},
        {"root": root, "conditions": [1]},
        {"root": root, "node_env": None},
        {"root": root, "env": "A=1"},
        {"root": root, "env": {"A": 1}},
        {"root": root, "env": {1: "A"}},
    ]
    for arguments in wrong:
        with pytest.raises(TypeError):
            FileSystemLoader(**arguments)


def test_resolve_says_which_file_is_meant(root: Path) -> None:
    write(root, PACKAGE)
    loader = FileSystemLoader(root)
    assert loader.resolve("pkg") == "node_modules/pkg/index.mjs"
    assert loader.resolve("#internal", "node_modules/pkg/index.mjs") == "node_modules/pkg/lib/dev.mjs"
    assert loader.resolve("./sub.mjs", "node_modules/pkg/lib/dev.mjs") == "node_modules/pkg/lib/sub.mjs"
    with pytest.raises(ModuleError, match="no package") as caught:
        loader.resolve("gone", "a/b.js")
    assert (caught.value.specifier, caught.value.referrer) == ("gone", "a/b.js")
    for wrong in ("../secret.mjs", "/../secret.mjs", "pkg/../../../secret.mjs"):
        with pytest.raises(ModuleError):
            loader.resolve(wrong)
    with pytest.raises(TypeError):
        loader.resolve(1)  # type: ignore[arg-type]
