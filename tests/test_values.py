"""Values: the table of types both ways, budgets, cycles, hostile objects."""

from __future__ import annotations

import array
import asyncio
import collections
import dataclasses
import decimal
import enum
import json
import math
import pathlib
import re
import time
import types
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from modes import Js
from sameness import same

import jsrun
from jsrun import ConversionError, JavaScriptError, JsFunction, JsMap, JsRegExp, Runtime, undefined

MakeRuntime = Callable[..., Runtime]
UTC = timezone.utc
MAX_SAFE = 2**53 - 1
SURROGATES = "\ud800 \udfff \udc00\ud800"


def view(kind: str, values: list[Any]) -> memoryview:
    return memoryview(array.array(kind, values))


# --- JavaScript to Python ---------------------------------------------------------------------------------------

JS_TO_PY: dict[str, object] = {
    "undefined": undefined,
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "-0": -0.0,
    "1": 1,
    "-1": -1,
    "4.0": 4,
    "1.5": 1.5,
    "1e21": 1e21,
    "2 ** 53 - 1": MAX_SAFE,
    "-(2 ** 53 - 1)": -MAX_SAFE,
    "2 ** 53": float(2**53),
    "-(2 ** 53)": -float(2**53),
    "2 ** 31": 2**31,
    "-(2 ** 31)": -(2**31),
    "2 ** 32": 2**32,
    "5e-324": 5e-324,
    "1.7976931348623157e308": 1.7976931348623157e308,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
    "0n": 0,
    "5n": 5,
    "-5n": -5,
    "2n ** 63n": 2**63,
    "-(2n ** 63n)": -(2**63),
    "2n ** 64n": 2**64,
    "-(2n ** 64n) - 1n": -(2**64) - 1,
    "2n ** 200n": 2**200,
    "-(2n ** 100000n)": -(2**100000),
    "''": "",
    "'plain'": "plain",
    "'gr\\u00fc\\u00df'": "grüß",
    "'\\u{10FFFF}\\u{1F600}'": "\U0010ffff😀",
    "'a\\0b'": "a\0b",
    "'\\ud800 \\udfff \\udc00\\ud800'": SURROGATES,
    "'\\u2028'": "\u2028",
    "[]": [],
    "[1, 'a', null, undefined, [true]]": [1, "a", None, undefined, [True]],
    "[1, , 3]": [1, undefined, 3],
    "new Array(3)": [undefined] * 3,
    "({})": {},
    "({a: 1, b: {c: [2]}})": {"a": 1, "b": {"c": [2]}},
    "({b: 1, a: 2, 2: 'two', 1: 'one'})": {"1": "one", "2": "two", "b": 1, "a": 2},
    "({'': 1, 'a b': 2, '\\ud800': 3, 'n\\0': 4})": {"": 1, "a b": 2, "\ud800": 3, "n\0": 4},
    "Object.assign(Object.create(null), {a: 1})": {"a": 1},
    "Object.create({inherited: 1}, {own: {value: 2, enumerable: true}, hidden: {value: 3}})": {"own": 2},
    "({[Symbol('s')]: 1, a: 2})": {"a": 2},
    'JSON.parse(\'{"__proto__": 5, "constructor": 6, "toString": 7, "then": 8, "toJSON": 9}\')': {
        "__proto__": 5,
        "constructor": 6,
        "toString": 7,
        "then": 8,
        "toJSON": 9,
    },
    "class P { #hidden = 1; constructor() { this.x = 2 } get y() { return 3 } }; new P()": {"x": 2},
    "({get a() { return 1 }})": {"a": 1},
    "new Proxy({a: 1}, {})": {"a": 1},
    "(function () { return [...arguments] })(1, 2)": [1, 2],
    "new Number(1.5)": 1.5,
    "new Number(3)": 3,
    "new String('s')": "s",
    "new Boolean(false)": False,
    "Object(7n)": 7,
    "new Map()": {},
    "new Map([['a', 1], [2, 'b'], [null, undefined]])": {"a": 1, 2: "b", None: undefined},
    "new Map([['k', new Map([['l', [1]]])]])": {"k": {"l": [1]}},
    "new Set()": set(),
    "new Set([1, 'a', null, 2.5])": {1, "a", None, 2.5},
    "new Date(0)": datetime(1970, 1, 1, tzinfo=UTC),
    "new Date(1500)": datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
    "new Date(-1)": datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    "new Date('2024-02-29T12:34:56.789Z')": datetime(2024, 2, 29, 12, 34, 56, 789_000, tzinfo=UTC),
    "new Date('9999-12-31T23:59:59.999Z')": datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    "new Date('0001-01-01T00:00:00Z')": datetime(1, 1, 1, tzinfo=UTC),
    "new Uint8Array([1, 2, 255])": b"\x01\x02\xff",
    "new Uint8Array(0)": b"",
    "new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 3)": b"\x01\x02",
    "new Uint8Array([7, 8]).buffer": b"\x07\x08",
    "new ArrayBuffer(0)": b"",
    "new ArrayBuffer(3, {maxByteLength: 10})": b"\0\0\0",
    "const rb = new ArrayBuffer(8, {maxByteLength: 8}); const ru = new Uint8Array(rb); rb.resize(2); ru": b"\0\0",
    "new Int8Array([-1, 1])": view("b", [-1, 1]),
    "new Uint8ClampedArray([300, 1])": view("B", [255, 1]),
    "new Int16Array([-2, 2])": view("h", [-2, 2]),
    "new Uint16Array([65535])": view("H", [65535]),
    "new Int32Array([-3, 3])": view("i", [-3, 3]),
    "new Uint32Array([4294967295])": view("I", [4294967295]),
    "new Float32Array([0.5, -0.25])": view("f", [0.5, -0.25]),
    "new Float64Array([0.1, NaN, -0])": view("d", [0.1, math.nan, -0.0]),
    "new Float64Array([9, 0.1, 9]).subarray(1, 2)": view("d", [0.1]),
    "new BigInt64Array([-(2n ** 63n)])": view("q", [-(2**63)]),
    "new BigUint64Array([2n ** 64n - 1n])": view("Q", [2**64 - 1]),
    "new Float64Array(0)": view("d", []),
    "/a(b)c/gi": JsRegExp("a(b)c", "gi"),
    "new RegExp('')": JsRegExp("(?:)", ""),
    "/[\\u{1F600}]\\/x/u": JsRegExp("[\\u{1F600}]\\/x", "u"),
}


@pytest.mark.parametrize(("code", "expected"), JS_TO_PY.items(), ids=JS_TO_PY.keys())
def test_a_result_becomes(rt: Runtime, code: str, expected: object) -> None:
    got = rt.eval(code)
    assert same(got, expected), f"{got!r} is not {expected!r}"


@pytest.mark.parametrize(("code", "expected"), JS_TO_PY.items(), ids=JS_TO_PY.keys())
async def test_every_path_out_of_javascript_converts_alike(js: Js, code: str, expected: object) -> None:
    seen: list[Any] = []
    js.rt.bind_function("see", lambda value: seen.append(value))
    await js.eval(f"globalThis.make = () => eval({json.dumps(code)}); see(make()); 0")
    function = await js.eval("make")
    seen += [await js.eval("Promise.resolve(make())"), await js.call(function), (await js.eval("[[make()]]"))[0][0]]
    for got in seen:
        assert same(got, expected), f"{got!r} is not {expected!r}"
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("code", "name", "message"),
    [
        ("new Error('plain')", "Error", "plain"),
        ("new TypeError('typed')", "TypeError", "typed"),
        ("Object.assign(new Error('own'), {name: 'Own'})", "Own", "own"),
        ("new (class E extends RangeError { get name() { return 'E' } })('m')", "E", "m"),
    ],
)
async def test_an_error_value_is_an_exception_that_is_not_raised(js: Js, code: str, name: str, message: str) -> None:
    for value in [await js.eval(code), (await js.eval(f"[{code}]"))[0]]:
        assert isinstance(value, JavaScriptError)
        assert (value.name, value.message) == (name, message)


async def test_a_function_is_a_handle(js: Js) -> None:
    value = await js.eval("({f: x => x + 1, list: [Math.max]})")
    assert isinstance(value["f"], JsFunction)
    assert await js.call(value["f"], 1) == 2
    assert await js.call(value["list"][0], 1, 3, 2) == 3


async def test_a_nested_promise_is_awaitable(rt: Runtime) -> None:
    value = await rt.eval_async("({soon: Promise.resolve({deep: [1]}), list: [Promise.resolve(2)]})")
    assert await value["soon"] == {"deep": [1]}
    assert await value["list"][0] == 2


async def test_a_nested_promise_that_rejects_raises_when_awaited(rt: Runtime) -> None:
    value = await rt.eval_async("({bad: new Promise((_, no) => { globalThis.no = no })})")
    await rt.eval_async("no(new RangeError('later')); 0")
    with pytest.raises(JavaScriptError, match="later"):
        await value["bad"]


async def test_a_nested_promise_that_is_still_pending_waits(rt: Runtime) -> None:
    value = await rt.eval_async("({p: new Promise(r => { globalThis.open = r })})")

    async def wait() -> Any:
        return await value["p"]

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.05)
    await rt.eval_async("open('now'); 0")
    assert await waiting == "now"


async def test_a_map_with_unhashable_keys_is_a_jsmap(js: Js) -> None:
    value = await js.eval("new Map([[{k: 1}, 'object'], [[1], 'array'], ['s', 'string']])")
    assert isinstance(value, JsMap)
    pairs = [({"k": 1}, "object"), ([1], "array"), ("s", "string")]
    assert (list(value.items()), list(value), len(value)) == (pairs, pairs, 3)
    assert (value.get({"k": 1}), value.get("s"), value.get("none")) == ("object", "string", None)


async def test_a_set_with_unhashable_members_is_a_list(js: Js) -> None:
    assert same(await js.eval("new Set([[1], {a: 2}, 3])"), [[1], {"a": 2}, 3])


@pytest.mark.parametrize("pair", ["1, true", "0, false", "1, 1n", "2.5, '2.5'", "null, undefined", "NaN, 0"])
async def test_keys_that_python_would_merge_are_not_lost(js: Js, pair: str) -> None:
    assert len(await js.eval(f"new Set([{pair}])")) == 2
    assert len(await js.eval(f"new Map([{pair}].map(k => [k, 0]))")) == 2


UNCONVERTIBLE = {
    "symbol": "Symbol('s')",
    "well-known symbol": "Symbol.iterator",
    "boxed symbol": "Object(Symbol('s'))",
    "WeakMap": "new WeakMap()",
    "WeakSet": "new WeakSet()",
    "WeakRef": "new WeakRef({})",
    "SharedArrayBuffer": "new SharedArrayBuffer(8)",
    "invalid Date": "new Date(NaN)",
    "Date after year 9999": "new Date(8.64e15)",
    "Date before year 1": "new Date(-8.64e15)",
    "proxy with throwing ownKeys": "new Proxy({}, {ownKeys() { throw new Error('no') }})",
}


@pytest.mark.parametrize("code", UNCONVERTIBLE.values(), ids=UNCONVERTIBLE.keys())
async def test_what_has_no_form_in_python_names_its_path(js: Js, code: str) -> None:
    await js.eval(f"globalThis.make = () => ({code}); 0")
    with pytest.raises(ConversionError, match=r"\$"):
        await js.eval("(() => make())()")
    with pytest.raises(ConversionError, match=r"\$\.users\[3\]\.key"):
        await js.eval("({users: [0, 1, 2, {key: make()}]})")
    with pytest.raises(ConversionError):
        await js.eval("new Map([['k', make()]])")
    with pytest.raises(ConversionError):
        await js.eval("new Set([make()])")
    assert await js.eval("1 + 1") == 2


async def test_a_revoked_proxy_names_its_path(js: Js) -> None:
    with pytest.raises(ConversionError, match=r"\$\.a"):
        await js.eval("const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); ({a: proxy})")
    with pytest.raises((ConversionError, JavaScriptError)):
        await js.eval("proxy")


async def test_a_path_shows_keys_that_are_no_identifiers(js: Js) -> None:
    with pytest.raises(ConversionError, match="a b"):
        await js.eval("({'a b': [Symbol()]})")


async def test_a_function_result_and_an_argument_without_form_name_their_path(js: Js) -> None:
    function = await js.eval("() => ({a: [Symbol()]})")
    with pytest.raises(ConversionError, match=r"\$\.a\[0\]"):
        await js.call(function)
    js.rt.bind_function("host", lambda *args: None)
    assert "[1].deep" in await js.eval("try { host(1, {deep: Symbol()}) } catch (e) { e.message }")


# --- Python to JavaScript ---------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: list[int]


class Text(str):
    pass


class Whole(int):
    pass


class Real(float):
    pass


Pair = collections.namedtuple("Pair", "left right")
IDENTIFIER = uuid.UUID("12345678-1234-5678-1234-567812345678")

PY_TO_JS: dict[str, tuple[object, str]] = {
    "undefined": (undefined, "v === undefined"),
    "None": (None, "v === null"),
    "True": (True, "v === true"),
    "False": (False, "v === false"),
    "0": (0, "Object.is(v, 0)"),
    "-0.0": (-0.0, "Object.is(v, -0)"),
    "1.5": (1.5, "v === 1.5"),
    "nan": (math.nan, "Number.isNaN(v) && typeof v === 'number'"),
    "inf": (-math.inf, "v === -Infinity"),
    "2**53-1": (MAX_SAFE, "v === Number.MAX_SAFE_INTEGER"),
    "2**53": (2**53, "v === 2n ** 53n"),
    "-2**53": (-(2**53), "v === -(2n ** 53n)"),
    "2**63": (2**63, "v === 2n ** 63n"),
    "2**64": (2**64, "v === 2n ** 64n"),
    "-2**64-1": (-(2**64) - 1, "v === -(2n ** 64n) - 1n"),
    "2**100000": (2**100000, "v === 2n ** 100000n"),
    "int subclass": (Whole(7), "v === 7"),
    "float subclass": (Real(7.5), "v === 7.5"),
    "str": ("text", "v === 'text'"),
    "empty str": ("", "v === ''"),
    "str subclass": (Text("sub"), "v === 'sub'"),
    "latin-1": ("grüß", "v === 'gr\\u00fc\\u00df'"),
    "astral": ("😀\U0010ffff", "v === '\\u{1F600}\\u{10FFFF}'"),
    "NUL": ("a\0b", "v === 'a\\0b' && v.length === 3"),
    "surrogates": (SURROGATES, "v === '\\ud800 \\udfff \\udc00\\ud800'"),
    "list": ([1, [2]], "Array.isArray(v) && v[1][0] === 2"),
    "tuple": ((1, 2), "Array.isArray(v) && v.length === 2"),
    "namedtuple": (Pair(1, 2), "Array.isArray(v) && v[1] === 2"),
    "dict": ({"a": 1, "b": {"c": 2}}, "v.b.c === 2 && Object.keys(v).join() === 'a,b'"),
    "empty dict": ({}, "Object.keys(v).length === 0 && Object.getPrototypeOf(v) === Object.prototype"),
    "dict with odd keys": ({"": 1, "a b": 2, "\ud800": 3}, "v[''] + v['a b'] + v['\\ud800'] === 6"),
    "dict with int keys": ({1: "a", 2: "b"}, "v instanceof Map && v.get(1) === 'a' && v.size === 2"),
    "dict with mixed keys": ({"s": 1, None: 2}, "v instanceof Map && v.get('s') === 1 && v.get(null) === 2"),
    "dict with tuple keys": ({(1, 2): "t"}, "v instanceof Map && [...v.keys()][0][1] === 2"),
    "OrderedDict": (collections.OrderedDict(a=1), "v.a === 1 && !(v instanceof Map)"),
    "UserDict": (collections.UserDict(a=1), "v.a === 1"),
    "mappingproxy": (types.MappingProxyType({"a": 1}), "v.a === 1"),
    "set": ({1, 2}, "v instanceof Set && v.size === 2 && v.has(1)"),
    "frozenset": (frozenset(["a"]), "v instanceof Set && v.has('a')"),
    "dataclass": (Point(1, [2]), "v.x === 1 && v.y[0] === 2 && Object.keys(v).join() === 'x,y'"),
    "Enum": (Colour.RED, "v === 'red'"),
    "IntEnum": (Level.HIGH, "v === 3"),
    "UUID": (IDENTIFIER, f"v === '{IDENTIFIER}'"),
    "Decimal": (decimal.Decimal("1.10"), "v === '1.10'"),
    "Path": (pathlib.PurePosixPath("/a/b"), "v === '/a/b'"),
    "aware datetime": (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "v.getTime() === 0"),
    "naive datetime": (datetime(1970, 1, 1, 0, 0, 1, 500_000), "v instanceof Date && v.getTime() === 1500"),
    "datetime before 1970": (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), "v.getTime() === -1000"),
    "date": (date(1970, 1, 2), "v instanceof Date && v.getTime() === 86400000"),
    "datetime.max": (datetime.max, "v.getUTCFullYear() === 9999"),
    "datetime.min": (datetime.min, "v.getUTCFullYear() === 1"),
    "bytes": (b"\x01\xff", "v instanceof Uint8Array && v.length === 2 && v[1] === 255"),
    "empty bytes": (b"", "v instanceof Uint8Array && v.length === 0"),
    "bytearray": (bytearray(b"ab"), "v instanceof Uint8Array && v[0] === 97"),
    "memoryview": (memoryview(b"abc")[1:], "v instanceof Uint8Array && v.length === 2 && v[0] === 98"),
    "memoryview of doubles": (view("d", [0.5, 2]), "v instanceof Float64Array && v.join() === '0.5,2'"),
    "array b": (array.array("b", [-1]), "v instanceof Int8Array && v[0] === -1"),
    "array B": (array.array("B", [255]), "v instanceof Uint8Array && v[0] === 255"),
    "array h": (array.array("h", [-2]), "v instanceof Int16Array && v[0] === -2"),
    "array H": (array.array("H", [65535]), "v instanceof Uint16Array && v[0] === 65535"),
    "array i": (array.array("i", [-3]), "v instanceof Int32Array && v[0] === -3"),
    "array I": (array.array("I", [2**32 - 1]), "v instanceof Uint32Array && v[0] === 4294967295"),
    "array q": (array.array("q", [-(2**63)]), "v instanceof BigInt64Array && v[0] === -(2n ** 63n)"),
    "array Q": (array.array("Q", [2**64 - 1]), "v instanceof BigUint64Array && v[0] === 2n ** 64n - 1n"),
    "array f": (array.array("f", [0.5]), "v instanceof Float32Array && v[0] === 0.5"),
    "array d": (array.array("d", [0.1, math.nan]), "v instanceof Float64Array && v[0] === 0.1 && v[1] !== v[1]"),
    "exception": (ValueError("bad"), "v instanceof Error && v.name === 'ValueError' && v.message === 'bad'"),
    "exception without text": (KeyError(), "v instanceof Error && v.name === 'KeyError' && v.message === ''"),
    "JsRegExp": (JsRegExp("a+", "gi"), "v instanceof RegExp && v.source === 'a+' && v.flags === 'gi'"),
    "pattern": (
        re.compile("^a.c$", re.I | re.M | re.S),
        "v.test('x\\nA\\nC') && v.ignoreCase && v.multiline && v.dotAll",
    ),
    "named group": (re.compile(r"(?P<year>\d{4})"), "v.exec('in 2024').groups.year === '2024'"),
    "lambda": (lambda x: x, "typeof v === 'function'"),
    "builtin": (len, "typeof v === 'function'"),
    "keys of Object.prototype": (
        {"constructor": 1, "toString": 2, "hasOwnProperty": 3, "toJSON": 4, "then": 5},
        "v.constructor + v.toString + v.hasOwnProperty + v.toJSON + v.then === 15",
    ),
    "__proto__": (
        {"__proto__": {"polluted": 1}},
        "Object.hasOwn(v, '__proto__') && Object.getPrototypeOf(v) === Object.prototype && v.polluted === undefined",
    ),
}


def into(rt: Runtime, value: object) -> list[Any]:
    """Call a checking function with the value as argument, as host result and nested in both."""
    rt.bind_function("host", lambda: value)
    rt.bind_function("nested", lambda: [{"k": value}])
    return [
        rt.eval("v => check(v)")(value),
        rt.eval("v => check(v[0].k)")([{"k": value}]),
        rt.eval("check(host())"),
        rt.eval("check(nested()[0].k)"),
    ]


@pytest.mark.parametrize(("value", "check"), PY_TO_JS.values(), ids=PY_TO_JS.keys())
def test_every_path_into_javascript_converts_alike(rt: Runtime, value: object, check: str) -> None:
    rt.eval(f"globalThis.check = v => ({check}) || String(v); 0")
    assert into(rt, value) == [True] * 4


@pytest.mark.parametrize(("value", "check"), PY_TO_JS.values(), ids=PY_TO_JS.keys())
async def test_every_awaited_path_into_javascript_converts_alike(rt: Runtime, value: object, check: str) -> None:
    async def later() -> object:
        await asyncio.sleep(0)
        return [value]

    rt.bind_function("later", later)
    await rt.eval_async(f"globalThis.check = v => ({check}) || String(v); 0")
    function = await rt.eval_async("v => check(v)")
    assert await function.call_async(value) is True
    assert await rt.eval_async("later().then(list => check(list[0]))") is True


def test_a_bound_object_converts_alike(rt: Runtime) -> None:
    chosen = {key: row for key, row in PY_TO_JS.items() if not re.match("dict with (int|mixed|tuple)", key)}
    rt.bind_object("table", {f"k{n}": value for n, (value, _) in enumerate(chosen.values())})
    checks = ", ".join(f"(v => !!({check}))(table.k{n})" for n, (_, check) in enumerate(chosen.values()))
    assert dict(zip(chosen, rt.eval(f"[{checks}]"), strict=True)) == dict.fromkeys(chosen, True)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_a_numpy_array_is_the_matching_typed_array(rt: Runtime, kind: str) -> None:
    numpy = pytest.importorskip("numpy")
    name = f"{kind.capitalize()}Array"
    function = rt.eval("v => [v.constructor.name, [...v]]")
    assert function(numpy.array([1, 2, 3], dtype=kind)) == [name, [1, 2, 3]]


def test_a_numpy_array_of_64_bit_integers_is_a_bigint_array(rt: Runtime) -> None:
    numpy = pytest.importorskip("numpy")
    function = rt.eval("v => [v.constructor.name, [...v]]")
    assert function(numpy.array([-(2**63)], dtype="int64")) == ["BigInt64Array", [-(2**63)]]
    assert function(numpy.array([2**64 - 1], dtype="uint64")) == ["BigUint64Array", [2**64 - 1]]


@pytest.mark.parametrize("step", [2, -1])
def test_a_buffer_with_gaps_is_copied_right_or_refused(rt: Runtime, step: int) -> None:
    strided = memoryview(b"abcdef")[::step]
    try:
        assert rt.eval("v => [...v]")(strided) == strided.tolist()
    except ConversionError as error:
        assert "$[0]" in str(error)


def test_bytes_are_copied_not_shared(rt: Runtime) -> None:
    data = bytearray(b"abc")
    rt.eval("globalThis.keep = v => { globalThis.kept = v; v[0] = 120 }")(data)
    assert data == b"abc"
    data[1] = 0
    data.extend(b"more")
    assert rt.eval("kept") == b"xbc"


def test_a_released_memoryview_is_an_error(rt: Runtime) -> None:
    released = memoryview(b"abc")
    released.release()
    with pytest.raises((ConversionError, ValueError)):
        rt.eval("v => v")(released)


class Opaque:
    pass


def a_generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Opaque(),
        a_generator(),
        iter([]),
        1j,
        re.compile("a", re.X),
        re.compile(b"a"),
        math,
    ],
    ids=["object", "instance", "generator", "iterator", "complex", "verbose", "bytes pattern", "module"],
)
def test_what_has_no_form_in_javascript_names_its_path(rt: Runtime, value: object) -> None:
    function = rt.eval("(...args) => args.length")
    with pytest.raises(ConversionError, match=r"\$\[0\]"):
        function(value)
    with pytest.raises(ConversionError, match=r"\$\[1\]\.a\[2\]"):
        function(0, {"a": [1, 2, value]})
    rt.bind_function("host", lambda: {"a": value})
    with pytest.raises((ConversionError, JavaScriptError), match=r"\$\.a"):
        rt.eval("host()")
    assert rt.eval("try { host() } catch (e) { e.name }") == "ConversionError"
    assert function(1, 2) == 2


def test_a_callable_argument_can_be_called_back(rt: Runtime) -> None:
    assert rt.eval("f => f(20) + 1")(lambda n: n * 2) == 41


async def test_an_awaitable_argument_is_a_promise(rt: Runtime) -> None:
    async def answer() -> int:
        await asyncio.sleep(0.01)
        return 42

    function = await rt.eval_async("async p => [p instanceof Promise, await p]")
    assert await function.call_async(answer()) == [True, 42]
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.01, future.set_result, "f")
    assert await function.call_async(future) == [True, "f"]


async def test_an_awaitable_argument_that_fails_rejects(rt: Runtime) -> None:
    async def fail() -> None:
        raise LookupError("gone")

    function = await rt.eval_async("p => p.catch(e => [e.name, e.message])")
    assert await function.call_async(fail()) == ["LookupError", "gone"]


def test_a_dataclass_with_a_bad_field_names_it(rt: Runtime) -> None:
    with pytest.raises(ConversionError, match=r"\$\[0\]\.y\[0\]"):
        rt.eval("v => v")(Point(1, [object()]))  # type: ignore[list-item]


def test_a_mapping_that_raises_is_an_error(rt: Runtime) -> None:
    class Bad(collections.UserDict):  # type: ignore[type-arg]
        def __getitem__(self, key: object) -> object:
            raise OSError("disk")

    with pytest.raises((ConversionError, OSError)):
        rt.eval("v => v")(Bad(a=1))


def test_an_exception_whose_str_raises_still_converts(rt: Runtime) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert rt.eval("v => [v instanceof Error, v.name]")(Mute()) == [True, "Mute"]


# --- identity ---------------------------------------------------------------------------------------------------


async def test_a_cycle_comes_out_as_a_cycle(js: Js) -> None:
    value = await js.eval("const a = [1]; a.push(a); a")
    assert value[1] is value
    value = await js.eval("const o = {}; o.list = [o]; o.map = new Map([['self', o]]); o")
    assert value["list"][0] is value
    assert value["map"]["self"] is value


async def test_a_map_and_a_set_that_contain_themselves_come_out(js: Js) -> None:
    value = await js.eval("const m = new Map(); m.set('me', m); m")
    assert value["me"] is value
    value = await js.eval("const s = new Set(); s.add(s); s")
    assert isinstance(value, list)
    assert value[0] is value


async def test_shared_references_come_out_shared(js: Js) -> None:
    value = await js.eval("const part = {n: 1}; const set = new Set([1]); ({a: part, b: [part], c: set, d: set})")
    assert value["a"] is value["b"][0]
    assert value["c"] is value["d"]


def test_a_cycle_goes_in_as_a_cycle(rt: Runtime) -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    assert rt.eval("v => v[1] === v && v.length === 2")(ring) is True
    loop: dict[Any, Any] = {}
    loop["self"] = (loop,)
    assert rt.eval("v => v.self[0] === v")(loop) is True
    table: dict[Any, Any] = {}
    table[1] = table
    assert rt.eval("v => v.get(1) === v")(table) is True


def test_shared_references_go_in_shared(rt: Runtime) -> None:
    shared: dict[str, Any] = {}
    assert rt.eval("v => v[0] === v[1] && v[0] === v[2].x")([shared, shared, {"x": shared}]) is True
    assert rt.eval("(a, b) => a === b")(shared, shared) is True
    assert rt.eval("v => v[0] === v[1]")([{}, {}]) is False


async def test_an_exponential_diamond_comes_out_fast(js: Js) -> None:
    start = time.monotonic()
    value = await js.eval("let d = []; for (let i = 0; i < 60; i++) d = [d, d]; d")
    assert value[0] is value[1]
    assert time.monotonic() - start < 5


def test_an_exponential_diamond_goes_in_fast(rt: Runtime) -> None:
    diamond: list[Any] = []
    for _ in range(60):
        diamond = [diamond, diamond]
    assert rt.eval("v => v[0] === v[1] && v[0][0] === v[1][1]")(diamond) is True


# --- budgets ----------------------------------------------------------------------------------------------------


def nest(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


async def test_the_default_depth_is_a_hundred(js: Js) -> None:
    await js.eval("globalThis.nest = n => { let v = []; for (let i = 0; i < n; i++) v = [v]; return v }")
    assert await js.eval("nest(90)") == nest(90)
    with pytest.raises(ConversionError, match=r"\$\[0\]\[0\].*"):
        await js.eval("nest(150)")
    take = await js.eval("v => 1")
    assert await js.call(take, nest(90)) == 1
    with pytest.raises(ConversionError, match="depth"):
        await js.call(take, nest(150))


def test_the_depth_is_configured(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_serialization_depth=5)
    assert rt.eval("[[[]]]") == [[[]]]
    with pytest.raises(ConversionError, match="depth"):
        rt.eval("[[[[[[[[[[]]]]]]]]]]")
    with pytest.raises(ConversionError, match="depth"):
        rt.eval("v => 1")(nest(10))
    deep = runtimes(max_serialization_depth=2000)
    value, depth = deep.eval("v => v")(nest(1500)), 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 1500


@pytest.mark.parametrize(
    "code",
    [
        "'x'.repeat(11 * 1024 * 1024)",
        "new Uint8Array(11 * 1024 * 1024)",
        "new Float64Array(2 * 1024 * 1024)",
        "Array.from({length: 300}, () => 'y'.repeat(50000))",
        "Array.from({length: 3e6}, (_, i) => i + 0.5)",
        "2n ** 100000000n",
    ],
)
async def test_the_default_budget_is_ten_mebibytes(js: Js, code: str) -> None:
    with pytest.raises(ConversionError, match="bytes"):
        await js.eval(code)
    assert len(await js.eval("'x'.repeat(1024 * 1024)")) == 1024 * 1024


@pytest.mark.parametrize(
    "value",
    ["x" * 11_000_000, b"x" * 11_000_000, [f"{n}" * 9000 for n in range(1000)]],
    ids=["str", "bytes", "list"],
)
def test_the_budget_holds_for_arguments_too(rt: Runtime, value: object) -> None:
    with pytest.raises(ConversionError, match="bytes"):
        rt.eval("v => 1")(value)


def test_the_budget_is_configured(runtimes: MakeRuntime) -> None:
    small = runtimes(max_serialization_bytes=1000)
    assert small.eval("'x'.repeat(200)") == "x" * 200
    with pytest.raises(ConversionError, match=r"bytes"):
        small.eval("({a: ['x'.repeat(2000)]})")
    large = runtimes(max_serialization_bytes=1 << 30)
    assert len(large.eval("'x'.repeat(64 * 1024 * 1024)")) == 64 * 1024 * 1024
    assert large.eval("v => v.length")(b"x" * (64 * 1024 * 1024)) == 64 * 1024 * 1024


@pytest.mark.parametrize(
    "code", ["const a = []; a[2 ** 32 - 2] = 1; a", "new Array(2 ** 32 - 1)", "({length: 2 ** 40})"]
)
async def test_a_giant_sparse_array_ends_at_the_budget(js: Js, code: str) -> None:
    start = time.monotonic()
    try:
        assert await js.eval(code) == {"length": 2**40}
    except ConversionError:
        pass
    assert time.monotonic() - start < 10
    assert await js.eval("1") == 1


# --- hostile objects --------------------------------------------------------------------------------------------


async def test_a_getter_that_throws_names_its_path_and_cause(js: Js) -> None:
    with pytest.raises(ConversionError, match=r"\$\.a\[1\]\.b") as caught:
        await js.eval("({a: [0, {get b() { throw new RangeError('mine') }}]})")
    cause = caught.value.__cause__
    assert isinstance(cause, JavaScriptError)
    assert (cause.name, cause.message) == ("RangeError", "mine")


HOSTILE = {
    "get trap": "new Proxy({a: 1}, {get() { throw new Error('no') }})",
    "descriptor trap": "new Proxy({a: 1}, {getOwnPropertyDescriptor() { throw new Error('no') }})",
    "ownKeys lies": "new Proxy({}, {ownKeys() { return ['a', 'b'] }})",
    "ownKeys returns nonsense": "new Proxy({}, {ownKeys() { return [1, 2] }})",
    "ownKeys repeats": "new Proxy({}, {ownKeys() { return ['a', 'a'] }})",
    "prototype trap": "new Proxy({}, {getPrototypeOf() { throw new Error('no') }})",
    "array proxy": "new Proxy([1, 2], {get(t, k) { if (k === 'length') return 1e9; return t[k] }})",
    "proxy of proxy": "let p = {}; for (let i = 0; i < 20000; i++) p = new Proxy(p, {}); p",
    "getter deletes siblings": "({get a() { delete this.b; delete this.c; return 1 }, b: 2, c: 3})",
    "getter adds siblings": "({get a() { for (let i = 0; i < 1000; i++) this['x' + i] = i; return 1 }, b: 2})",
    "array shrinks": "const s = [0, 1, 2, 3]; Object.defineProperty(s, 0, {get() { s.length = 1; return 0 }}); s",
    "array grows": "const g = [0, 1]; Object.defineProperty(g, 0, {get() { g.push(1); return 0 }}); g",
    "map grows": "const m = new Map([['a', {get x() { m.set('b' + m.size, 1); return 1 }}], ['z', 2]]); m",
    "set clears": "const t = new Set([{get x() { t.clear(); return 1 }}, 2, 3]); t",
    "buffer detaches": "const b = new ArrayBuffer(8); ({get a() { b.transfer(); return 1 }, b, c: new Uint8Array(b)})",
    "detached buffer": "const e = new ArrayBuffer(8); e.transfer(); [e, 1]",
    "buffer shrinks": (
        "const r = new ArrayBuffer(1 << 20, {maxByteLength: 1 << 20});"
        "({get a() { r.resize(0); return 1 }, b: new Uint8Array(r), c: new Float64Array(r, 8)})"
    ),
    "toStringTag": "({get [Symbol.toStringTag]() { throw new Error('no') }, a: 1})",
    "toPrimitive": "({[Symbol.toPrimitive]() { throw new Error('no') }, a: 1})",
    "toJSON": "({toJSON: null, a: 1})",
    "species": "class A extends Array { static get [Symbol.species]() { throw new Error('no') } } A.from([1])",
    "length of typed array": "const u = new Uint8Array(2); Object.defineProperty(u, 'length', {value: 1e9}); u",
    "byteLength of buffer": "const f = new ArrayBuffer(2); Object.defineProperty(f, 'byteLength', {value: 1e9}); f",
    "date with own getTime": "const d = new Date(0); d.getTime = () => { throw new Error('no') }; d",
    "date with own valueOf": "const v = new Date(0); v.valueOf = () => NaN; v",
    "regexp with own source": "const x = /a/; Object.defineProperty(x, 'source', {get() { throw new Error('no') }}); x",
    "regexp with own flags": "const y = /a/; Object.defineProperty(y, 'flags', {value: 5}); y",
    "map with own entries": "const w = new Map([[1, 2]]); w.entries = w[Symbol.iterator] = w.forEach = null; w",
    "map subclass": "class M extends Map { get size() { return 1e9 } } new M([[1, 2]])",
    "error with hostile fields": (
        "const h = new Error('x'); for (const k of ['name', 'message', 'stack', 'cause'])"
        "Object.defineProperty(h, k, {get() { throw new Error('no') }}); [h]"
    ),
    "error with odd fields": "[Object.assign(new Error(), {name: {}, message: [], stack: 5, cause: Symbol()})]",
    "error that causes itself": "const c = new Error('c'); c.cause = c; [c]",
    "promise with own then": "const q = Promise.resolve(1); q.then = null; [q]",
    "function with own name": "const n = () => 0; Object.defineProperty(n, 'name', {get() { throw 1 }}); [n]",
    "global object": "globalThis",
    "arguments": "(function () { return arguments })(1, 2)",
    "iterator": "[1][Symbol.iterator]()",
    "generator": "(function* () { yield 1 })()",
    "class": "[class A {}]",
    "view of SharedArrayBuffer": "new Uint8Array(new SharedArrayBuffer(8))",
    "DataView": "new DataView(new ArrayBuffer(4))",
    "wasm memory": "new WebAssembly.Memory({initial: 1})",
    "Intl": "new Intl.NumberFormat('en')",
    "Math": "Math",
    "Temporal": "typeof Temporal === 'undefined' ? 0 : Temporal.Now.instant()",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_object_gives_a_value_or_a_typed_error(js: Js, code: str) -> None:
    start = time.monotonic()
    try:
        repr(await js.eval(code, timeout=5))
    except (ConversionError, JavaScriptError) as error:
        assert str(error)
    assert time.monotonic() - start < 10
    assert await js.eval("1 + 1") == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("length of typed array", b"\0\0"),
        ("byteLength of buffer", b"\0\0"),
        ("date with own getTime", datetime(1970, 1, 1, tzinfo=UTC)),
        ("date with own valueOf", datetime(1970, 1, 1, tzinfo=UTC)),
        ("map with own entries", {1: 2}),
        ("map subclass", {1: 2}),
        ("species", [1]),
        ("toStringTag", {"a": 1}),
        ("toPrimitive", {"a": 1}),
    ],
)
def test_overridden_members_do_not_fool_the_conversion(rt: Runtime, name: str, expected: object) -> None:
    assert same(rt.eval(HOSTILE[name]), expected)


OVERWRITES = [
    "Object.prototype.toJSON = () => 'fooled'",
    "Object.prototype.then = undefined; Object.prototype.extra = 1",
    "Object.defineProperty(Object.prototype, 'a', {set() { throw 1 }, get() { throw 2 }, configurable: true})",
    "Object.defineProperty(Array.prototype, 0, {set() { throw 1 }, get() { throw 2 }, configurable: true})",
    "Array.prototype[Symbol.iterator] = Array.prototype.push = Array.prototype.map = null",
    "Array.isArray = () => false; Object.keys = Object.entries = Reflect.ownKeys = null",
    "Map.prototype.set = Map.prototype.get = Map.prototype.forEach = Map.prototype[Symbol.iterator] = null",
    "Set.prototype.add = Set.prototype.values = Set.prototype[Symbol.iterator] = null",
    "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = null",
    "Promise.prototype.catch = Promise.prototype.finally = null",
    "JSON.stringify = JSON.parse = null; Symbol.for = null",
    "Date.prototype.getTime = Date.prototype.valueOf = Date.prototype[Symbol.toPrimitive] = null",
    "for (const k of ['Object', 'Array', 'Map', 'Set', 'Date', 'RegExp', 'Error', 'Function']) globalThis[k] = null",
    "for (const k of ['Promise', 'Uint8Array', 'ArrayBuffer', 'BigInt', 'Symbol', 'JSON']) globalThis[k] = null",
    (
        "for (const k of ['name', 'message', 'stack'])"
        "Object.defineProperty(Error.prototype, k, {get() { throw 1 }, set() { throw 2 }})"
    ),
    "Object.setPrototypeOf(Array.prototype, null); Object.setPrototypeOf(Function.prototype, null)",
    "Object.freeze(Object.prototype); Object.freeze(Array.prototype); try { Object.freeze(globalThis) } catch {}",
]


@pytest.mark.parametrize("overwrite", OVERWRITES)
async def test_overwritten_globals_and_prototypes_do_not_matter(js: Js, overwrite: str) -> None:
    async def later(value: object) -> object:
        return value

    js.rt.bind_function("echo", lambda value: value)
    js.rt.bind_function("later", later)
    identity = await js.eval("x => x")
    pending = await js.eval("(async x => x)")
    make = await js.eval(
        "const made = {a: [1, {b: 2}], d: new Date(0), u: new Uint8Array([1])};"
        "made.m = new Map([['k', 1]]); made.s = new Set([1]); () => made"
    )
    await js.eval(f"{overwrite}; 0")
    value = {"a": [1, {"b": 2}], "d": datetime(1970, 1, 1, tzinfo=UTC), "u": b"\1"}
    assert await js.call(identity, value) == value
    assert await js.call(pending, value) == value
    assert await js.eval("echo([1, {a: 2}])") == [1, {"a": 2}]
    assert await js.eval("later([1, {a: 2}])") == [1, {"a": 2}]
    made = await js.call(make)
    assert {key: made[key] for key in "amsdu"} == {**value, "m": {"k": 1}, "s": {1}}


def test_overwritten_then_is_what_await_would_do(rt: Runtime) -> None:
    rt.eval("Promise.prototype.then = () => { throw new Error('never') }; 0")
    assert rt.eval("await 1") == 1
    assert rt.eval("(async () => 5)()") == 5


def test_no_prototype_is_polluted_by_keys(rt: Runtime) -> None:
    nasty = {"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}
    rt.eval("v => v")(nasty)
    rt.bind_object("nasty", nasty)
    rt.bind_function("host", lambda: nasty)
    assert rt.eval("host(); [({}).polluted, [].polluted, (() => 0).polluted]") == [undefined] * 3
    assert same(rt.eval("v => v")(nasty), nasty)


def test_a_dict_with_then_is_data(rt: Runtime) -> None:
    calls: list[object] = []
    rt.bind_function("host", lambda: {"then": calls.append})
    assert rt.eval("typeof host().then") == "function"
    assert rt.eval("v => typeof v.then")({"then": calls.append}) == "function"
    assert calls == []


def test_a_dict_changed_while_it_is_converted_does_no_harm(rt: Runtime) -> None:
    victim: dict[str, Any] = {}

    class Changing(collections.UserDict):  # type: ignore[type-arg]
        def __getitem__(self, key: object) -> object:
            victim.clear()
            inner.clear()
            return 1

    inner: list[Any] = [Changing(a=1), *range(100)]
    victim.update(first=inner, **{f"k{n}": [n] for n in range(100)})
    try:
        rt.eval("v => 1")(victim)
    except (ConversionError, RuntimeError):
        pass
    assert rt.eval("1") == 1


# --- the small types --------------------------------------------------------------------------------------------


def test_undefined_is_a_falsy_singleton() -> None:
    assert not undefined
    assert isinstance(undefined, jsrun.JsUndefined)
    assert jsrun.JsUndefined() is undefined
    assert repr(undefined) == "undefined"
    assert undefined is not None
    assert undefined != None  # noqa: E711
    assert {undefined: 1}[undefined] == 1


def test_undefined_survives_copy_and_pickle() -> None:
    import copy
    import pickle

    assert copy.deepcopy([undefined])[0] is undefined
    assert pickle.loads(pickle.dumps(undefined)) is undefined


def test_a_jsregexp_is_a_value() -> None:
    one = JsRegExp("a+", "g")
    assert (one.source, one.flags) == ("a+", "g")
    assert one == JsRegExp("a+", "g") != JsRegExp("a+", "i")
    assert hash(one) == hash(JsRegExp("a+", "g"))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\Aab", "ab"),
        (r"ab\Z", "ab"),
        ("(?i)AB", "ab"),
        ("^a{,2}b", "aab"),
        (r"(a)?b(?(1)c|d)", "abc"),
        ("a++b", "aab"),
    ],
)
def test_a_pattern_means_the_same_or_is_refused(rt: Runtime, pattern: str, text: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        pytest.skip("this Python does not know the syntax")
    try:
        assert rt.eval("(p, t) => p.test(t)")(compiled, text) is True
    except ConversionError as error:
        assert "$[0]" in str(error)


@pytest.mark.parametrize(("source", "flags"), [("(", ""), ("a", "zz")])
def test_a_bad_jsregexp_is_an_error_in_bounded_time(rt: Runtime, source: str, flags: str) -> None:
    with pytest.raises((ConversionError, JavaScriptError, ValueError)):
        rt.eval("v => v")(JsRegExp(source, flags))


def test_a_jsmap_goes_back_as_a_map(rt: Runtime) -> None:
    value = rt.eval("new Map([[{k: 1}, 'x']])")
    assert rt.eval("m => m instanceof Map && [...m.keys()][0].k === 1 && m.size === 1")(value) is True


@pytest.mark.parametrize(
    "made",
    [
        "[...Array(40).keys()].map((n) => n + 0.5)",
        "Array.from({ length: 40 }, (_, n) => n + 0.5)",
        "(() => { const xs = new Array(40); for (let n = 0; n < 40; n++) xs[n] = n + 0.5; return xs })()",
        "(() => { const xs = []; for (let n = 0; n < 40; n++) xs.push(n); return xs.map((n) => n + 0.5) })()",
        "Object.assign([...Array(40).keys()].map((n) => n + 0.5), { [Symbol.iterator]: () => 1 })",
        "(Array.prototype[Symbol.iterator] = null, Array.from({ length: 40 }, (_, n) => n + 0.5))",
        "Object.freeze(Array.from({ length: 40 }, (_, n) => n + 0.5))",
        "class Numbers extends Array {}; Numbers.from({ length: 40 }, (_, n) => n + 0.5)",
    ],
)
async def test_numbers_arrive_however_their_array_was_made(js: Js, made: str) -> None:
    assert await js.eval(made) == [n + 0.5 for n in range(40)]


async def test_numbers_keep_their_bits(js: Js) -> None:
    values = [-0.0, float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308, 2.0**53, -(2.0**31), 0.1] * 4
    code = "[-0, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 2 ** 53, -(2 ** 31), 0.1]"
    seen = await js.eval(f"const once = {code}; [...once, ...once, ...once, ...once]")
    assert [(float(a), math.copysign(1, a)) for a in seen] == [(b, math.copysign(1, b)) for b in values]
    mixed = await js.eval("[...Array(20).keys(), NaN, 0.5, ...Array(20).keys()]")
    assert [type(item) for item in mixed[:20]] == [int] * 20
    assert math.isnan(mixed[20])
    assert mixed[21:] == [0.5, *range(20)]


async def test_holes_among_numbers_are_undefined(js: Js) -> None:
    seen = await js.eval("const xs = Array.from({ length: 40 }, (_, n) => n + 0.5); delete xs[7]; xs.length = 42; xs")
    assert [n for n, item in enumerate(seen) if item is undefined] == [7, 40, 41]
