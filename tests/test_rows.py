"""Large arrays of objects on their way to Python: read many at a time, with the result of reading them one by one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js

from jsrun import ConversionError, JavaScriptError, JavaScriptTimeout, JsFunction, Runtime

MakeRuntime = Callable[..., Runtime]

ROW = "{id: i, name: `row ${i}`, price: i * 1.5, active: i % 2 === 0, note: null, none: undefined}"


def rows(row: str = ROW, count: int = 2000) -> str:
    return f"Array.from({{length: {count}}}, (_, i) => ({row}))"


# --- what comes out ---------------------------------------------------------------------------------------------


async def test_rows_of_scalars(js: Js) -> None:
    got = await js.eval(rows("{id: i, name: `row ${i}`, price: i * 1.5, active: i % 2 === 0, note: null}"))
    assert got == [
        {"id": i, "name": f"row {i}", "price": i * 1.5, "active": i % 2 == 0, "note": None} for i in range(2000)
    ]
    assert [list(row) for row in got] == [["id", "name", "price", "active", "note"]] * 2000
    assert {type(row["id"]) for row in got} == {int}


ITEMS = [
    ROW,
    "{id: i}",
    "{name: 'other', id: i}",
    "{id: i, nested: {a: [i, {b: i}], when: new Date(i)}}",
    "{id: i, list: [1, 2, 'three', [4]]}",
    "{id: i, text: 'long '.repeat(i % 50) + i}",
    "{id: i, text: 'é' + i, wide: '\\u4e2d' + i, lone: '\\ud800'}",
    "{id: i, big: 2n ** 70n, nan: NaN, minus: -0, inf: -Infinity}",
    "{id: i, bytes: new Uint8Array([i, 2]), map: new Map([[i, {}]]), set: new Set([i])}",
    "{1: 'one', id: i, 0: 'zero'}",
    'JSON.parse(\'{"__proto__": 1, "constructor": 2, "toString": 3}\')',
    "Object.create(null, {id: {value: i, enumerable: true}, hidden: {value: 1}})",
    "Object.create({inherited: 1}, {id: {value: i, enumerable: true}})",
    "new (class Point { constructor() { this.x = i; this.y = 2; } get sum() { return 1; } })()",
    "{get id() { return i; }, set other(x) {}, [Symbol('s')]: 1}",
    "Object.freeze({id: i, name: 'frozen'})",
    "new Proxy({id: i, name: 'behind'}, {})",
    "Object.setPrototypeOf(new Map([[i, 1]]), Object.prototype)",
    "Object.setPrototypeOf(Object.assign([i], {id: i}), Object.prototype)",
    "new Number(i)",
    "new Date(i)",
    "[i, i]",
    "{}",
    "i",
    "null",
    "undefined",
    "`text ${i}`",
    "true",
]


@pytest.mark.parametrize("seed", range(12))
async def test_any_mixture_is_as_its_items_are_alone(js: Js, seed: int) -> None:
    """Runs of one kind, of random lengths."""
    chance = random.Random(seed)
    choices = chance.sample(ITEMS, chance.randrange(1, 6))
    parts = []
    while len(parts) < 12:
        parts.append(f"...{rows(chance.choice(choices), chance.choice([1, 2, 7, 130, 511, 512, 513, 600]))}")
    await js.eval(f"globalThis.all = [{', '.join(parts)}]; 0")
    whole = await js.eval("all")
    assert repr(whole) == repr([await js.eval(f"all[{index}]") for index in range(len(whole))])


async def test_objects_that_are_there_twice_stay_one(js: Js) -> None:
    got = await js.eval(
        f"const all = {rows('{id: i, self: null, next: null, all: null}')};"
        "for (let i = 0; i < 2000; i++) Object.assign(all[i], {self: all[i], next: all[(i * 7 + 1) % 2000], all});"
        "all[300] = all[5]; all[1999] = all[1998]; all[10] = all; all"
    )
    assert got[300] is got[5]
    assert got[1999] is got[1998]
    assert got[10] is got
    for index in (0, 4, 511, 512, 777, 1998):
        assert got[index]["self"] is got[index]
        assert got[index]["all"] is got
    # The row that 300 was before is not in the array any more.
    assert got[6]["next"] is got[43]
    assert got[1]["next"] is got[8]


async def test_what_rows_hold_is_shared_with_the_rest(js: Js) -> None:
    got = await js.eval(
        f"const common = {{a: 1}}; const all = {rows('{id: i, common}')};"
        "({first: common, all, last: [common, all[700]]})"
    )
    assert all(row["common"] is got["first"] for row in got["all"])
    assert got["last"][0] is got["first"]
    assert got["last"][1] is got["all"][700]


async def test_functions_in_rows_keep_their_receiver(js: Js) -> None:
    got = await js.eval(rows("{id: i, show() { return this.id; }}", 300))
    assert isinstance(got[200]["show"], JsFunction)
    assert await js.call(got[200]["show"]) == 200
    assert await js.call(got[299]["show"]) == 299


async def test_rows_that_are_wide(js: Js) -> None:
    wide = "Object.fromEntries(Array.from({length: 5000}, (_, k) => [`k${k}`, k]))"
    got = await js.eval(f"const one = {wide}; {rows('({...one})', 130)}")
    assert len(got) == 130
    assert got[129] == {f"k{key}": key for key in range(5000)}


NUMBERS = {
    "doubles": "Array.from({length: 1000}, (_, i) => i / 2)",
    "integers": "Array.from({length: 1000}, (_, i) => i)",
    "with room": "(() => { const all = new Array(1000); for (let i = 0; i < 1000; i++) all[i] = i / 2; return all })()",
    "of any kind": "(() => { const all = ['']; for (let i = 0; i < 1000; i++) all[i] = i / 2; return all; })()",
    "by name": "(() => { const all = []; for (let i = 999; i >= 0; i--) all[i * 99] = i; return all.slice(0, 1e3) })()",
    "with a hole": "(() => { const all = Array.from({length: 1000}, (_, i) => i); delete all[500]; return all; })()",
    "special": "Array.from({length: 1000}, (_, i) => [NaN, -0, Infinity, 2 ** 31, -(2 ** 53), 0.1][i % 6])",
    "and others": "Array.from({length: 1000}, (_, i) => i === 700 ? 'text' : i === 900 ? null : i)",
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("count", [15, 16, 127, 128, 513, 1000])
async def test_numbers_are_as_they_are_alone(js: Js, kind: str, count: int) -> None:
    await js.eval(f"globalThis.all = {NUMBERS[kind]}.slice(0, {count}); 0")
    whole = await js.eval("all")
    assert repr(whole) == repr([await js.eval(f"all[{index}]") for index in range(count)])
    assert [type(item) for item in whole] == [type(await js.eval(f"all[{index}]")) for index in range(count)]


async def test_a_number_that_an_accessor_gives_is_read_once(js: Js) -> None:
    for count in (20, 600):
        await js.eval(f"globalThis.reads = 0; globalThis.all = Array.from({{length: {count}}}, (_, i) => i); 0")
        await js.eval(
            "for (const at of [0, 3]) Object.defineProperty(all, at, {get: () => { reads++; return -1; }}); 0"
        )
        await js.eval("Object.defineProperty(all, 5, {get: () => { reads++; return 'text'; }}); 0")
        assert await js.eval("all") == [-1, 1, 2, -1, 4, "text", *range(6, count)]
        assert await js.eval("reads") == 3


# --- code that runs meanwhile -----------------------------------------------------------------------------------


async def test_a_getter_runs_once_in_its_turn(js: Js) -> None:
    got = await js.eval(
        f"globalThis.log = []; const all = {rows('{a: i, get b() { log.push(i); return -i; }, c: 1}', 1000)}; all"
    )
    assert [row["b"] for row in got] == [-index for index in range(1000)]
    assert await js.eval("log.every((at, i) => at === i) && log.length") == 1000


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("delete this.c", {"a": 7, "b": 1, "c": "UNDEFINED", "d": 4}),
        ("this.d = 'new'", {"a": 7, "b": 1, "c": 3, "d": "new"}),
        ("this.e = 'more'", {"a": 7, "b": 1, "c": 3, "d": 4}),
        ("Object.defineProperty(this, 'c', {enumerable: false})", {"a": 7, "b": 1, "c": 3, "d": 4}),
        ("Object.setPrototypeOf(this, {z: 1})", {"a": 7, "b": 1, "c": 3, "d": 4}),
        ("all.length = 0", {"a": 7, "b": 1, "c": 3, "d": 4}),
        ("Object.prototype.polluted = 1", {"a": 7, "b": 1, "c": 3, "d": 4}),
    ],
)
async def test_a_getter_changes_its_row(js: Js, change: str, expected: dict[str, Any]) -> None:
    got = await js.eval(
        "globalThis.all = "
        + rows("{a: i, get b() { if (i === 7) { " + change + "; } return 1; }, c: 3, d: 4}", 600)
        + "; all"
    )
    assert [*got[7].items()] == [
        (key, got[7][key] if value == "UNDEFINED" else value) for key, value in expected.items()
    ]
    assert "UNDEFINED" not in expected.values() or repr(got[7]["c"]) == "undefined"
    assert len(got) == 600


async def test_what_a_getter_throws_names_its_place(js: Js) -> None:
    code = rows("{a: i, get b() { if (i === 250) throw new RangeError('mine'); return 1; }}", 600)
    with pytest.raises(ConversionError, match=r"\$\[250\]\.b.*RangeError: mine") as caught:
        await js.eval(code)
    assert isinstance(caught.value.__cause__, JavaScriptError)
    with pytest.raises(ConversionError, match=r"\$\.in\[250\]\.b"):
        await js.eval(f"({{in: {code}}})")


async def test_an_item_that_throws_names_its_place(js: Js) -> None:
    code = f"const all = {rows()}; Object.defineProperty(all, 700, {{get() {{ throw new Error('mine'); }}}}); all"
    with pytest.raises(ConversionError, match=r"\$\[700\].*mine"):
        await js.eval(code)


async def test_an_items_getter_runs_once(js: Js) -> None:
    code = (
        f"let reads = 0; globalThis.count = () => reads; const all = {rows('{id: i}')};"
        "const get = (at) => () => { reads++; return {other: at}; };"
        "for (const at of [0, 5, 600, 1999]) Object.defineProperty(all, at, {get: get(at)}); all"
    )
    got = await js.eval(code)
    assert got[600] == {"other": 600}
    assert await js.eval("count()") == 4


@pytest.mark.parametrize("value", ["Symbol('s')", "new WeakMap()", "function* () {}()"])
async def test_what_has_no_form_names_its_place(js: Js, value: str) -> None:
    with pytest.raises(ConversionError, match=r"\$\[400\]\.b"):
        await js.eval(rows(f"{{a: 1, b: i === 400 ? {value.replace('function* () {}()', '(function* () {})()')} : 0}}"))


async def test_a_getter_that_never_ends_is_stopped(js: Js) -> None:
    with pytest.raises(JavaScriptTimeout):
        await js.eval(rows("{a: i, get b() { while (i === 400); return 1; }}"), timeout=0.3)
    assert len(await js.eval(rows())) == 2000


async def test_a_getter_that_converts_rows_itself(js: Js) -> None:
    js.rt.bind_function("count", len)
    got = await js.eval(rows("{a: i, get b() { return i % 100 ? 0 : count(" + rows("{x: i}", 300) + "); }}", 400))
    assert [row["b"] for row in got[::100]] == [300] * 4


async def test_nothing_of_the_platform_is_handed_to_a_getter(js: Js) -> None:
    await js.eval(
        "globalThis.sites = []; Error.prepareStackTrace = (error, all) => { sites.push(...all); return ''; }; 0"
    )
    got = await js.eval(rows("{a: i, get b() { return i === 300 ? new Error('x').stack : ''; }}", 600))
    assert len(got) == 600
    code = "sites.slice(1).every((site) => site.getThis() === undefined && site.getFunction() === undefined)"
    assert await js.eval(f"sites.length > 1 && {code}") is True


# --- programs that changed the language ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "Object.prototype.extra = 1",
        "Object.defineProperty(Object.prototype, 'extra', {get() { throw 1; }, enumerable: true, configurable: true})",
        "Object.keys = () => { throw 1; }",
        "Object.getPrototypeOf = () => { throw 1; }",
        "for (let i = 0; i < 20; i++) Object.defineProperty(Array.prototype, i, traps)",
        "for (let i = 0; i < 20; i++) Object.defineProperty(Object.prototype, i, traps)",
        "Object.prototype.length = 1",
        "Array.prototype[Symbol.iterator] = () => { throw 1; }",
        "Object.freeze(Object.prototype); Object.freeze(Array.prototype)",
    ],
)
async def test_a_changed_language_changes_nothing(js: Js, change: str) -> None:
    traps = "const traps = {set() { throw 1; }, get() { throw 1; }};"
    code = f"{traps} const all = {rows('{id: i, name: `n${i}`}', 600)}; {change}; all"
    assert await js.eval(code) == [{"id": index, "name": f"n{index}"} for index in range(600)]


@pytest.mark.parametrize("change", ["this[0] = {}", "this.push('c')", "this.length = 0", "seen.push(this)"])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_nobody_meets_the_lists_that_rows_are_read_with(js: Js, change: str, place: int) -> None:
    await js.eval(
        f"globalThis.seen = []; const get = function () {{ {change}; return Symbol(); }};"
        f"Object.defineProperty(Array.prototype, {place}, {{get, set: get, configurable: true}}); 0"
    )
    odd = "i % 10 ? {a: i, b: 1} : i % 20 ? {a: i} : {a: i, b: 1, c: {get: [1]}}"
    code = f"Array.from({{length: 300}}, (_, i) => ({odd}))"
    expected: list[dict[str, Any]] = [
        {"a": i, "b": 1} if i % 10 else {"a": i} if i % 20 else {"a": i, "b": 1, "c": {"get": [1]}} for i in range(300)
    ]
    assert await js.eval(code) == expected
    growing = "{a: i, get b() { if (i === 3) this.z = 1; return 1; }}"
    assert await js.eval(rows(growing, 300)) == [{"a": i, "b": 1} for i in range(300)]
    assert await js.eval("seen.length") == 0


async def test_rows_that_can_be_iterated_are_streams_as_ever(js: Js) -> None:
    await js.eval("Object.prototype[Symbol.asyncIterator] = async function* () { yield 1; }")
    got = await js.eval(rows("{id: i}", 200))
    assert {type(row).__name__ for row in got} == {type(await js.eval("({id: 1})")).__name__}
    assert "dict" not in {type(row).__name__ for row in got}


# --- limits -----------------------------------------------------------------------------------------------------


async def test_budgets_bind(js: Js, runtimes: MakeRuntime) -> None:
    tight = Js(runtimes(max_serialization_bytes=20_000, max_serialization_depth=3), js.mode)
    with pytest.raises(ConversionError, match="20,000|20000"):
        await tight.eval(rows("{id: i, text: 'x'.repeat(20)}", 2000))
    assert len(await tight.eval(rows("{id: i}", 1000))) == 1000
    assert len(await tight.eval(rows("{in: [i]}", 1000))) == 1000
    with pytest.raises(ConversionError, match=r"\$\[0\]\.in\[0\]"):
        await tight.eval(rows("{in: [[i]]}", 1000))
    with pytest.raises(ConversionError, match=r"\[0\]"):
        await tight.eval(f"[[[{rows('{id: i}', 200)}]]]")


@pytest.mark.parametrize(
    "make", ["Array.from({length: 3000}, (_, i) => i % 50)", "[...Array(3000).keys()].map((i) => i % 50)"]
)
async def test_small_integers_take_little_of_the_budget(js: Js, runtimes: MakeRuntime, make: str) -> None:
    tight = Js(runtimes(max_serialization_bytes=10_000), js.mode)
    assert await tight.eval(make) == [index % 50 for index in range(3000)]
    assert await tight.eval(f"const all = {make}; all[2999] = 'x'; all[2998] = null; all") == [
        *(index % 50 for index in range(2998)),
        None,
        "x",
    ]


async def test_an_array_that_claims_to_be_long(js: Js, runtimes: MakeRuntime) -> None:
    with pytest.raises(ConversionError):
        await js.eval(f"const all = {rows('{id: i}', 600)}; all.length = 2 ** 32 - 1; all")
    roomy = Js(runtimes(max_serialization_bytes=64 << 20), js.mode)
    got = await roomy.eval(f"const all = {rows('{id: i}', 600)}; all.length = 5e6; all")
    assert len(got) == 5_000_000
    assert got[599] == {"id": 599}
    assert repr(got[600]) == "undefined"


# --- other ways out ---------------------------------------------------------------------------------------------


async def test_as_arguments_and_results_of_calls(js: Js) -> None:
    seen: list[Any] = []
    js.rt.bind_function("take", seen.append)
    await js.eval(f"take({rows('{id: i, in: {a: i}}', 500)})")
    assert seen == [[{"id": index, "in": {"a": index}} for index in range(500)]]
    make = await js.eval("(count) => Array.from({length: count}, (_, id) => ({id}))")
    assert await js.call(make, 300) == [{"id": index} for index in range(300)]


async def test_in_maps_sets_and_each_other(js: Js) -> None:
    got = await js.eval(
        f"new Map([['a', {rows('{id: i}', 200)}], ['b', new Map([[1, {rows('{in: [{id: i}]}', 200)}]])]])"
    )
    assert got["a"][150] == {"id": 150}
    assert got["b"][1][150] == {"in": [{"id": 150}]}
    deep = await js.eval(rows("{id: i, in: " + rows("{x: i}", 140) + "}", 140))
    assert deep[130]["in"][139] == {"x": 139}
