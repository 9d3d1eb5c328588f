"""Hostile inputs 33 to 44: values that lie, change while they are looked at, or have no form on the other side."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jsrun import ConversionError, DeadlockError, JavaScriptError, JavaScriptTimeout, JsrunError, Runtime

Run = Callable[..., Any]
ANY = (ConversionError, JavaScriptError)
TRAPS = "get ownKeys has getOwnPropertyDescriptor getPrototypeOf".split()


@pytest.mark.parametrize(
    "code",
    [
        "({ get a() { throw new Error('x') } })",
        *(f"new Proxy({{ a: 1 }}, {{ {trap}() {{ throw new Error('x') }} }})" for trap in TRAPS),
        "new Proxy({}, { ownKeys() { return ['a', 'a'] } })",
        "new Proxy({}, { ownKeys() { return [1] } })",
        "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy",
        "const { proxy, revoke } = Proxy.revocable([], {}); revoke(); proxy",
        "({ [Symbol.toPrimitive]() { throw 1 }, toJSON() { throw 2 }, toString: null, get x() { return `${this}` } })",
        "const a = [1, 2, 3]; Object.defineProperty(a, 0, { get() { a.length = 0; return 1 } }); a",
        "const o = { get a() { delete o.b; o.c = 3; return 1 }, b: 2 }; o",
        "new Map([[0, new Proxy({}, { get() { throw 1 }, ownKeys() { throw 1 } })]])",
        "const m = new Map(); m[Symbol.iterator] = () => { throw 1 }; m.entries = null; m",
        "class Evil extends Array { static get [Symbol.species]() { throw 1 } get length() { throw 2 } } Evil.of(1, 2)",
        "Object.setPrototypeOf([1], null)",
        "const e = new Error('x'); e.stack = { get x() { throw 1 } }; e.message = e; e",
    ],
)
def test_33_objects_that_lie(run: Run, rt: Runtime, code: str) -> None:
    try:
        run(rt, code, timeout=5)
    except ANY as error:
        assert len(str(error)) < 2000


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(TRAPS),
        st.sampled_from(["throw 1", "return 7", "return null", "return [1]", "return ['a']", "return t", "return {}"]),
    )
)
def test_33_random_proxies(rt: Runtime, traps: dict[str, str]) -> None:
    handler = ", ".join(f"{name}(t) {{ {body} }}" for name, body in traps.items())
    for target in ("{ a: 1 }", "[1, 2]", "() => 1", "new Map([[1, 2]])", "new Date(0)", "new Error('x')"):
        try:
            rt.eval(f"[new Proxy({target}, {{ {handler} }})]", timeout=5)
        except ANY:
            pass
    assert rt.eval("6 * 7") == 42


def test_34_a_getter_that_closes_the_runtime(run: Run, rt: Runtime) -> None:
    rt.bind_function("close", lambda: rt.close())
    with pytest.raises(JsrunError):
        run(rt, "[1, { get a() { close(); return 1 } }, 2]")
    assert rt.state == "closed"


def test_35_cycles_and_shared_references(run: Run, rt: Runtime) -> None:
    cycle = run(rt, "const o = { list: [] }; o.list.push(o); o")
    assert cycle["list"][0] is cycle
    python: list[Any] = []
    python.append(python)
    assert rt.eval("a => a[0] === a")(python) is True
    shared = run(rt, "let a = [1]; for (let i = 0; i < 60; i++) a = [a, a]; a")
    assert shared[0] is shared[1]
    blown: Any = [1]
    for _ in range(60):
        blown = [blown, blown]
    assert rt.eval("a => a[0] === a[1]")(blown) is True


@pytest.mark.parametrize(
    "text", ["\ud800", "\udfff x \ud800", "a\0b", "\U0010ffff", "\ud83d\ude00", "\x7f\x80\xff\u0100", ""]
)
def test_36_strange_text(rt: Runtime, text: str) -> None:
    echo = rt.eval("x => x")
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert echo(text) == expected
    assert echo({text: [text]}) == {expected: [expected]}
    with pytest.raises(JavaScriptError) as caught:
        rt.eval("m => { throw new Error(m) }")(text)
    assert caught.value.message == expected


def test_37_numbers(run: Run, rt: Runtime) -> None:
    assert str(run(rt, "-0")) == "-0.0"
    assert run(rt, "[NaN].map(x => x !== x)[0]") is True
    assert run(rt, "[Infinity, -Infinity]") == [float("inf"), float("-inf")]
    echo = rt.eval("x => x")
    for number in (2**53 - 1, -(2**53) + 1, 2**53, 2**53 + 1, 2**63, 2**64, -(2**64) - 1, 1 << 100_000):
        assert echo(number) == number
    assert run(rt, "(1n << 1_000_000n) - 1n") == (1 << 1_000_000) - 1


class Level(enum.IntEnum):
    HIGH = 3


def test_38_dates_and_kinds_of_numbers(run: Run, rt: Runtime) -> None:
    for code in ("new Date(NaN)", "new Date(8.64e15)", "new Date(-8.64e15)"):
        try:
            run(rt, code)
        except ConversionError as error:
            assert "$" in str(error)
    echo, kind = rt.eval("x => x"), rt.eval("x => typeof x")
    aware = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    assert echo(aware) == aware
    assert echo(True) is True
    assert echo(Level.HIGH) == 3
    assert kind(np.float32(1.5)) == "number"
    for strange in (Decimal("1.5"), datetime(2024, 1, 1), datetime.max):
        try:
            echo(strange)
        except ConversionError as error:
            assert "$" in str(error)


@pytest.mark.parametrize(
    "code",
    [
        "const b = new ArrayBuffer(8); const v = new Uint8Array(b); structuredClone(b, { transfer: [b] }); v",
        "const b = new ArrayBuffer(8, { maxByteLength: 16 }); const v = new Uint8Array(b, 4, 4); b.resize(2); v",
        "const b = new ArrayBuffer(8, { maxByteLength: 16 }); const v = new Uint8Array(b); b.resize(16); v",
        "new Uint8Array(new SharedArrayBuffer(8))",
        "new ArrayBuffer(0)",
        "const b = new ArrayBuffer(8); [new Uint8Array(b), { get x() { b.transfer(); return 1 } }, new Uint8Array(b)]",
        "const d = new DataView(new ArrayBuffer(8, { maxByteLength: 8 })); d.buffer.resize(0); d",
    ],
)
@pytest.mark.parametrize("buffers", ["copy", "share"])
def test_39_buffers_that_change_or_go(run: Run, buffers: Any, code: str, tier: str) -> None:
    if buffers == "share" and tier != "thread":
        with pytest.raises(ValueError, match="isolation='thread'"):
            Runtime(buffers=buffers)
        return
    with Runtime(buffers=buffers) as rt:
        try:
            result = run(rt, code, timeout=5)
        except ANY:
            result = None
    if isinstance(result, (bytes, bytearray, memoryview)):
        bytes(result)  # the runtime is gone, what Python got is not


def test_39_python_memory_that_is_exported(rt: Runtime) -> None:
    data = bytearray(b"abc")
    rt.eval("b => { globalThis.kept = b }")(data)
    data.extend(b"d" * 1000)
    assert bytes(rt.eval("new Uint8Array(kept.buffer ?? kept)")) == b"abc"
    released = memoryview(b"abc")
    released.release()
    with pytest.raises((ConversionError, ValueError)):
        rt.eval("b => b")(released)


@pytest.mark.parametrize("key", ["__proto__", "constructor", "then", "toJSON", "toString", "__defineGetter__"])
def test_40_keys_with_a_meaning(rt: Runtime, key: str) -> None:
    own = rt.eval("(o, k) => [Object.hasOwn(o, k), Object.getPrototypeOf(o) === Object.prototype, ({}).polluted]")
    assert own({key: {"polluted": 1}}, key)[:2] == [True, True]
    assert rt.eval("({}).polluted === undefined") is True
    assert rt.eval("o => o")({key: 1}) == {key: 1}
    rt.bind_function("give", lambda: {key: 1})
    assert rt.eval("give()") == {key: 1}


def test_41_thenables(run: Run, rt: Runtime) -> None:
    assert run(rt, "({ then(r) { r(1); r(2); throw 3 } })") == 1
    with pytest.raises(JavaScriptError, match="thrown"):
        run(rt, "({ then() { throw new Error('thrown') } })")
    with pytest.raises(JavaScriptTimeout):
        run(rt, "({ then(r) { for (;;); } })", timeout=0.15)
    with pytest.raises((JavaScriptTimeout, DeadlockError)):
        run(rt, "const t = { then(r) { r(t) } }; t", timeout=0.3)
    with pytest.raises(JavaScriptError, match="TypeError"):
        run(rt, "let r; const p = new Promise(x => r = x); r(p); p")


@pytest.mark.parametrize(
    "code",
    [
        *(
            f"throw {what}"
            for what in ("null", "undefined", "1", "'s'", "Symbol('s')", "{}", "[]", "() => 1", "new Proxy({}, {})")
        ),
        "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy",
        "const e = new Error('x'); e.cause = e; throw e",
        "let e = new Error('x'); for (let i = 0; i < 1e5; i++) e = new AggregateError([e]); throw e",
        "let e = new Error('x'); for (let i = 0; i < 1e5; i++) e = new Error('x', { cause: e }); throw e",
        "throw new AggregateError(Array(1e6).fill(new Error('x')))",
        "const e = new Error('x'); Object.defineProperty(e, 'message', { get() { throw 1 } }); throw e",
        "const e = new Error('x'); e.message = { toString() { throw 1 } }; e.name = Symbol(); throw e",
        "throw new Error('x'.repeat(2 ** 24))",
        "throw Object.create(Error.prototype)",
    ],
)
def test_42_strange_things_thrown(run: Run, rt: Runtime, code: str) -> None:
    for wrapped in (code, f"Promise.resolve().then(() => {{ {code} }})"):
        with pytest.raises((JavaScriptError, ConversionError)) as caught:
            run(rt, f"{{ {wrapped} }}", timeout=20)
        repr(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        "[, 1, , 2]",
        "(function () { return arguments })(1, 2)",
        "class T extends Uint8Array { static get [Symbol.species]() { throw 1 } get length() { throw 2 } } new T(3)",
        "new Map([[{}, 1], [[], 2]])",
        "({ [Symbol('s')]: 1, a: 2 })",
        "class P { #x = 1; y = 2 } new P()",
        "[() => 1, async () => 2, class { }]",
        "[Promise.resolve(1), new Promise(() => { })]",
        "[Symbol('s')]",
        "new WeakMap()",
        "[new WeakRef({}), new (class extends Promise { })(() => { })]",
        "globalThis",
        "(function* () { yield 1 })()",
        "new Intl.NumberFormat('en')",
    ],
)
def test_43_kinds_without_an_obvious_form(run: Run, rt: Runtime, code: str) -> None:
    try:
        run(rt, code, timeout=20)
    except ConversionError as error:
        assert "$" in str(error)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_44_bytes_that_look_like_the_wire(rt: Runtime, noise: bytes) -> None:
    """No bytes from outside reach the decoder: they are a buffer, whatever they hold. Its own tests feed it garbage."""
    for data in (noise, b"\xff\x0f" + noise, b"\xff\x10o" + noise):
        assert bytes(rt.eval("x => [x]")(data)[0]) == data


async def test_78_conversion_while_the_loop_is_cancelled(rt: Runtime) -> None:
    """Not on the list: a result that is being converted when its task is cancelled."""
    task = asyncio.ensure_future(rt.eval_async("Array.from({ length: 2e5 }, (_, i) => ({ i }))"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rt.eval_async("6 * 7") == 42
