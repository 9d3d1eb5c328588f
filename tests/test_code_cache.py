"""Compiled code is kept: in memory between runtimes, on disk between processes, and never at the cost of a result."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from modes import Js

from jsrun import JavaScriptError, Runtime, RuntimeConfig, SnapshotBuilder

MakeRuntime = Callable[..., Runtime]

PROGRAM = Path(__file__).parent / "programs" / "code_cache.py"


def large(last: str, size: int = 20_000) -> str:
    """A source that is long enough to be kept, and that no other test has."""
    filler = "\n".join(f"function f{i}(x) {{ return x + {i} }}" for i in range(size // 32))
    return f"// {uuid.uuid4()}\n{filler}\n{last}"


def used(rt: Runtime) -> tuple[int, int]:
    stats = rt.get_stats()
    return stats.code_cache_hits, stats.code_cache_misses


def keep(rt: Runtime) -> None:
    """Wait until the code that ran is kept: that is done after each message, so before the second answer."""
    rt.eval("0")
    rt.eval("0")


# --- in memory --------------------------------------------------------------------------------------------------


async def test_a_script_is_compiled_once_for_all_runtimes(js: Js, runtimes: MakeRuntime) -> None:
    source = large("f1(1) + f2(2)")
    assert await js.eval(source) == 6
    assert used(js.rt) == (0, 1)
    keep(js.rt)
    other = runtimes()
    assert other.eval(source) == 6
    assert used(other) == (1, 0)


async def test_a_module_is_compiled_once_for_all_runtimes(js: Js, runtimes: MakeRuntime) -> None:
    source = large("export default f3(4); export const url = import.meta.url")
    js.rt.add_static_module("m", source)
    assert dict(await js.eval_module("m")) == {"default": 7, "url": "jsrun:///m"}
    assert used(js.rt) == (0, 1)
    keep(js.rt)
    other = runtimes()
    other.add_static_module("other/name", source)
    assert dict(other.eval_module("other/name")) == {"default": 7, "url": "jsrun:///other/name"}
    assert used(other) == (1, 0)


def test_a_bootstrap_is_compiled_once(runtimes: MakeRuntime) -> None:
    bootstrap = large("globalThis.answer = 42")
    first = runtimes(bootstrap=bootstrap)
    assert used(first) == (0, 1)
    keep(first)
    other = runtimes(bootstrap=bootstrap)
    assert other.eval("answer") == 42
    assert used(other) == (1, 0)


def test_small_sources_are_not_kept(rt: Runtime) -> None:
    rt.eval("1 + 1")
    rt.add_static_module("m", "export default 1")
    rt.eval_module("m")
    assert used(rt) == (0, 0)


def test_the_same_text_as_script_and_as_module(rt: Runtime) -> None:
    source = large("globalThis.self_is = typeof this")
    rt.eval(source)
    assert rt.eval("self_is") == "object"
    rt.add_static_module("m", source)
    rt.eval_module("m")
    assert rt.eval("self_is") == "undefined"
    assert used(rt) == (0, 2)


def test_sources_of_the_same_length_are_told_apart(runtimes: MakeRuntime) -> None:
    one = large("'one'")
    two = one.replace("'one'", "'two'")
    for source, value in ((one, "one"), (two, "two"), (one, "one")):
        assert runtimes().eval(source) == value


@pytest.mark.parametrize("text", ["é", "日本", "\U0001f600"])
def test_any_characters(runtimes: MakeRuntime, text: str) -> None:
    source = large(f"'{text}'")
    assert [runtimes().eval(source) for _ in range(2)] == [text] * 2


def test_errors_name_the_file_of_this_runtime(runtimes: MakeRuntime) -> None:
    source = large("function fails() { throw new Error('x') }; fails()")
    for filename in ("first.js", "second.js"):
        with pytest.raises(JavaScriptError) as caught:
            runtimes().eval(source, filename=filename)
        assert caught.value.frames[0]["file_name"] == filename
        assert filename in (caught.value.stack or "")


def test_a_source_with_a_syntax_error_is_refused_each_time(runtimes: MakeRuntime) -> None:
    source = large("const = 1")
    for _ in range(2):
        with pytest.raises(JavaScriptError, match="SyntaxError"):
            runtimes().eval(source)


def test_a_snapshot_is_not_made_of_kept_code(runtimes: MakeRuntime) -> None:
    source = large("globalThis.answer = f1(41)")
    with Runtime() as first:
        first.eval(source)
    builder = SnapshotBuilder()
    builder.execute_script("lib.js", source)
    rt = runtimes(snapshot=builder.build())
    assert rt.eval("answer + f2(0)") == 44


# --- on disk ----------------------------------------------------------------------------------------------------


def in_a_new_process(directory: Path, **options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), str(directory), json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def test_another_process_uses_it(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "here"
    assert in_a_new_process(directory) == {"script": 3, "module": 5, "hits": 0, "misses": 2}
    assert in_a_new_process(directory) == {"script": 3, "module": 5, "hits": 2, "misses": 0}
    assert len(entries(directory)) == 2
    for path in entries(directory):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda entry: b"",
    "cut": lambda entry: entry[: len(entry) // 2],
    "one byte short": lambda entry: entry[:-1],
    "longer": lambda entry: entry + b"x",
    "flipped in the header": lambda entry: bytes([entry[0] ^ 1]) + entry[1:],
    "flipped in the code": lambda entry: entry[:-100] + bytes([entry[-100] ^ 4]) + entry[-99:],
    "something else": lambda entry: os.urandom(len(entry)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_ignored_and_replaced(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    in_a_new_process(tmp_path)
    sound = {path: path.read_bytes() for path in entries(tmp_path)}
    for path, entry in sound.items():
        path.write_bytes(damage(entry))
    assert in_a_new_process(tmp_path) == {"script": 3, "module": 5, "hits": 0, "misses": 2}
    assert in_a_new_process(tmp_path) == {"script": 3, "module": 5, "hits": 2, "misses": 0}


def test_entries_that_changed_places_are_ignored(tmp_path: Path) -> None:
    in_a_new_process(tmp_path)
    one, two = entries(tmp_path)
    aside = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(aside)
    assert in_a_new_process(tmp_path) == {"script": 3, "module": 5, "hits": 0, "misses": 2}


def test_a_directory_that_cannot_be_written_costs_no_result(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert in_a_new_process(tmp_path / "file" / "below")["script"] == 3


def test_many_runtimes_write_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, str(PROGRAM), str(tmp_path), "{}"], stdout=subprocess.PIPE) for _ in range(4)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=50)
        assert json.loads(output)["script"] == 3
    assert {path.suffix for path in entries(tmp_path)} == {".v8code"}
    assert in_a_new_process(tmp_path)["hits"] == 2


@pytest.mark.parametrize(("value", "error"), [(1, TypeError), (b"x", TypeError), (True, TypeError), ("", ValueError)])
def test_what_names_no_directory_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="code_cache"):
        RuntimeConfig(code_cache=value)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file"):
        RuntimeConfig(code_cache=tmp_path / "file")


def test_a_relative_directory_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RuntimeConfig(code_cache="cache").code_cache == str(tmp_path / "cache")
