"""Dangerous behaviour, one script each in a process of its own, within bounded time and with a known exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "crash"


@dataclass(frozen=True)
class Expected:
    """How a script ends: exit code, the most seconds it may take, what it says and must not say."""

    code: int = 0
    seconds: float = 60
    says: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    quiet: bool = True


EXPECTED = {
    "exit_busy_daemon": Expected(code=7, seconds=5),
    "exit_busy_thread": Expected(code=7, seconds=5, says=("ended by RuntimeClosed",)),
    "exit_busy_asyncio": Expected(code=7, seconds=5),
    "exit_pending_asyncio": Expected(seconds=5),
    "exit_globals": Expected(seconds=5),
    "exit_host_call": Expected(code=7, seconds=5),
    "exit_host_call_asyncio": Expected(code=7, seconds=5),
    "exit_paused": Expected(code=7, seconds=10, says=("ended by RuntimeClosed",)),
    "exit_many_threads": Expected(seconds=10),
    "exit_atexit": Expected(seconds=5, says=("late", "early")),
    "exit_import_only": Expected(seconds=5),
    "exit_sigterm_asyncio": Expected(code=7, seconds=5),
    "interrupt_blocking": Expected(),
    "interrupt_asyncio": Expected(),
    "interrupt_uncaught": Expected(code=-signal.SIGINT, seconds=5, errors=("KeyboardInterrupt",), quiet=False),
    "interrupt_paused": Expected(seconds=20),
    "interrupt_everywhere": Expected(seconds=60),
    "signal_handler_closes": Expected(seconds=10),
    "signal_handler_evaluates": Expected(seconds=10),
    "fork": Expected(),
    "fork_in_host_call": Expected(),
    "fork_pool": Expected(),
    "console_runaway": Expected(seconds=120),
    "results_under_change": Expected(seconds=120),
    "heap": Expected(seconds=240),
    "buffers": Expected(seconds=240),
    "huge_code": Expected(),
    "deep_values": Expected(seconds=120),
    "hostile_source": Expected(seconds=240),
    "full_stack": Expected(seconds=120),
    "deep_reentry": Expected(seconds=120),
    "rejection": Expected(errors=("UnhandledRejectionWarning", "stray one", "stray two"), quiet=False),
    "rejection_hook_raises": Expected(errors=("the hook itself",), quiet=False),
    "drop_anywhere": Expected(seconds=120),
    "close_races": Expected(seconds=120),
    "no_descriptors": Expected(seconds=20),
    "exhausted": Expected(seconds=120),
    "old_threads": Expected(),
    "pool_fork": Expected(),
    "pool_exit": Expected(code=7, seconds=5, says=("ended by RuntimeClosed",)),
    "pool_interrupt": Expected(),
    "process_fork": Expected(),
    "process_orphans": Expected(seconds=120),
}
NOISE = ("Traceback", "panicked", "Fatal", "never awaited", "Exception ignored", "was destroyed", "Segmentation")


def test_every_script_has_an_expectation() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in SCRIPTS.glob("*.py"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EXPECTED)
def test_crash(name: str) -> None:
    expected = EXPECTED[name]
    start = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-X", "faulthandler", SCRIPTS / f"{name}.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=expected.seconds + 60,
        env={**os.environ, "PYTHONWARNINGS": "always"},
    )
    took = time.monotonic() - start
    report = f"exit {process.returncode} after {took:.1f} s\n{process.stdout[-2000:]}\n{process.stderr[-4000:]}"
    assert process.returncode == expected.code, report
    assert "ok" in process.stdout.split(), report
    assert took < expected.seconds, report
    for text in expected.says:
        assert text in process.stdout, report
    for text in expected.errors:
        assert text in process.stderr, report
    if expected.quiet:
        assert not any(noise in process.stderr for noise in NOISE), report
