"""RuntimeConfig: a frozen value whose mistakes are named."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from modes import without_address

from jsrun import HeapLimitExceeded, JavaScriptError, JavaScriptTimeout, Runtime, RuntimeConfig, RuntimeTerminated

MakeRuntime = Callable[..., Runtime]
MIB = 1024 * 1024


def test_it_is_a_frozen_dataclass_with_equality() -> None:
    config = RuntimeConfig(timeout=2, permissions=("fs",))
    assert dataclasses.is_dataclass(config)
    assert config == RuntimeConfig(timeout=2, permissions=("fs",)) != RuntimeConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.timeout = 3  # type: ignore[misc]
    assert dataclasses.replace(config, timeout=5).timeout == 5
    assert "timeout=2" in repr(config)


def test_the_defaults() -> None:
    config = RuntimeConfig()
    assert (config.timeout, config.bootstrap, config.on_unhandled_rejection) == (None, None, None)
    assert (config.max_serialization_depth, config.max_serialization_bytes) == (100, 10 * MIB)
    assert tuple(config.permissions) == ()


def test_an_unknown_option_is_a_type_error() -> None:
    for call in (lambda: RuntimeConfig(heap=1), lambda: Runtime(heap=1), lambda: Runtime(RuntimeConfig(), heap=1)):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="heap"):
            call()


@pytest.mark.parametrize("config", [5, "config", {"timeout": 1}, object()], ids=without_address)
def test_a_config_that_is_none_is_a_type_error(config: Any) -> None:
    with pytest.raises(TypeError):
        Runtime(config)


BAD: list[tuple[str, Any, type[Exception]]] = [
    ("timeout", 0, ValueError),
    ("timeout", -1, ValueError),
    ("timeout", math.nan, ValueError),
    ("timeout", timedelta(0), ValueError),
    ("timeout", "1", TypeError),
    ("timeout", True, TypeError),
    ("cpu_timeout", 0, ValueError),
    ("cpu_timeout", "1", TypeError),
    ("allow_eval", None, TypeError),
    ("allow_wasm", 1, TypeError),
    ("allow_atomics_wait", "no", TypeError),
    ("max_modules", 0, ValueError),
    ("max_host_calls", 1.5, TypeError),
    ("max_unhandled_rejections", -1, ValueError),
    ("max_heap_size", 0, ValueError),
    ("max_heap_size", -1, ValueError),
    ("max_heap_size", "64M", TypeError),
    ("max_heap_size", 1.5, TypeError),
    ("max_heap_size", True, TypeError),
    ("max_heap_size", 2**80, ValueError),
    ("initial_heap_size", -1, ValueError),
    ("initial_heap_size", "1", TypeError),
    ("max_buffer_bytes", -1, ValueError),
    ("max_buffer_bytes", "1", TypeError),
    ("max_stack", (256 << 10) - 1, ValueError),
    ("max_stack", (64 << 20) + 1, ValueError),
    ("max_stack", "1M", TypeError),
    ("max_serialization_depth", 0, ValueError),
    ("max_serialization_depth", -1, ValueError),
    ("max_serialization_depth", "9", TypeError),
    ("max_serialization_depth", 1.5, TypeError),
    ("max_serialization_bytes", 0, ValueError),
    ("max_serialization_bytes", -1, ValueError),
    ("max_serialization_bytes", "9", TypeError),
    ("bootstrap", 5, TypeError),
    ("bootstrap", b"1", TypeError),
    ("permissions", "fs", TypeError),
    ("permissions", [1], TypeError),
    ("permissions", 5, TypeError),
    ("on_unhandled_rejection", 5, TypeError),
]


@pytest.mark.parametrize(
    ("option", "value", "error"), BAD, ids=lambda part: part if isinstance(part, str) else repr(part)
)
def test_a_bad_value_is_named(option: str, value: Any, error: type[Exception]) -> None:
    for make in (lambda: Runtime(RuntimeConfig(**{option: value})), lambda: Runtime(**{option: value})):
        with pytest.raises(error, match=option):
            make()


def test_an_initial_heap_above_the_limit_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="initial_heap_size"):
        Runtime(max_heap_size=32 * MIB, initial_heap_size=64 * MIB)


def test_options_override_the_config(runtimes: MakeRuntime) -> None:
    config = RuntimeConfig(bootstrap="globalThis.which = 'config'", max_serialization_depth=3)
    rt = runtimes(config, bootstrap="globalThis.which = 'option'")
    assert rt.eval("which") == "option"
    assert rt.eval("[[1]]") == [[1]]
    assert config.bootstrap == "globalThis.which = 'config'"


def test_one_config_serves_many_runtimes(runtimes: MakeRuntime) -> None:
    config = RuntimeConfig(bootstrap="globalThis.n = 1")
    assert [runtimes(config).eval("n++, n") for _ in range(3)] == [2, 2, 2]


def test_the_bootstrap_runs_first_and_its_declarations_stay(runtimes: MakeRuntime) -> None:
    assert runtimes(bootstrap="const base = 40; function add(n) { return base + n }").eval("add(2)") == 42


async def test_a_bootstrap_may_await(runtimes: MakeRuntime) -> None:
    assert runtimes(bootstrap="globalThis.ready = await Promise.resolve('yes')").eval("ready") == "yes"


@pytest.mark.parametrize(
    ("bootstrap", "name"),
    [
        ("throw new RangeError('no')", "RangeError"),
        ("let = =", "SyntaxError"),
        ("await Promise.reject(new Error())", "Error"),
    ],
)
def test_a_failing_bootstrap_raises(bootstrap: str, name: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        Runtime(bootstrap=bootstrap)
    assert caught.value.name == name


def test_an_endless_bootstrap_times_out() -> None:
    with pytest.raises(JavaScriptTimeout):
        Runtime(bootstrap="for (;;);", timeout=0.2)


def test_a_timeout_may_be_a_timedelta(runtimes: MakeRuntime) -> None:
    with pytest.raises(JavaScriptTimeout):
        runtimes(timeout=timedelta(milliseconds=100)).eval("for (;;);")


def test_a_call_may_ask_for_no_timeout(runtimes: MakeRuntime) -> None:
    rt = runtimes(timeout=0.1)
    assert rt.eval("const end = Date.now() + 300; while (Date.now() < end); 'long'", timeout=math.inf) == "long"


def test_the_heap_limit_holds_and_the_process_lives(runtimes: MakeRuntime) -> None:
    rt, other = runtimes(max_heap_size=32 * MIB), runtimes()
    with pytest.raises(HeapLimitExceeded):
        rt.eval("const hoard = []; for (;;) hoard.push(new Array(1000).fill(1.5))", timeout=50)
    try:  # what is left of the heap decides whether the runtime goes on
        assert rt.eval("1") == 1
    except RuntimeTerminated:
        pass
    assert other.eval("1 + 1") == 2


def test_below_the_heap_limit_nothing_happens(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_heap_size=64 * MIB)
    for _ in range(50):
        assert rt.eval("Array.from({length: 1e5}, (_, i) => ({i})).length") == 100_000


def test_the_buffer_limit_holds(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_buffer_bytes=8 * MIB)
    for code in ("new ArrayBuffer(64 * 2 ** 20)", "new Uint8Array(2 ** 40)", "new Float64Array(2 ** 21)"):
        with pytest.raises(JavaScriptError) as caught:
            rt.eval(f"{code}; 0")
        assert caught.value.name == "RangeError"
    assert rt.eval("new Uint8Array(2 ** 20).length") == 2**20
    assert rt.eval("let n = 0; for (let i = 0; i < 200; i++) n += new Uint8Array(2 ** 20).length; n") == 200 * 2**20


def test_limits_of_one_are_not_limits_of_another(runtimes: MakeRuntime) -> None:
    runtimes(max_serialization_depth=2)
    assert runtimes().eval("[[[[[1]]]]]") == [[[[[1]]]]]


@pytest.mark.parametrize(
    "code", ["new ArrayBuffer(2 ** 40)", "new Float64Array(2 ** 32)", "new SharedArrayBuffer(2 ** 40)"]
)
def test_a_gigantic_buffer_is_a_range_error_whatever_the_limits(runtimes: MakeRuntime, code: str) -> None:
    for rt in (runtimes(), runtimes(max_heap_size=64 * MIB, max_buffer_bytes=256 * MIB)):
        with pytest.raises(JavaScriptError) as caught:
            rt.eval(f"{code}; 0")
        assert caught.value.name == "RangeError"
        assert rt.eval("1 + 1") == 2
