"""Large arrays on their way to Python: who waits for one gets it in parts, and it is whole or not there at all."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js, background, in_threads

from jsrun import ConversionError, JavaScriptTimeout, JsFunction, Runtime, RuntimeClosed, RuntimeTerminated

MakeRuntime = Callable[..., Runtime]
#: So many of them are several parts.
COUNT = 12_000
ROWS = f"Array.from({{length: {COUNT}}}, (_, i) => ({{id: i, name: `row ${{i}}`, half: i / 2}}))"
EXPECTED = [{"id": i, "name": f"row {i}", "half": i / 2} for i in range(COUNT)]


async def test_it_is_whole(js: Js) -> None:
    got = await js.eval(ROWS)
    assert got == EXPECTED
    assert gc.is_tracked(got)


@pytest.mark.parametrize("code", [f"({{rows: {ROWS}}})", f"[{ROWS}]", f"new Map([['rows', {ROWS}]])"])
async def test_it_is_whole_inside_something(js: Js, code: str) -> None:
    got = await js.eval(code)
    assert (got["rows"] if isinstance(got, dict) else got[0]) == EXPECTED


async def test_what_is_there_twice_stays_one(js: Js) -> None:
    got = await js.eval(
        f"const all = {ROWS}; const common = {{a: [1, 2]}};"
        "for (const at of [0, 1, 5000, 5001, 11998, 11999]) Object.assign(all[at], {common, first: all[0], all}); all"
    )
    assert len(got) == COUNT
    for at in (0, 1, 5000, 5001, 11998, 11999):
        assert got[at]["common"] is got[0]["common"]
        assert got[at]["first"] is got[0]
        assert got[at]["all"] is got
    assert got[7000] == EXPECTED[7000]


async def test_keys_go_on(js: Js) -> None:
    got = await js.eval(
        f"Array.from({{length: {COUNT}}}, (_, i) => ({{[`key ${{i % 300}}`]: i, every: 'x'.repeat(20)}}))"
    )
    assert got == [{f"key {i % 300}": i, "every": "x" * 20} for i in range(COUNT)]


async def test_handles_belong_to_their_part(js: Js) -> None:
    got = await js.eval(
        f"Array.from({{length: {COUNT}}}, (_, i) =>"
        " i % 1000 ? `row ${i}` : {get: () => i, error: new RangeError(`${i}`)})"
    )
    for at in range(0, COUNT, 1000):
        assert isinstance(got[at]["get"], JsFunction)
        assert await js.call(got[at]["get"]) == at
        assert str(at) in str(got[at]["error"])
    assert got[1:1000] == [f"row {i}" for i in range(1, 1000)]


KINDS = {
    "empty": ("''", ""),
    "one character": "a b c é".split(),
    "short": ("'short'", "short"),
    "joined": ("['a long', 'string', i - i].join(' ')", "a long string 0"),
    "added": ("'a string that is added to ' + (i - i)", "a string that is added to 0"),
    "cut": ("'a string that is long enough to be cut'.slice(2, -3)", "string that is long enough to be "),
    "a key": ("Object.keys({['a key that is ' + (i - i)]: 1})[0]", "a key that is 0"),
    "used as a key": ("(() => { const t = 'used as a key, ' + (i - i); ({})[t]; return t; })()", "used as a key, 0"),
    "latin-1": ("'caf\\u00e9 ' + (i - i)", "café 0"),
    "wide": ("'\\u4e2d' + (i - i)", "中0"),
    "lone": ("'\\ud800' + (i - i)", "\ud8000"),
    "zero": ("'\\0' + (i - i)", "\0" + "0"),
    "longest": ("'x'.repeat(256)", "x" * 256),
    "longer": ("'x'.repeat(257)", "x" * 257),
    "from numbers": ("String(i - i + 0.5)", "0.5"),
    "from json": ("JSON.parse('\"from json\"')", "from json"),
    "small integers": ("i - i - 5", -5),
    "largest small": ("i - i + 2 ** 31 - 1", 2**31 - 1),
    "smallest small": ("i - i - 2 ** 31", -(2**31)),
    "beyond": ("i - i + 2 ** 31", 2**31),
    "minus zero": ("-0 * (i - i + 1)", -0.0),
    "halves": ("i - i + 0.5", 0.5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["items", "values", "mixed"])
async def test_every_kind_of_scalar(js: Js, kind: str, form: str) -> None:
    entry = KINDS[kind]
    if isinstance(entry, list):
        source, expected = "'abc\\u00e9'[i % 4]", ["a", "b", "c", "é"]
    else:
        source, expected = entry[0], [entry[1]] * 4
    wrap = {"items": f"({source})", "values": f"({{a: {source}, b: i}})", "mixed": f"i % 3 ? null : ({source})"}[form]
    got = await js.eval(f"Array.from({{length: 1000}}, (_, i) => {wrap})")
    wanted: list[Any] = [expected[i % 4] for i in range(1000)]
    if form == "values":
        wanted = [{"a": value, "b": i} for i, value in enumerate(wanted)]
    elif form == "mixed":
        wanted = [None if i % 3 else value for i, value in enumerate(wanted)]
    assert repr(got) == repr(wanted)


async def test_a_string_of_the_hosts_among_others(js: Js) -> None:
    text = "".join(["lent ", "x" * 100_000])
    got = await js.call(await js.eval("(s) => Array.from({length: 500}, (_, i) => i % 100 ? `${i}` : s)"), text)
    assert got == [str(i) if i % 100 else text for i in range(500)]


# --- what goes wrong on the way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 3000, COUNT - 1])
async def test_what_throws_late_leaves_nothing(js: Js, at: int) -> None:
    await js.eval(
        f"globalThis.all = {ROWS};Object.defineProperty(all[{at}], 'name', {{get() {{ throw new Error('mine'); }}}}); 0"
    )
    for _ in range(3):
        with pytest.raises(ConversionError, match=rf"\$\[{at}\]\.name.*mine"):
            await js.eval("all")
    await js.eval(f"delete all[{at}].name; 0")
    assert len(await js.eval("all")) == COUNT


async def test_the_budget_counts_what_went_ahead(js: Js, runtimes: MakeRuntime) -> None:
    rt = runtimes(max_serialization_bytes=200_000)
    with pytest.raises(ConversionError, match="max_serialization_bytes"):
        await Js(rt, js.mode).eval(ROWS)
    code = f"Array.from({{length: {COUNT}}}, (_, i) => 'x'.repeat(10))"
    assert len(await Js(rt, js.mode).eval(code)) == COUNT
    with pytest.raises(ConversionError, match="max_serialization_bytes"):
        await Js(rt, js.mode).eval(f"Array.from({{length: {COUNT}}}, (_, i) => 'x'.repeat(20))")


async def test_a_getter_that_never_ends_is_stopped(js: Js) -> None:
    await js.eval(
        f"globalThis.all = {ROWS}; Object.defineProperty(all, {COUNT - 5}, {{get() {{ while (stuck); return 1; }}}}); 0"
    )
    await js.eval("globalThis.stuck = true; 0")
    with pytest.raises(JavaScriptTimeout):
        await js.eval("all", timeout=0.3)
    await js.eval("globalThis.stuck = false; 0")
    assert (await js.eval("all"))[-5:] == [1, *EXPECTED[-4:]]


async def test_a_host_function_asks_for_another_meanwhile(js: Js) -> None:
    rt = js.rt
    inner: list[int] = []

    def look() -> int:
        inner.append(len(rt.eval("other")))
        gc.collect()
        return len(inner)

    rt.bind_function("look", look)
    await js.eval(f"globalThis.other = {ROWS}; globalThis.all = {ROWS}; 0")
    await js.eval(
        "const trap = {get: () => look(), enumerable: true};"
        "for (const at of [2000, 9000]) Object.defineProperty(all[at], 'half', trap); 0"
    )
    got = await js.eval("all")
    assert inner == [COUNT, COUNT]
    assert (got[2000]["half"], got[9000]["half"]) == (1, 2)
    assert got[9001:] == EXPECTED[9001:]


def test_a_host_function_asks_another_runtime_meanwhile(rt: Runtime, runtimes: MakeRuntime) -> None:
    other = runtimes()
    other.eval(f"globalThis.rows = {ROWS}; 0")
    rt.bind_function("look", lambda: len(other.eval("rows")))
    rt.eval(
        f"globalThis.all = {ROWS}; Object.defineProperty(all[9000], 'half', {{get: () => look(), enumerable: true}}); 0"
    )
    got = rt.eval("all")
    assert got[9000]["half"] == COUNT
    assert got[9001:] == EXPECTED[9001:]


def test_what_a_host_function_raises_ends_it(rt: Runtime) -> None:
    def fail() -> None:
        raise LookupError("on purpose")

    rt.bind_function("fail", fail)
    rt.eval(
        f"globalThis.all = {ROWS}; Object.defineProperty(all[9000], 'half', {{get: () => fail(), enumerable: true}}); 0"
    )
    for _ in range(3):
        with pytest.raises(ConversionError, match="on purpose"):
            rt.eval("all")


@pytest.mark.parametrize("end", ["terminate", "close"])
def test_its_runtime_ends_meanwhile(runtimes: MakeRuntime, end: str) -> None:
    for pause in (0.0, 0.001, 0.003, 0.006):
        rt = runtimes()
        rt.eval(f"globalThis.all = {ROWS}; 0")
        stop = threading.Timer(pause, getattr(rt, end))
        stop.start()
        with pytest.raises((RuntimeClosed, RuntimeTerminated)):
            while True:
                assert rt.eval("all") == EXPECTED
        stop.join()


def test_threads_ask_for_it_at_once(rt: Runtime) -> None:
    rt.eval(f"globalThis.all = {ROWS}; 0")

    def ask() -> None:
        for _ in range(5):
            assert rt.eval("all") == EXPECTED

    in_threads(ask)


def test_nobody_sees_a_list_with_empty_places(rt: Runtime) -> None:
    """A list that is still to be filled would end the process for who walks through it."""
    rt.eval(f"globalThis.all = Array.from({{length: {COUNT}}}, (_, i) => [i, {{id: i}}]); 0")
    done = threading.Event()

    def walk() -> None:
        while not done.is_set():
            for thing in gc.get_objects():
                if type(thing) is list and len(thing) == COUNT:
                    for item in thing:
                        assert item is not None
            time.sleep(0)

    with background(walk):
        try:
            for _ in range(15):
                assert rt.eval("all")[-1] == [COUNT - 1, {"id": COUNT - 1}]
        finally:
            done.set()
