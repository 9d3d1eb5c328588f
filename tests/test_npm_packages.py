"""Published packages of many shapes, installed by npm from a lock file with checksums, through FileSystemLoader."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from modes import Js

from jsrun import JavaScriptError, ModuleError, Runtime
from jsrun.modules import FileSystemLoader

LOCK = Path(__file__).parent / "npm"

pytestmark = [
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed; it comes with Node.js"),
    # The first test waits for npm.
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install exactly what the lock file names; npm compares each tarball with its checksum."""
    folder = tmp_path_factory.mktemp("packages")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return folder


@dataclass(frozen=True)
class Case:
    """What a module that uses a package says, and what it exports by default."""

    source: str
    value: Any
    conditions: tuple[str, ...] = ()


BROWSER = ("browser",)

CASES = {
    "preact: conditions with nested import, a peer dependency": Case(
        "import {h} from 'preact'; import render from 'preact-render-to-string';"
        "export default render(h('p', {class: 'a'}, 'hi', h('b', null, 1)))",
        '<p class="a">hi<b>1</b></p>',
    ),
    "preact: a subpath with a folder of its own": Case(
        "import {useState} from 'preact/hooks'; import {h} from 'preact'; import render from 'preact-render-to-string';"
        "export default render(h(() => h('i', null, useState(7)[0])))",
        "<i>7</i>",
    ),
    "react: CommonJS that asks for NODE_ENV": Case(
        "import React, {createElement, useId} from 'react'; import server from 'react-dom/server.browser';"
        "function App() { return createElement('p', {id: typeof useId()}, React.version) }"
        "export default server.renderToStaticMarkup(createElement(App))",
        '<p id="string">19.1.1</p>',
    ),
    "react: the server by condition": Case(
        "import {createElement as h} from 'react'; import {renderToString} from 'react-dom/server';"
        "export default renderToString(h('p', null, 'x'))",
        "<p>x</p>",
        BROWSER,
    ),
    "lodash: one large CommonJS file": Case(
        "import _, {chunk, sortBy} from 'lodash';"
        "export default [_.VERSION, chunk([1, 2, 3], 2), sortBy([3, 1, 2]), _.template('a<%= b %>')({b: 1})]",
        ["4.17.21", [[1, 2], [3]], [1, 2, 3], "a1"],
    ),
    "lodash: a file among many that require each other": Case(
        "import merge from 'lodash/merge.js'; import fp from 'lodash/fp.js';"
        "export default [merge({a: {b: 1}}, {a: {c: 2}}), fp.map((x) => x * 2)([1, 2])]",
        [{"a": {"b": 1, "c": 2}}, [2, 4]],
    ),
    "lodash-es: six hundred modules": Case(
        "import {camelCase, groupBy} from 'lodash-es';"
        "export default [camelCase('a b'), groupBy([1, 2, 3], (x) => x % 2)]",
        ["aB", {"0": [2], "1": [1, 3]}],
    ),
    "date-fns: exports by pattern, both kinds": Case(
        "import {addDays, formatISO} from 'date-fns'; import {de} from 'date-fns/locale/de';"
        "import {format} from 'date-fns/format';"
        "const day = addDays(new Date(Date.UTC(2024, 1, 28, 12)), 1);"
        "export default [day.toISOString(), format(day, 'MMMM', {locale: de}), de.code]",
        ["2024-02-29T12:00:00.000Z", "Februar", "de"],
    ),
    "zod: TypeScript compiled to both kinds": Case(
        "import {z} from 'zod'; import * as mini from 'zod/mini';"
        "export default [z.object({n: z.number()}).safeParse({n: 'x'}).success, mini.parse(mini.string(), 'y')]",
        [False, "y"],
    ),
    "uuid: node and default": Case(
        "import {v5, validate} from 'uuid'; const id = v5('a', v5.URL); export default [id, validate(id)]",
        ["e1407479-3136-56c0-9908-bb02fb0339e2", True],
    ),
    "nanoid: a build for browsers": Case(
        "import {nanoid, customAlphabet} from 'nanoid'; export default [nanoid().length, customAlphabet('a', 4)()]",
        [21, "aaaa"],
        BROWSER,
    ),
    "semver: CommonJS in many files": Case(
        "import semver, {satisfies} from 'semver'; import major from 'semver/functions/major.js';"
        "export default [semver.inc('1.2.3', 'minor'), satisfies('1.5.0', '^1.2'), major('3.1.0')]",
        ["1.3.0", True, 3],
    ),
    "ms: module.exports is a function": Case(
        "import ms from 'ms'; export default [ms('2d'), ms(60000)]", [172800000, "1m"]
    ),
    "debug: picks its build when it runs": Case(
        "import debug from 'debug'; export default [debug('x').namespace, debug.enabled('x')]", ["x", False], BROWSER
    ),
    "chalk: imports of its own by condition": Case(
        "import {Chalk} from 'chalk'; export default new Chalk({level: 1}).red('x')", "\x1b[31mx\x1b[39m"
    ),
    "yaml: a CommonJS main beside a build for browsers": Case(
        "import {parse, stringify} from 'yaml'; export default [parse('a: [1, {b: c}]'), stringify({x: [1]})]",
        [{"a": [1, {"b": "c"}]}, "x:\n  - 1\n"],
        BROWSER,
    ),
    "handlebars: CommonJS compiled from ES modules": Case(
        "import Handlebars from 'handlebars';"
        "export default Handlebars.compile('{{#each l}}<{{this}}>{{/each}}')({l: [1, 2]})",
        "<1><2>",
    ),
    "ajv: compiled TypeScript that requires JSON": Case(
        "import {Ajv} from 'ajv'; const check = new Ajv().compile({type: 'object', required: ['a']});"
        "export default [check({a: 1}), check({}), check.errors[0].message]",
        [True, False, "must have required property 'a'"],
    ),
    "dayjs: universal files and plugins": Case(
        "import dayjs from 'dayjs'; import utc from 'dayjs/plugin/utc.js'; import 'dayjs/locale/de.js';"
        "dayjs.extend(utc); export default dayjs.utc(0).locale('de').format('D. MMMM YYYY')",
        "1. Januar 1970",
    ),
    "events: named like a module of Node.js": Case(
        "import Events, {EventEmitter} from 'events'; const e = new Events(); let got; e.on('x', (v) => { got = v });"
        "e.emit('x', 5); export default [got, Events === EventEmitter]",
        [5, True],
    ),
    "rxjs: for Node.js in CommonJS": Case(
        "import {of, map, toArray, firstValueFrom} from 'rxjs'; import {filter} from 'rxjs/operators';"
        "export default await firstValueFrom(of(1, 2, 3).pipe(map((x) => x * 2), filter((x) => x > 2), toArray()))",
        [4, 6],
        ("node",),
    ),
    "@noble/hashes: a scope, and subpaths with extensions": Case(
        "import {sha256} from '@noble/hashes/sha2.js'; import {bytesToHex} from '@noble/hashes/utils.js';"
        "export default bytesToHex(sha256(new TextEncoder().encode('abc'))).slice(0, 16)",
        "ba7816bf8f01cfea",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=[name.split(":")[0] + f"-{n}" for n, name in enumerate(CASES)])
def test_a_package(rt: Runtime, packages: Path, case: Case) -> None:
    rt.set_module_loader(FileSystemLoader(packages, conditions=case.conditions))
    rt.add_static_module("main", case.source)
    assert rt.eval_module("main").default == case.value


async def test_packages_together(js: Js, packages: Path) -> None:
    js.rt.set_module_loader(FileSystemLoader(packages, conditions=BROWSER))
    modules = await js.eval(
        "const found = await Promise.all(['lodash', 'lodash-es', 'zod', 'yaml', 'preact'].map((name) => import(name)));"
        "found.map((module) => Object.keys(module).length > 10)"
    )
    assert modules == [True] * 5


def test_a_package_that_is_a_whole_module(rt: Runtime, packages: Path) -> None:
    rt.set_module_loader(FileSystemLoader(packages))
    ms = rt.eval_module("ms").default
    assert ms("1h") == 3_600_000
    assert rt.eval_module("semver")["valid"]("1.2") is None


def test_es_modules_that_read_the_environment(rt: Runtime, packages: Path) -> None:
    rt.set_module_loader(FileSystemLoader(packages))
    rt.add_static_module("main", "import {produce} from 'immer'; export default produce({a: 1}, (d) => { d.a = 2 })")
    with pytest.raises(JavaScriptError, match="process is not defined"):
        rt.eval_module("main")
    rt.bind_object("process", {"env": {"NODE_ENV": "production"}})
    assert rt.eval_module("main").default == {"a": 2}


@pytest.mark.parametrize("mode", ["production", "development"])
def test_packages_with_an_environment(rt: Runtime, packages: Path, mode: str) -> None:
    rt.set_module_loader(FileSystemLoader(packages, conditions=BROWSER, node_env=mode, env={"DEBUG": "jsrun"}))
    rt.add_static_module(
        "main",
        "import {freeze, produce} from 'immer'; import {createElement as h} from 'react'; import debug from 'debug';"
        "import {renderToStaticMarkup} from 'react-dom/server'; import {Fragment} from 'react';"
        "const long = () => { try { produce(null, 1) } catch (error) { return error.message.includes('minified') } };"
        "export default [produce({a: 1}, (d) => { d.a = 2 }).a, renderToStaticMarkup(h('b', null, process.env.DEBUG)),"
        "long(), typeof debug('jsrun')]",
    )
    assert rt.eval_module("main").default == [2, "<b>jsrun</b>", mode == "production", "function"]


@pytest.mark.parametrize("package", ["debug", "react-dom/server", "nanoid"])
def test_a_build_for_node_says_what_it_lacks(rt: Runtime, packages: Path, package: str) -> None:
    rt.set_module_loader(FileSystemLoader(packages))
    with pytest.raises((ModuleError, JavaScriptError), match="is a module of Node.js"):
        rt.eval_module(package)
