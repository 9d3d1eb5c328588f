"""Hostile inputs 81 to 83: values out of a generator (`JSRUN_HOSTILE_EXAMPLES` says how many more), keys, errors in errors."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jsrun import ConversionError, JavaScriptError, JsFunction, JsMap, JsrunError, JsStream, Runtime

SHORT = 300
MORE = int(os.environ.get("JSRUN_HOSTILE_EXAMPLES", "100"))
GENERATOR = (Path(__file__).parent / "generated.js").read_text()
#: How a value gets out.
WAYS = {
    "result": "(make) => (numbers) => make(numbers)",
    "thrown": "(make) => (numbers) => { throw make(numbers) }",
    "rejected": "(make) => async (numbers) => { throw make(numbers) }",
    "argument": "(make) => (numbers) => { host(make(numbers)); return 0 }",
    "arguments": "(make) => (numbers) => { host(...[make(numbers), make(numbers.slice(1))]); return 0 }",
    "awaited": "(make) => async (numbers) => [await new Promise((done) => done([make(numbers)]))]",
    "console": "(make) => (numbers) => { console.log(make(numbers)); return 0 }",
    "chunk": "(make) => (numbers) => new ReadableStream({start(c) { c.enqueue(make(numbers)); c.close() }})",
    "uncaught": "(make) => (numbers) => { Promise.reject(make(numbers)); return 0 }",
}


class Hostile:
    """A runtime with the generator in it, and what it reported; a new one when an attack has ended the old."""

    def __init__(self) -> None:
        self.rt: Runtime | None = None
        self.ways: dict[str, JsFunction] = {}
        self.swallow: JsFunction | None = None

    def open(self) -> Runtime:
        if self.rt is None or self.rt.state != "open":
            self.close()
            self.rt = Runtime(
                timeout=10,
                max_heap_size=128 << 20,
                max_buffer_bytes=64 << 20,
                enable_console=True,
                on_console=lambda message: message.text,
                on_unhandled_rejection=lambda error: str(error),
            )
            self.rt.bind_function("host", lambda *values: len(values))
            make = self.rt.eval(GENERATOR, filename="generated.js")
            self.ways = {way: self.rt.eval(code)(make) for way, code in WAYS.items()}
            self.swallow = self.rt.eval("(value) => typeof value")
        return self.rt

    def close(self) -> None:
        if self.rt is not None:
            self.ways, self.swallow = {}, None
            self.rt.close()


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    subject = Hostile()
    subject.open()
    yield subject
    subject.close()


def look(value: Any) -> Any:
    """Take what came in the way a program does."""
    if isinstance(value, JsStream):
        for chunk in value:
            look(chunk)
        return None
    if hasattr(value, "__await__"):
        return None
    return value


def attack(hostile: Hostile, way: str, numbers: list[int]) -> None:
    """Let one value out: it comes, or an error of the documented tree, and the runtime is usable or honestly gone."""
    rt = hostile.open()
    try:
        value = look(hostile.ways[way](numbers))
        if value is not None and hostile.swallow is not None:
            assert hostile.swallow(value)
    except (JavaScriptError, JsrunError) as error:
        if isinstance(error, ConversionError):
            assert "$" in str(error) and len(str(error)) < 2000
    if rt.state == "open":
        assert rt.eval("[6 * 7, [].concat([1]).length]") == [42, 1]
    else:
        assert rt.state in {"condemned", "draining"}
        # For whoever finds its thread still there at the end.
        print(f"{rt.state}: {way}, {numbers}")
        rt.close()


@settings(deadline=None, database=None, max_examples=SHORT, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(WAYS)), st.lists(st.integers(0, 255), max_size=60))
@example("thrown", [])
def test_81_generated_values(hostile: Hostile, way: str, numbers: list[int]) -> None:
    attack(hostile, way, numbers)


def test_81_many_more(capsys: pytest.CaptureFixture[str]) -> None:
    """Hypothesis remembers all that it has tried, and would fill the memory: these numbers are forgotten.

    They are the same each time, unless `JSRUN_HOSTILE_SEED` begins others.
    """
    seed = int(os.environ.get("JSRUN_HOSTILE_SEED", "11"))
    print(f"JSRUN_HOSTILE_SEED={seed}")
    chance = random.Random(seed)
    with closing(Hostile()) as hostile:
        for turn in range(MORE):
            way, numbers = chance.choice(sorted(WAYS)), [chance.randrange(256) for _ in range(chance.randrange(60))]
            try:
                attack(hostile, way, numbers)
            except BaseException:
                print(f"turn {turn}: {way}, {numbers}")
                raise
            if turn % 1000 == 999:
                with capsys.disabled():
                    print(f" {turn + 1}", end="", flush=True)
                hostile.close()


def test_81_the_generator_makes_what_it_should(hostile: Hostile) -> None:
    """Values and errors both come out of it: it is neither harmless nor always fatal."""
    hostile.open()
    kinds: set[str] = set()
    for seed in range(400):
        numbers = [(seed * 7919 + index * index * 104729 + seed * index * 31) % 256 for index in range(40)]
        try:
            kinds.add(type(look(hostile.ways["result"](numbers))).__name__)
        except (JavaScriptError, JsrunError) as error:
            kinds.add(type(error).__name__)
        hostile.open()
    assert {"ConversionError", "JavaScriptError"} <= kinds, kinds
    assert {"dict", "list", "str"} <= kinds, kinds


def test_81_paths_stay_short_whatever_the_keys(rt: Runtime) -> None:
    """Found by 81: the path showed all of a map's key, whose `repr` may be endless."""
    shared: list[Any] = []
    for _ in range(60):
        shared = [shared, shared]
    swallow = rt.eval("(value) => 0")
    for value in (JsMap([(shared, object())]), {"k" * 1_000_000: object()}, {1 << 60: object(), 2.5: object()}):
        with pytest.raises(ConversionError) as caught:
            swallow(value)
        assert str(caught.value).startswith("$[0]") and len(str(caught.value)) < 400
    for code in (
        "({['k'.repeat(1e6)]: Symbol()})",
        "({['\\u0001'.repeat(1e6)]: Symbol()})",
        "new Map([['k'.repeat(1e6), Symbol()]])",
    ):
        with pytest.raises(ConversionError) as caught:
            rt.eval(code)
        assert str(caught.value).startswith("$") and len(str(caught.value)) < 1000


def test_82_keys_that_python_cannot_tell_apart(rt: Runtime) -> None:
    """The hash of an integer is the rest modulo 2**61 - 1: a dict or set of 200,000 multiples of it would take an hour."""
    make = "Array.from({ length: 200_000 }, (_, i) => BigInt(i) * (2n ** 61n - 1n))"
    found = rt.eval(f"new Set({make})")
    assert isinstance(found, list) and found[:3] == [0, 2**61 - 1, 2**62 - 2]
    pairs = rt.eval(f"new Map({make}.map((key, i) => [key, i]))")
    assert isinstance(pairs, JsMap) and len(pairs) == 200_000
    few = rt.eval("new Set(Array.from({ length: 1000 }, (_, i) => BigInt(i) * 2n ** 70n))")
    assert few == {i << 70 for i in range(1000)}
    assert rt.eval("new Map([[2n ** 70n, 1], [2n ** 71n, 2]])") == {1 << 70: 1, 1 << 71: 2}


@pytest.mark.parametrize("leave", ["{0}", "throw {0}", "Promise.reject({0})", "host({0})", "[{0}, {0}]"])
@pytest.mark.parametrize(
    "cause", ["[e]", "({ e })", "new Map([[e, e]])", "new Proxy([e], {})", "[[new Error('y', { cause: [e] })]]"]
)
def test_83_an_error_in_its_own_cause(rt: Runtime, leave: str, cause: str) -> None:
    """Found by 81: the cycle ran through errors and values without end, and took the process along."""
    rt.bind_function("host", lambda value: 0)
    code = f"{{ const e = new Error('x'); e.cause = {cause}; {leave.format('e')} }}"
    try:
        found = rt.eval(code)
    except JavaScriptError as error:
        found = error
    errors = found if isinstance(found, list) else [found]
    assert all(error == 0 or (error.name, error.message) == ("Error", "x") for error in errors)


def test_83_errors_whose_causes_are_made_as_they_are_asked_for(rt: Runtime) -> None:
    code = "const make = () => { const e = new Error('x'); Object.defineProperty(e, 'cause', { get: () => [make()] }); return e }; make()"
    assert rt.eval(code).message == "x"
    aggregate = rt.eval("const a = new AggregateError([]); a.errors = [[a], a]; [a]")
    assert isinstance(aggregate[0], JavaScriptError)
