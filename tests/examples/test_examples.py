"""The short examples run and print what they promise; the index names every program."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_callbacks(run_example: Run) -> None:
    assert lines_of(run_example("callbacks.py")) == [
        "sync: hello, ada",
        "async: [4.5, 9]",
        "object: Corner 2 9-17",
        "caught: OutOfStock: moon",
        "uncaught: OutOfStock('moon')",
        "function: {'tea': 4.5, 'cake': 6}",
        "method: 2",
    ]


def test_threads(run_example: Run) -> None:
    own, shared, default = lines_of(run_example("threads.py"))
    assert own.startswith("own runtimes: 4 x 300 ms of JavaScript in ")
    assert own.endswith("main thread ran: True")
    assert shared == "shared runtime: 400"
    assert default == "default runtimes: [10, 20, 30]"


def test_sandbox(run_example: Run) -> None:
    outcomes = {line[:20].strip(): line[21:] for line in lines_of(run_example("sandbox.py"))}
    assert outcomes.pop("well-behaved") == "ok: [1, 4, 9]"
    assert outcomes.pop("syntax error").startswith("failed: SyntaxError: ")
    assert outcomes.pop("throws") == "failed: RangeError: bad 7 (line 1)"
    assert outcomes.pop("endless loop") == "stopped: ran longer than 0.5 s"
    assert outcomes.pop("endless recursion").startswith("failed: RangeError: ")
    assert outcomes.pop("endless wait").startswith("stopped: ")
    assert outcomes.pop("eats memory").startswith("stopped: ")
    assert outcomes.pop("huge answer").startswith("refused: ")
    assert outcomes.pop("looks for a way out") == "ok: ['undefined', 'undefined', 'undefined', 'undefined']"
    assert not outcomes


def test_sandbox_takes_files(run_example: Run, tmp_path: Path) -> None:
    script = tmp_path / "script.js"
    script.write_text("const words = ['from', 'a', 'file'];\nwords.join(' ')")
    assert lines_of(run_example("sandbox.py", str(script))) == [f"{script!s:<20} ok: 'from a file'"]


def test_index_names_every_program(examples: Path) -> None:
    index = (examples / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in examples.glob("*.py") if f"({path.name})" not in index]
    assert not missing
