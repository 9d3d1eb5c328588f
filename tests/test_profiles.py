"""CPU profiles, heap snapshots and coverage from Python: blocking and awaited, idle and while JavaScript runs."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import resource
import threading
from pathlib import Path
from typing import Any

import pytest
from modes import Js, in_thread, outcome

import jsrun
from jsrun import InspectorError, JavaScriptError, Runtime, RuntimeClosed

HOT = """function hot() { const end = Date.now() + 120; while (Date.now() < end) Math.sqrt(end); return end; }
function warm() { return hot(); }
warm();"""
SPIN = "function spin() { while (!globalThis.enough) Math.sqrt(2); } spin()"


def frames(profile: jsrun.CpuProfile) -> set[str]:
    """The names of the functions in a profile."""
    return {node["callFrame"]["functionName"] for node in profile.data["nodes"]}


def scripts(profile: jsrun.CpuProfile) -> set[str]:
    """The scripts in a profile. What V8 had optimised before may be inlined there, without names of its own."""
    return {node["callFrame"]["url"] for node in profile.data["nodes"]}


async def measured(js: Js, block: Any, code: str, **options: Any) -> Any:
    """Evaluate inside a block that measures: `with` or `async with`, as the mode says."""
    if js.awaited:
        async with block as result:
            await js.eval(code, **options)
        return result
    with block as result:
        await js.eval(code, **options)
    return result


# ---- CPU profiles ----------------------------------------------------------------------------------------------------


async def test_a_profile_names_the_hot_function(js: Js) -> None:
    profile = await measured(js, js.rt.cpu_profile(interval=0.0005), HOT, filename="hot.js")
    first = profile.top(1)[0]
    assert (first.name, first.url, first.line) == ("hot", "hot.js", 1)
    assert 60 < first.self_ms <= first.total_ms <= profile.duration_ms
    totals = {time.name: time for time in profile.top(100)}
    assert totals["warm"].total_ms >= first.self_ms
    assert totals["warm"].self_ms < first.self_ms
    assert not {"(root)", "(program)", "(idle)"} & set(totals)
    header, row = profile.table(1).splitlines()
    assert header.split() == ["self", "ms", "total", "ms", "function"]
    assert row.endswith("hot (hot.js:1)")


async def test_recursion_counts_once(js: Js) -> None:
    code = """function down(n) {
      if (n > 0) return down(n - 1);
      const end = Date.now() + 100;
      while (Date.now() < end);
    }
    down(20)"""
    profile = await measured(js, js.rt.cpu_profile(), code)
    down = next(time for time in profile.top() if time.name == "down")
    assert down.total_ms <= profile.duration_ms


async def test_a_profile_is_saved_for_devtools(js: Js, tmp_path: Path) -> None:
    profile = await measured(js, js.rt.cpu_profile(), HOT)
    path = profile.save(tmp_path / "run.cpuprofile")
    saved = json.loads(path.read_text())
    assert saved == profile.data
    assert set(saved) >= {"nodes", "startTime", "endTime", "samples", "timeDeltas"}
    assert len(saved["samples"]) == len(saved["timeDeltas"]) > 10
    ids = {node["id"] for node in saved["nodes"]}
    assert set(saved["samples"]) <= ids


async def test_profiles_side_by_side_and_one_after_another(js: Js) -> None:
    if js.awaited:
        async with js.rt.cpu_profile() as outer, js.rt.cpu_profile() as inner:
            await js.eval(HOT)
    else:
        with js.rt.cpu_profile() as outer, js.rt.cpu_profile() as inner:
            await js.eval(HOT)
    assert "hot" in frames(outer) & frames(inner)
    empty = await measured(js, js.rt.cpu_profile(), "1")
    assert "hot" not in frames(empty)


async def test_javascript_that_runs_already_is_profiled(rt: Runtime) -> None:
    busy = asyncio.ensure_future(rt.eval_async(SPIN, timeout=60, filename="spin.js"))
    await asyncio.sleep(0.02)
    async with rt.cpu_profile() as profile:
        await asyncio.sleep(0.1)
    assert not busy.done()
    assert "spin.js" in scripts(profile)
    busy.cancel()
    await outcome(busy)
    assert await rt.eval_async("6 * 7") == 42


def test_a_profile_from_another_thread(rt: Runtime) -> None:
    stop = threading.Event()

    def profile() -> set[str]:
        with rt.cpu_profile() as result:
            stop.wait(0.1)
        return scripts(result)

    def spin() -> None:
        with pytest.raises(jsrun.JavaScriptTimeout):
            rt.eval(SPIN, timeout=1.5, filename="spin.js")

    thread = threading.Thread(target=spin)
    thread.start()
    seen = in_thread(profile)
    thread.join(20)
    assert "spin.js" in seen


def test_results_come_when_the_block_has_ended(rt: Runtime) -> None:
    profile = rt.cpu_profile()
    with pytest.raises(InspectorError, match="before the block has ended"):
        profile.top()
    with profile:
        with pytest.raises(InspectorError, match="before the block has ended"):
            _ = profile.data
        with pytest.raises(InspectorError, match="used before"), profile:
            pass
    assert profile.data["nodes"]
    with pytest.raises(InspectorError, match="used before"), profile:
        pass


async def test_an_error_in_the_block_goes_on(js: Js) -> None:
    profile = js.rt.cpu_profile()
    with pytest.raises(JavaScriptError, match="nope"):
        await measured(js, profile, "throw new Error('nope')")
    assert profile.data["nodes"]


async def test_a_runtime_that_is_closed_in_the_block(js: Js) -> None:
    with pytest.raises(RuntimeClosed):
        if js.awaited:
            async with js.rt.cpu_profile():
                await js.rt.aclose()
        else:
            with js.rt.cpu_profile():
                js.rt.close()
    with pytest.raises(RuntimeClosed):
        await measured(js, js.rt.coverage(), "1")


async def test_what_the_block_raised_hides_that_the_runtime_was_closed(rt: Runtime) -> None:
    with pytest.raises(ZeroDivisionError):
        async with rt.cpu_profile():
            await rt.aclose()
            _ = 1 / 0


async def test_cancelling_in_the_block_ends_the_profile(rt: Runtime) -> None:
    async def work() -> None:
        async with rt.cpu_profile():
            await asyncio.sleep(60)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    async with rt.cpu_profile() as profile:
        await rt.eval_async(HOT)
    assert "hot" in frames(profile)


@pytest.mark.parametrize(
    ("interval", "error"), [(0, ValueError), (-1.0, ValueError), (float("nan"), ValueError), ("1", TypeError)]
)
def test_wrong_intervals(rt: Runtime, interval: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="interval must be"):
        rt.cpu_profile(interval=interval)


def test_a_profile_that_is_dropped_in_its_block(rt: Runtime) -> None:
    profile = rt.cpu_profile()
    profile.__enter__()
    del profile
    gc.collect()
    with rt.cpu_profile() as again:
        rt.eval(HOT)
    assert "hot" in frames(again)


# ---- heap snapshots --------------------------------------------------------------------------------------------------


async def snapshot(js: Js, path: Path) -> Path:
    """Write a snapshot as the mode says."""
    pending = js.rt.heap_snapshot(path)
    written: Path = await pending if js.awaited else pending.wait()
    return written


async def test_a_snapshot_holds_what_javascript_holds(js: Js, tmp_path: Path) -> None:
    await js.eval("class Needle { constructor() { this.haystack = 'straw-4711'; } } globalThis.kept = new Needle(); 1")
    path = await snapshot(js, tmp_path / "now.heapsnapshot")
    assert path == tmp_path / "now.heapsnapshot"
    content = json.loads(path.read_text())
    assert {"Needle", "haystack", "straw-4711"} <= set(content["strings"])
    assert content["snapshot"]["node_count"] > 1000
    assert [entry.name for entry in tmp_path.iterdir()] == ["now.heapsnapshot"]
    assert path.stat().st_mode & 0o077 == 0


async def test_a_snapshot_replaces_the_old_one(js: Js, tmp_path: Path) -> None:
    path = tmp_path / "now.heapsnapshot"
    path.write_text("old")
    await snapshot(js, path)
    assert json.loads(path.read_text())["strings"]


async def test_a_snapshot_while_javascript_runs(rt: Runtime, tmp_path: Path) -> None:
    busy = asyncio.ensure_future(rt.eval_async(SPIN, timeout=60))
    await asyncio.sleep(0.02)
    path = await rt.heap_snapshot(os.fspath(tmp_path / "busy.heapsnapshot"))
    assert not busy.done()
    assert '"spin"' in path.read_text()
    busy.cancel()
    await outcome(busy)


async def test_places_that_cannot_be_written(js: Js, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await snapshot(js, tmp_path / "no" / "such" / "directory.heapsnapshot")
    directory = tmp_path / "taken.heapsnapshot"
    directory.mkdir()
    with pytest.raises(OSError, match="taken"):
        await snapshot(js, directory)
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.heapsnapshot"]
    assert await js.eval("6 * 7") == 42


async def test_a_disk_that_takes_no_more(js: Js, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(OSError, match="too large") as failure:
            await snapshot(js, tmp_path / "cut.heapsnapshot")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failure.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
    assert await js.eval("6 * 7") == 42


async def test_a_closed_runtime_leaves_no_file(js: Js, tmp_path: Path) -> None:
    js.rt.close()
    with pytest.raises(RuntimeClosed):
        await snapshot(js, tmp_path / "late.heapsnapshot")
    assert list(tmp_path.iterdir()) == []


# ---- coverage --------------------------------------------------------------------------------------------------------


async def test_coverage_counts_calls_and_finds_what_did_not_run(js: Js) -> None:
    code = "function used(n) { if (n > 1) { return 'many'; } return 'one'; }\nfunction unused() {}\nused(1); used(1);"
    coverage = await measured(js, js.rt.coverage(), code, filename="app.js")
    (script,) = coverage.scripts
    assert script.url == "app.js"
    assert [(function.name, function.count) for function in script.functions] == [("", 1), ("used", 2), ("unused", 0)]
    _, used, unused = script.functions
    assert [code[start:end] for start, end in used.uncovered] == ["{ return 'many'; }"]
    assert [code[start:end] for start, end in unused.uncovered] == ["function unused() {}"]
    assert (script.called, coverage.table().splitlines()[1].split()) == (2, ["2", "3", "app.js"])


async def test_coverage_is_saved_as_other_tools_read_it(js: Js, tmp_path: Path) -> None:
    coverage = await measured(js, js.rt.coverage(), "1", filename="one.js")
    saved = json.loads(coverage.save(tmp_path / "coverage.json").read_text())
    assert saved == coverage.data
    assert saved["result"][0]["url"] == "one.js"


async def test_modules_are_covered(js: Js) -> None:
    js.rt.add_static_module("shapes", "export function twice(n) { return 2 * n; } export function never() {}")
    if js.awaited:
        async with js.rt.coverage() as coverage:
            await js.rt.eval_module_async("shapes")
    else:
        with js.rt.coverage() as coverage:
            js.rt.eval_module("shapes")
    (script,) = (script for script in coverage.scripts if "shapes" in script.url)
    assert {function.name: function.count for function in script.functions}["twice"] == 0
