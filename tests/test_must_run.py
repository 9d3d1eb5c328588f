"""The small programs of must_run/ run unchanged: exit code 0 and a last line that says `ok`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "must_run").glob("*.py"))


def test_programs_are_here() -> None:
    assert [program.name[:2] for program in PROGRAMS] == ["01", "02", "03", "04", "05", "06", "08", "09"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_program(program: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
    assert done.stderr == ""
