"""Fixtures that run the programs of examples/ the way a user does: as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from served import Server

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def examples() -> Path:
    """Return the directory of the examples."""
    return EXAMPLES


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """Return a client of the server that the test file runs."""
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def run_example() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs one example to its end and hands back what it printed."""
    # A user's shell: an example finds the modules beside it.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}

    def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(EXAMPLES / name), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            # Wide enough that no table cell is folded; UTF-8 whatever the locale.
            env={**plain, "COLUMNS": "160", "PYTHONIOENCODING": "utf-8", **environment},
        )

    return run
