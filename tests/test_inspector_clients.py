"""Clients as people use them: chrome-remote-interface under Node.js, and the front end of Chromium's DevTools."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cdp
import pytest
from chromium import chromium_program
from modes import wait_until

from jsrun import InspectorConfig, JavaScriptTimeout, Runtime

REMOTE = Path(__file__).parent / "js" / "remote"
SCRIPT = """function area(width, height) {
  const product = width * height;
  return product;
}
area(6, 7)"""


@pytest.fixture(scope="session")
def packages() -> Path:
    """The directory of the installed npm packages: pinned with checksums by the lock file, kept in the user's cache."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js with npm is not installed")
    lock = (REMOTE / "package-lock.json").read_bytes()
    configured = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(configured) if os.path.isabs(configured) else Path.home() / ".cache"
    home = root / "jsrun-tests" / f"remote-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (home / "installed").exists():
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(REMOTE / name, home)
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=home,
            check=True,
            timeout=120,
        )
        (home / "installed").touch()
    return home / "node_modules"


def test_chrome_remote_interface(packages: Path) -> None:
    config = InspectorConfig(port=0, wait_for_connection=True, display_name="remote")
    with Runtime(inspector=config) as rt, ThreadPoolExecutor(1) as pool:
        endpoints = rt.inspector_endpoints()
        assert endpoints is not None
        evaluation = pool.submit(rt.eval, SCRIPT, filename="area.js", timeout=50)
        done = subprocess.run(
            ["node", str(REMOTE / "debug.js"), str(cdp.address(rt)[1]), endpoints.id],
            env={**os.environ, "NODE_PATH": str(packages)},
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        assert evaluation.result(20) == 42
    assert json.loads(done.stdout) == {
        "title": "remote",
        "version": "1.3",
        "logged": ["hot"],
        "stopped": ["area", 1],
        "width": 6,
        "stepped": 2,
        "product": 42,
        "profiled": True,
        "snapshot": True,
        "covered": 2,
    }


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[str]:
    """A Chromium without a screen; the value is the URL of its own debugging server."""
    program = chromium_program()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [program, *flags, f"--user-data-dir={tmp_path}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        said = tmp_path / "DevToolsActivePort"
        wait_until(lambda: said.exists() and said.read_text().strip(), 30)
        yield f"http://127.0.0.1:{said.read_text().split()[0]}"
    finally:
        process.terminate()
        process.wait(20)


def test_the_devtools_front_end_attaches(chromium: str) -> None:
    with Runtime(inspector=InspectorConfig(port=0)) as rt:
        endpoints = rt.inspector_endpoints()
        assert endpoints is not None
        # Nobody debugs yet.
        assert rt.eval("debugger; 42") == 42
        page = f"{chromium}/json/new?{endpoints.devtools_frontend_url}"
        with urllib.request.urlopen(urllib.request.Request(page, method="PUT"), timeout=20) as opened:
            tab = json.load(opened)["id"]

        def pauses() -> bool:
            # Only a debugger that is enabled stops here; nobody resumes.
            try:
                rt.eval("debugger; 42", timeout=0.5)
            except JavaScriptTimeout:
                return True
            return False

        wait_until(pauses, 30)
        with urllib.request.urlopen(f"{chromium}/json/close/{tab}", timeout=20):
            pass
        wait_until(lambda: not pauses(), 30)
        assert rt.eval("6 * 7") == 42
