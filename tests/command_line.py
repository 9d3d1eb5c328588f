"""The command line as a shell starts it: a process of its own, with this very jsrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsrun

COMMAND = [sys.executable, "-W", "error", "-m", "jsrun"]


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, where Python finds the jsrun that is being tested."""
    return {**os.environ, "PYTHONPATH": str(Path(jsrun.__file__).parent.parent), **more}


def start(*arguments: object, cwd: Path | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start `jsrun` with these arguments, its streams being pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, **{**pipes, **options}, text=True, cwd=cwd, env=environment())


def call(
    *arguments: object, stdin: str = "", cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `jsrun` with these arguments to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env or environment(),
        timeout=50,
    )


def output(*arguments: object, **options: Any) -> str:
    """What `jsrun` prints with these arguments, when it ends well and has nothing to complain about."""
    done = call(*arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
