"""Values there and back again, for whatever Hypothesis can think of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import timezone
from typing import Any

import pytest
from sameness import same

from jsrun import ConversionError, JsFunction, Runtime, undefined

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

bounded = settings(
    deadline=None, database=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
moments = st.datetimes(timezones=st.just(timezone.utc)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
numbers = st.one_of(st.integers(), st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([-0.0, 2**53, -(2**53)]))
atoms = st.one_of(st.none(), st.just(undefined), st.booleans(), numbers, texts, st.binary(max_size=20), moments)
plain = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), texts)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(texts, inner, max_size=5),
        st.dictionaries(st.integers(-1000, 1000), inner, min_size=1, max_size=5),
        st.sets(plain, max_size=5),
    ),
    max_leaves=20,
)


def normal(value: Any) -> Any:
    """What comes back by the table: a float that is a safe integer as an int, two halves of a pair as one character."""
    if (
        isinstance(value, float)
        and value.is_integer()
        and abs(value) < 2**53
        and (value or math.copysign(1, value) > 0)
    ):
        return int(value)
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, set):
        return {normal(item) for item in value}
    if isinstance(value, dict):
        return {normal(key): normal(item) for key, item in reorder(value).items()}
    return value


def reorder(value: dict[Any, Any]) -> dict[Any, Any]:
    """JavaScript puts keys that are array indexes first, in numeric order."""
    if not all(isinstance(key, str) for key in value):
        return value
    indexes = sorted((key for key in value if is_index(key)), key=int)
    return {key: value[key] for key in [*indexes, *(key for key in value if not is_index(key))]}


def is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and str(int(key)) == key and int(key) < 2**32 - 1


@pytest.fixture(scope="module")
def shared() -> Iterator[Runtime]:
    with Runtime() as rt:
        rt.bind_function("echo", lambda value: value)
        yield rt


@pytest.fixture(scope="module")
def identity(shared: Runtime) -> JsFunction:
    function: JsFunction = shared.eval("x => x")
    return function


@bounded
@given(value=values)
def test_there_and_back_by_argument_and_result(identity: JsFunction, value: Any) -> None:
    assert same(identity(value), normal(value))


@bounded
@given(value=values)
def test_there_and_back_through_a_host_function(shared: Runtime, value: Any) -> None:
    assert same(shared.eval("v => echo(v)")(value), normal(value))


@bounded
@given(value=values)
def test_a_shared_part_stays_shared(identity: JsFunction, value: Any) -> None:
    part = [value]
    back = identity([part, {"again": part}])
    assert back[0] is back[1]["again"]
    assert same(back[0][0], normal(value))


@bounded
@given(value=texts)
def test_text_keeps_every_code_unit(shared: Runtime, value: str) -> None:
    units = list(memoryview(value.encode("utf-16-le", "surrogatepass")).cast("H"))
    back = shared.eval("s => [s, Array.from({length: s.length}, (_, i) => s.charCodeAt(i))]")(value)
    assert back[1] == units
    assert back[0].encode("utf-16-le", "surrogatepass") == value.encode("utf-16-le", "surrogatepass")


@bounded
@given(value=st.integers())
def test_integers_are_exact(shared: Runtime, value: int) -> None:
    assert shared.eval("v => [v, String(v)]")(value) == [value, str(value)]


@bounded
@given(value=st.floats())
def test_floats_are_exact(shared: Runtime, value: float) -> None:
    bits = shared.eval("v => new Uint8Array(new Float64Array([v]).buffer)")(value)
    (back,) = memoryview(bits).cast("d")
    assert same(back, value)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=20,
)


@bounded
@given(value=json_values)
def test_json_agrees_on_both_sides(shared: Runtime, value: Any) -> None:
    text = json.dumps(value)
    assert same(shared.eval("t => JSON.parse(t)")(text), normal(value))
    again = shared.eval("v => JSON.stringify(v)")(value)
    assert same(normal(json.loads(again)), normal(value))


@bounded
@given(depth=st.integers(0, 300))
def test_depth_has_one_limit_both_ways(shared: Runtime, depth: int) -> None:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]

    def passes(call: Callable[[], object]) -> bool:
        try:
            call()
        except ConversionError:
            return False
        return True

    into = passes(lambda: shared.eval("v => 1")(value))
    out = passes(lambda: shared.eval("n => { let v = []; for (let i = 0; i < n; i++) v = [v]; return v }")(depth))
    for passed in (into, out):
        assert passed == (depth < 100) or 98 <= depth <= 101
