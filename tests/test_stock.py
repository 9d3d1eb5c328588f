"""Isolates made ahead of need: when there are some, when they go, and that nobody sees them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

import jsrun
from jsrun import Runtime, RuntimeConfig, SnapshotBuilder


def ahead() -> int:
    return jsrun.get_reactor_stats().isolates_ahead


def wait_until_ahead(count: int, patience: float = 20) -> None:
    end = time.monotonic() + patience
    while ahead() != count:
        assert time.monotonic() < end, f"{ahead()} isolates are ready, and not {count}"
        time.sleep(0.01)


def make_until_ahead() -> None:
    """Make runtimes until some are ready: for a while after a snapshot of a user's none is."""
    end = time.monotonic() + 20
    while ahead() == 0:
        assert time.monotonic() < end, "no isolate is made ahead"
        make(2)


def make(count: int, **options: object) -> None:
    for number in range(count):
        with Runtime(**options) as rt:
            assert rt.eval(f"globalThis.mine = (globalThis.mine ?? 0) + {number}") == number


def test_runtimes_that_follow_each_other_move_into_isolates_made_ahead_which_go_when_nobody_wants_them() -> None:
    make_until_ahead()
    wait_until_ahead(0)
    with Runtime() as rt:
        # The first after a while: no sign of more to come.
        assert ahead() == 0
        assert rt.eval("6 * 7") == 42


def test_every_runtime_is_new_and_as_its_own_options_say() -> None:
    make(3)
    ids = set()
    for size in (1, 2, 3):
        with Runtime(max_buffer_bytes=1 << 20, allow_eval=False, timeout=5, stream_high_water_mark=size) as rt:
            ids.add(rt.eval("typeof leak + (globalThis.leak = Math.random())"))
            with pytest.raises(jsrun.JavaScriptError, match="Array buffer allocation failed"):
                rt.eval("new ArrayBuffer(2 << 20)")
            with pytest.raises(jsrun.JavaScriptError, match="EvalError"):
                rt.eval("eval('1')")
            rt.eval("globalThis.kept = new ArrayBuffer(1000); 0")
            assert rt.get_stats().buffer_bytes >= 1000
    assert len(ids) == 3
    assert all(made.startswith("undefined0.") for made in ids)


def test_a_small_heap_is_not_taken_from_the_stock_of_another_size() -> None:
    make(3)
    with Runtime(max_heap_size=16 << 20) as rt, pytest.raises(jsrun.HeapLimitExceeded):
        rt.eval("const all = []; for (;;) all.push(new Array(1000).fill(all.length))")


async def test_awaited_runtimes_use_them_too() -> None:
    for _ in range(4):
        async with Runtime.create() as rt:
            assert await rt.eval_async("1 + 1") == 2
    made = await asyncio.gather(*(Runtime.create() for _ in range(8)))
    assert await asyncio.gather(*(rt.eval_async(f"{n} * 2") for n, rt in enumerate(made))) == [n * 2 for n in range(8)]
    for rt in made:
        await rt.aclose()


def test_a_snapshot_of_a_user_starts_as_an_image_though_isolates_were_ready() -> None:
    """In a process of its own: beside any other runtime it would start from its scripts."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")


def start_from_an_image() -> None:
    builder = SnapshotBuilder()
    builder.execute_script("one.js", "globalThis.answer = 42; globalThis.ran = Date.now()")
    config = RuntimeConfig(snapshot=builder.build())
    make_until_ahead()
    seen = []
    for _ in range(2):
        with Runtime(config) as rt:
            # From the image: the script did not run again.
            seen.append(rt.eval("[answer, ran]"))
            assert ahead() == 0
    assert seen[0] == seen[1]
    # None is made for a while: the next snapshot may be another.
    make(2)
    assert ahead() == 0


if __name__ == "__main__":
    start_from_an_image()
