"""Source maps: errors that come to Python name the original places, and a bad map is no map."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from modes import Js

from jsrun import JavaScriptError, ModuleError, Runtime
from jsrun.modules import ModuleSource

MakeRuntime = Callable[..., Runtime]

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def vlq(number: int) -> str:
    """One number as source maps write it."""
    number, text = (-number << 1 | 1) if number < 0 else number << 1, ""
    while True:
        digit, number = number & 31, number >> 5
        text += DIGITS[digit | (32 if number else 0)]
        if not number:
            return text


def source_map(*lines: tuple[int, int, int] | None, source: str = "original.ts", **more: Any) -> dict[str, Any]:
    """A map that says for each generated line: from this column on it is that line and column (all from 1)."""
    mappings, before = [], (1, 1)
    for line in lines:
        if line is None:
            mappings.append("")
            continue
        column, *to = line
        mappings.append("".join(map(vlq, (column - 1, 0, to[0] - before[0], to[1] - before[1]))))
        before = (to[0], to[1])
    return {"version": 3, "sources": [source], "names": [], "mappings": ";".join(mappings), **more}


MAP = source_map((1, 10, 3), (1, 21, 5), None, (1, 30, 1))
SOURCE = "export const f = () => { throw new Error('x') };\nexport const g = () => f();\n\nexport const h = () => g();"
FRAMES = [("f", 10, 3), ("g", 21, 5), ("h", 30, 1)]


def inline(found: dict[str, Any], form: str = "base64") -> str:
    text = json.dumps(found)
    if form == "base64":
        return "data:application/json;base64," + base64.b64encode(text.encode()).decode()
    if form == "charset":
        return "data:application/json;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()
    if form == "unpadded":
        return "data:application/json;base64," + base64.b64encode(text.encode()).decode().rstrip("=")
    return "data:application/json," + quote(text)


def with_map(source: str, found: dict[str, Any], form: str = "base64") -> str:
    return f"{source}\n//# sourceMappingURL={inline(found, form)}"


def places(error: JavaScriptError) -> list[tuple[Any, ...]]:
    return [(frame.get("function_name"), frame["line_number"], frame["column_number"]) for frame in error.frames]


def files(error: JavaScriptError) -> set[str]:
    return {frame["file_name"] for frame in error.frames}


@pytest.mark.parametrize("form", ["base64", "charset", "unpadded", "percent"])
async def test_a_module_with_its_map(js: Js, form: str) -> None:
    js.rt.add_static_module("lib/made.js", with_map(SOURCE, MAP, form))
    h = (await js.eval_module("lib/made.js")).h
    with pytest.raises(JavaScriptError, match="x") as caught:
        await js.call(h)
    assert places(caught.value) == FRAMES
    assert files(caught.value) == {"jsrun:///lib/original.ts"}
    stack = (caught.value.stack or "").replace("Module.", "").replace("Object.", "")
    assert stack.split("\n")[1:] == [f"    at {name} (jsrun:///lib/original.ts:{a}:{b})" for name, a, b in FRAMES]


@pytest.mark.parametrize("given", [MAP, json.dumps(MAP), json.dumps(MAP).encode()], ids=["mapping", "str", "bytes"])
@pytest.mark.parametrize("source", [SOURCE, SOURCE.encode()], ids=["str", "bytes"])
async def test_a_map_that_the_loader_gives(js: Js, given: Any, source: str | bytes) -> None:
    async def loader(name: str) -> ModuleSource:
        return ModuleSource(source, source_map=given)

    js.rt.set_module_loader(loader)
    for name in ("a/made.js", "b/made.js"):
        with pytest.raises(JavaScriptError) as caught:
            await js.call((await js.eval_module(name)).h)
        assert places(caught.value) == FRAMES
        assert files(caught.value) == {f"jsrun:///{name[0]}/original.ts"}


def test_the_loaders_map_counts_more_than_one_inside(rt: Runtime) -> None:
    other = with_map(SOURCE, source_map((1, 99, 9)))
    rt.set_module_loader(lambda name: ModuleSource(other, "js", MAP))
    with pytest.raises(JavaScriptError) as caught:
        rt.eval_module("m").f()
    assert places(caught.value) == [("f", 10, 3)]


@pytest.mark.parametrize(
    ("filename", "file"),
    [(None, "src/a.ts"), ("app.js", "src/a.ts"), ("https://a.example/x/y.js", "https://a.example/x/src/a.ts")],
)
async def test_a_script_with_its_map(js: Js, filename: str | None, file: str) -> None:
    source = with_map(
        "\nfunction fails() { null.x }\nfails()", source_map(None, (1, 7, 1), (1, 9, 2), source="src/a.ts")
    )
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(source, filename=filename)
    assert places(caught.value) == [("fails", 7, 1), (None, 9, 2)]
    assert files(caught.value) == {file}


async def test_a_script_with_top_level_await(js: Js) -> None:
    source = with_map("await 0;\nnull.x", source_map((1, 3, 1), (1, 50, 2)))
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(source)
    assert places(caught.value)[0][1:] == (50, 2)


async def test_async_frames_are_in_the_stack_text(js: Js) -> None:
    source = with_map(
        "const a = async () => { await 0; throw new Error('x') };\nconst b = async () => { await a() };\nb()",
        source_map((1, 11, 1), (1, 22, 1), (1, 33, 1)),
    )
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(source, filename="made.js")
    assert "made.js" not in (caught.value.stack or "")
    assert "at async b (original.ts:22:1)" in (caught.value.stack or "")


def test_kept_code_has_its_map(runtimes: MakeRuntime) -> None:
    filler = "".join(f"function f{i}() {{ return {i} }}" for i in range(1000))
    source = with_map(f"/* {uuid.uuid4()} */ {filler}\nnull.x", source_map(None, (1, 77, 7)))
    for hits in (0, 1):
        rt = runtimes()
        with pytest.raises(JavaScriptError) as caught:
            rt.eval(source)
        assert places(caught.value) == [(None, 77, 7)]
        assert rt.get_stats().code_cache_hits in (0, hits)


def test_nested_and_grouped_errors(rt: Runtime) -> None:
    code = "const e = new Error('inner');\nthrow new AggregateError([e], 'outer', {cause: e})"
    with pytest.raises(JavaScriptError) as caught:
        rt.eval(with_map(code, source_map((1, 5, 1), (1, 6, 1))))
    inner = caught.value.errors[0]
    assert places(caught.value) == [(None, 6, 1)]
    assert places(inner) == [(None, 5, 1)]
    assert isinstance(caught.value.cause, JavaScriptError)
    assert places(caught.value.cause) == [(None, 5, 1)]


def test_javascript_sees_the_places_that_v8_sees(rt: Runtime) -> None:
    source = with_map("globalThis.stack = new Error('x').stack", source_map((1, 77, 1)))
    rt.eval(source, filename="made.js")
    assert "made.js:1" in rt.eval("stack")


def test_only_mapped_scripts_change(rt: Runtime) -> None:
    rt.eval("globalThis.plain = (f) => f()", filename="plain.js")
    with pytest.raises(JavaScriptError) as caught:
        rt.eval(with_map("plain(() => null.x)", source_map((1, 40, 1))), filename="made.js")
    assert [frame["file_name"] for frame in caught.value.frames] == ["original.ts", "plain.js", "original.ts"]


def test_a_map_of_sections(rt: Runtime) -> None:
    sections = [{"offset": {"line": 1, "column": 0}, "map": source_map((1, 15, 2), source="part.ts")}]
    with pytest.raises(JavaScriptError) as caught:
        rt.eval(with_map("\nnull.x", {"version": 3, "sections": sections}))
    assert files(caught.value) == {"part.ts"}
    assert places(caught.value) == [(None, 15, 2)]


BAD: list[Any] = [
    "",
    "{",
    "[]",
    "null",
    b"\xff\xfe",
    {},
    {"version": 2},
    {"version": 3, "sources": [], "names": [], "mappings": "AAAA"},
    {"version": 3, "sources": ["a"], "names": [], "mappings": "!!!!"},
    {"version": 3, "sources": ["a"], "names": [], "mappings": "gggggggggggggggggg"},
    {"version": 3, "sources": ["a"], "names": [], "mappings": "AAAAAAAAAA"},
    {"version": 3, "sources": 1, "mappings": 1},
    {"version": 3, "sources": [None], "names": [], "mappings": "AAAA"},
    {"version": 3, "sections": [{"offset": {"line": 0, "column": 0}, "url": "x"}]},
    {"version": 3, "sources": ["a"], "names": [], "mappings": "D;D;D;DDDD"},
]


@pytest.mark.parametrize("found", BAD, ids=lambda found: str(found)[:40])
async def test_a_bad_map_is_none(js: Js, found: Any) -> None:
    js.rt.set_module_loader(lambda name: ModuleSource("\nexport const f = () => null.x", source_map=found))
    with pytest.raises(JavaScriptError, match="null") as caught:
        await js.call((await js.eval_module("made.js")).f)
    assert places(caught.value) == [("f", 2, 29)]
    assert files(caught.value) == {"jsrun:///made.js"}


@pytest.mark.parametrize(
    "url",
    ["made.js.map", "data:", "data:application/json;base64,!", "data:text/html,x", "https://a.example/x.map", "%"],
)
def test_other_urls_are_not_followed(rt: Runtime, url: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        rt.eval(f"null.x\n//# sourceMappingURL={url}")
    assert places(caught.value) == [(None, 1, 6)]


def test_a_map_must_be_one_of_its_forms(rt: Runtime) -> None:
    rt.set_module_loader(lambda name: ModuleSource("", source_map=1))  # type: ignore[arg-type]
    with pytest.raises(ModuleError) as caught:
        rt.eval_module("m")
    assert "source_map must be str" in str(caught.value.__cause__)


def test_many_scripts_with_maps(rt: Runtime) -> None:
    for n in range(1500):
        with pytest.raises(JavaScriptError) as caught:
            rt.eval(with_map(f"null.x{n}", source_map((1, n + 1, 1))))
        assert places(caught.value) == [(None, n + 1, 1)]
