"""What goes to the log, and what does not."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from modes import Js, wait_until

import jsrun
from jsrun import HeapLimitExceeded, JavaScriptError, Runtime, RuntimeConfig

TIERS = ["thread", "process"]


class Lines(logging.Handler):
    """Keeps what is logged as lines of logger, level and text."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Everything that jsrun logs."""
    logger, handler = logging.getLogger("jsrun"), Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler.lines
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def warnings_in(log: list[str]) -> list[str]:
    return [line for line in log if " DEBUG " not in line]


def test_nothing_is_printed_without_set_up() -> None:
    program = (
        "import jsrun\n"
        "with jsrun.Runtime(slow_evaluation=0.001) as rt:\n"
        "    rt.eval('const end = performance.now() + 20; while (performance.now() < end);')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("tier", TIERS)
def test_lives_are_logged(log: list[str], tier: str) -> None:
    with Runtime(isolation=tier) as rt:
        number = rt._native.id
    rt.close()
    created, closed = log
    assert created.startswith(f"jsrun.runtime DEBUG runtime {number} created in ")
    assert created.endswith(f" ms ({tier})")
    assert closed == f"jsrun.runtime DEBUG runtime {number} closed: close()"


async def test_ends_are_logged_with_their_reason(log: list[str]) -> None:
    async with Runtime.create():
        pass
    rt = Runtime()
    rt.terminate()
    rt.close()
    dropped = Runtime()
    del dropped, rt
    gc.collect()
    ends = [line.split(" ", 4)[4] for line in log if "created" not in line]
    assert ends == [
        "closed: aclose()",
        "terminated",
        "closed: close()",
        "closed: dropped; it ends when nothing of it is held any more",
    ]


async def test_slow_operations_are_warned_of(log: list[str], runtimes: Callable[..., Runtime], js: Js) -> None:
    rt = runtimes(slow_evaluation=timedelta(milliseconds=20))
    js = Js(rt, js.mode)
    rt.add_static_module("heavy", "const end = performance.now() + 30; while (performance.now() < end);")
    busy = "() => { const end = performance.now() + 30; while (performance.now() < end); }"
    await js.eval("1")
    await js.eval(f"({busy})()", filename="report.js")
    await js.eval_module("heavy")
    await js.call(await js.eval(f"(function crunch() {{ ({busy})(); }})"))
    await js.call(await js.eval("() => 1"))
    number = rt._native.id
    slow = [line.split(": ")[0] for line in warnings_in(log)]
    assert slow == [
        f"jsrun.runtime WARNING slow {what} in runtime {number}"
        for what in ("eval of report.js", "eval_module of heavy", "call of crunch")
    ]
    assert all(line.endswith(" s (slow_evaluation=0.02)") for line in warnings_in(log))


def test_slow_operations_in_a_child_are_warned_of(log: list[str], runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(slow_evaluation=0.02, isolation="process")
    busy = "await new Promise(r => setTimeout(r, 30)); 0"
    rt.eval(busy, filename="a.js")
    asyncio.run(rt.eval_async(busy, filename="b.js"))
    slow = [line.split(": ")[0] for line in warnings_in(log)]
    number = rt._native.id
    assert slow == [f"jsrun.runtime WARNING slow eval of {name} in runtime {number}" for name in ("a.js", "b.js")]


def test_slow_failures_are_warned_of_too(log: list[str], runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(slow_evaluation=0.02)
    with pytest.raises(JavaScriptError):
        rt.eval("await new Promise(r => setTimeout(r, 30)); throw new Error('no')")
    assert len(warnings_in(log)) == 1


@pytest.mark.parametrize("value", [0, -1, float("nan"), "1", True])
def test_thresholds_must_be_times(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="slow_evaluation"):
        RuntimeConfig(slow_evaluation=value)


@pytest.mark.parametrize("tier", TIERS)
def test_rejections_are_logged(log: list[str], runtimes: Callable[..., Runtime], tier: str) -> None:
    rt = runtimes(isolation=tier)
    number = rt._native.id
    rejects = "Promise.reject(new TypeError('nobody')); new Promise(r => setTimeout(r, 50))"
    with pytest.warns(jsrun.UnhandledRejectionWarning):
        rt.eval(rejects)
        wait_until(lambda: rt.eval("1") and warnings_in(log))
    expected = f"unhandled promise rejection in runtime {number}: TypeError: nobody"
    assert [line.split(" ", 2)[2] for line in warnings_in(log)] == [expected]


def test_rejections_that_a_handler_hears_are_no_warnings(log: list[str], runtimes: Callable[..., Runtime]) -> None:
    heard: list[JavaScriptError] = []
    rt = runtimes(on_unhandled_rejection=heard.append)
    rt.eval("Promise.reject(new TypeError('nobody')); new Promise(r => setTimeout(r, 20))")
    assert len(heard) == 1
    assert warnings_in(log) == []
    assert any("DEBUG unhandled promise rejection in runtime" in line for line in log)


def test_condemned_runtimes_are_logged_once(log: list[str], runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(max_heap_size=16 << 20)
    for _ in range(3):
        with pytest.raises(HeapLimitExceeded):
            rt.eval("globalThis.all ??= []; for (;;) all.push(new Array(1000).fill(7))")
    assert rt.state == "condemned"
    condemned = f"runtime {rt._native.id} condemned: its heap is full and stays full; close it and make a new one"
    assert warnings_in(log) == [f"jsrun.runtime WARNING {condemned}"]


def test_crashes_of_children_are_logged(log: list[str], runtimes: Callable[..., Runtime]) -> None:
    rt = runtimes(isolation="process")
    number = rt._native.id
    os.kill(number, signal.SIGKILL)
    wait_until(lambda: warnings_in(log))
    assert warnings_in(log) == [f"jsrun.process ERROR child process {number} was killed by SIGKILL"]


def test_ends_of_children_that_were_asked_for_are_no_crashes(log: list[str]) -> None:
    with Runtime(isolation="process") as rt:
        rt.terminate()
    assert warnings_in(log) == []


def test_pools_say_what_becomes_of_their_runtimes(log: list[str]) -> None:
    def reset(_: Runtime) -> None:
        raise ValueError("not clean")

    with jsrun.RuntimePool(size=1, reset=reset, reuse=True) as pool:
        with pool.runtime() as rt:
            number = rt._native.id
        wait_until(lambda: pool.get_stats().closed == 1)
    of_pool = [line for line in log if line.startswith("jsrun.pool ")]
    assert of_pool == [
        f"jsrun.pool WARNING resetting runtime {number} failed: ValueError('not clean')",
        f"jsrun.pool DEBUG runtime {number} leaves its pool after 1 uses",
        "jsrun.pool DEBUG pool closed: the pool is closed",
    ]
