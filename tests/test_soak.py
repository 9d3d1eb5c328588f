"""The soak in short: runtimes in turn and at once leave nothing, and the verdict is able to fail."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from modes import beside_itself

SOAK = Path(__file__).parent.parent / "benchmarks" / "soak"

pytestmark = pytest.mark.skipif(not SOAK.exists(), reason="runs in a checkout only")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"soak_{name}", SOAK / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(240)
def test_runtimes_in_turn_and_at_once_leave_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(SOAK / "run.py"), "--cycles", "150", "--alive", "60", "--rest", "0", "--no-plot"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path)], env=beside_itself(), capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    run = json.loads((tmp_path / "latest.json").read_text())
    assert sum(phase["cycles"] for phase in run["phases"].values()) == 150
    assert [turn["peak"]["runtimes"] for turn in run["alive"]["rounds"]] == [60, 60]
    assert "| blocking | 45 |" in (tmp_path / "latest.md").read_text()


def test_growth_is_noticed() -> None:
    fit = load("fit")
    cycles = list(range(100, 10_001, 100))
    stated = fit.Stated(rss=512, pieces=0.002)
    noise = [(cycle * 7919) % 4096 for cycle in cycles]
    flat = {"rss": [60e6 + n for n in noise], "threads": [6.0] * 100}
    leaking = {"rss": [60e6 + n + 1024 * cycle for cycle, n in zip(cycles, noise, strict=True)], "threads": [6.0] * 100}
    filling = {"rss": [60e6 + 5e6 * min(1, cycle / 2000) + n for cycle, n in zip(cycles, noise, strict=True)]}
    one_thread_in_400 = {"rss": flat["rss"], "threads": [6.0 + cycle // 400 for cycle in cycles]}
    assert all(line["holds"] for line in fit.judge(cycles, flat, stated).values())
    assert all(line["holds"] for line in fit.judge(cycles, filling, stated).values())
    leak = fit.judge(cycles, leaking, stated)
    assert not leak["rss"]["holds"] and leak["threads"]["holds"]
    assert leak["rss"]["slope"] == pytest.approx(1024, rel=0.01)
    assert not fit.judge(cycles, one_thread_in_400, stated)["threads"]["holds"]
