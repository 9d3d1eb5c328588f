"""`jsrun snapshot`, `jsrun doctor` and `jsrun bench`; and what is said when a package is not there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND, call, environment, output

import jsrun

SOURCES = Path(__file__).parent.parent


def test_a_snapshot_is_made_of_scripts_and_used(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("globalThis.lib = {n: 1}; let count = 0; function next() { return ++count }")
    (tmp_path / "two.js").write_text("lib.n += 1")
    said = output("snapshot", "one.js", "two.js", "-o", "heap.bin", cwd=tmp_path)
    assert re.fullmatch(r"heap\.bin: [\d,]+ bytes from 2 scripts\n", said)
    assert json.loads(output("--snapshot", "heap.bin", "-c", "[lib.n, next(), next()]", cwd=tmp_path)) == [2, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heap.bin", "one.js", "two.js"]


def test_a_snapshot_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "bad.js").write_text("\nthrow new RangeError('no')")
    (tmp_path / "heap.bin").write_text("old")
    done = call("snapshot", "bad.js", "-o", "heap.bin", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "RangeError: no\n    at bad.js:2:7\n")
    assert (tmp_path / "heap.bin").read_text() == "old"
    (tmp_path / "bad.js").write_text("globalThis.memory = new WebAssembly.Memory({initial: 1})")
    done = call("snapshot", "bad.js", "-o", "heap.bin", cwd=tmp_path)
    assert (done.returncode, done.stderr[:14]) == (1, "SnapshotError:")
    done = call("snapshot", "--timeout", "0.1", "/dev/stdin", "-o", "heap.bin", cwd=tmp_path, stdin="for (;;) {}")
    assert (done.returncode, (tmp_path / "heap.bin").read_text()) == (124, "old")
    assert call("snapshot", "gone.js", "-o", "heap.bin", cwd=tmp_path).returncode == 2


def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    pytest.importorskip("rich")
    (tmp_path / "one.js").write_text("1")
    terminal = {"encoding": "utf-8", "timeout": 30, "dimensions": (24, 100), "cwd": tmp_path}
    arguments = [*COMMAND[1:], "snapshot", "one.js", "-o", "heap.bin"]
    with pexpect.spawn(sys.executable, arguments, env=environment(TERM="xterm"), **terminal) as child:
        child.expect("running one.js")
        child.expect("writing the heap")
        child.expect(r"heap\.bin: [\d,]+ bytes from 1 script\r\n")
        child.expect(pexpect.EOF)


def test_the_doctor_finds_it_well() -> None:
    report = json.loads(output("doctor", "--json"))
    assert report["versions"]["jsrun"] == jsrun.__version__
    assert report["versions"]["V8"].split(".")[0].isdigit()
    assert set(report["self_test"].values()) == {"ok"}
    done = call("doctor")
    assert done.returncode == 0
    assert re.search(r"(?m)^  stops an endless loop +ok$", done.stdout)


def test_the_doctor_names_what_fails_and_what_is_missing() -> None:
    script = """
import sys
sys.modules["rich"] = None
import jsrun._cli.doctor as doctor
doctor._CHECKS["fails"] = lambda: 1 / 0
doctor.find_spec = lambda name: None if name == "rich" else 1
from jsrun._cli import main
raise SystemExit(main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.returncode == 1
    assert re.search(r"(?m)^  fails +ZeroDivisionError: division by zero$", done.stdout)
    assert re.search(r"(?m)^  rich +colours, tables and progress bars$", done.stdout)
    assert "pip install 'jsrun[cli]' installs rich" in done.stderr


def test_the_doctor_knows_v8s_flags() -> None:
    source = SOURCES / "rust/core/src/isolate/v8_flags.rs"
    if not source.exists():
        pytest.skip("runs in a checkout only")
    flags = re.search(r'V8_FLAGS: &str = "(.*)"', source.read_text())
    assert flags is not None
    assert json.loads(output("doctor", "--json"))["v8_flags"] == flags[1]


def test_the_bench_measures_each_operation() -> None:
    rows = json.loads(output("bench", "--json", "--time", "0.01"))
    assert len(rows) >= 5
    assert all(seconds > 0 for seconds in rows.values())


def test_the_bench_is_a_table() -> None:
    pytest.importorskip("rich")
    said = output("bench", "--time", "0.01")
    assert "µs each" in said
    assert "call a Python function" in said


@pytest.mark.parametrize("command", ["bench"])
def test_without_the_extra_it_says_what_to_install(command: str) -> None:
    script = (
        f"import sys; sys.modules['rich'] = None; from jsrun._cli import main; raise SystemExit(main(['{command}']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"jsrun {command} needs rich: pip install 'jsrun[cli]'\n"


def test_programs_run_without_the_extra() -> None:
    script = """
import sys
for name in ("rich", "prompt_toolkit", "pygments"):
    sys.modules[name] = None
from jsrun._cli import main
raise SystemExit(main(["-c", "6 * 7"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
