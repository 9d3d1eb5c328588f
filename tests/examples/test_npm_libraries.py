"""The npm demo: real libraries from the npm client, and each way in which fetching them can fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]

TARBALLS = ["handlebars-4.7.10.tgz", "marked-18.2.1.tgz", "z-schema-12.5.0.tgz"]
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed; it comes with Node.js")


@pytest.fixture(scope="module")
def first_run(run_example: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Run the demo once with an empty cache; return the cache and what was printed."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, run_example("npm_libraries.py", XDG_CACHE_HOME=str(cache))


def fake_npm(directory: Path, body: str) -> str:
    """Put a program named npm into `directory`; return the PATH that finds nothing else."""
    directory.mkdir()
    program = directory / "npm"
    program.write_text(f"#!{sys.executable}\nimport sys, pathlib\n{body}")
    program.chmod(0o755)
    return str(directory)


def assert_failed(done: Done, error: str, advice: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert f"{error}: " in done.stderr
    assert advice in done.stderr


def cached(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("jsrun-examples/*"))


@needs_npm
def test_fetches_renders_and_reports(first_run: tuple[Path, Done]) -> None:
    cache, done = first_run
    assert done.returncode == 0, done.stderr
    for package in ("marked@18.2.1", "handlebars@4.7.10", "z-schema@12.5.0"):
        assert f"{package} ready" in done.stderr
        assert package in done.stdout
    assert '<article id="creme-brulee-other-notes-no-1">' in done.stdout
    assert "<li>number <strong>1</strong></li>" in done.stdout
    assert "200 pages: 192 rendered, 8 rejected" in done.stdout
    assert "192 calls of a Python function" in done.stdout
    at_once = re.search(r"192 calls, (\d+) at a time", done.stdout)
    assert at_once is not None
    assert int(at_once[1]) > 50
    assert "nobody known (KeyError)" in done.stdout
    assert "#/published Object didn't pass validation for format date" in done.stdout
    assert cached(cache) == TARBALLS


@needs_npm
def test_second_run_needs_neither_npm_nor_network(
    first_run: tuple[Path, Done], run_example: Run, tmp_path: Path
) -> None:
    cache, _ = first_run
    again = run_example("npm_libraries.py", "--pages=3", XDG_CACHE_HOME=str(cache), PATH=str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert "3 pages: 3 rendered, 0 rejected" in again.stdout
    assert again.stdout.count("cache") == 3


@needs_npm
def test_damaged_cache_is_refused_offline_and_mended_online(
    first_run: tuple[Path, Done], run_example: Run, tmp_path: Path
) -> None:
    cache, _ = first_run
    copy = tmp_path / "cache"
    shutil.copytree(cache, copy)
    damaged = copy / "jsrun-examples" / "marked-18.2.1.tgz"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    refused = run_example("npm_libraries.py", "--offline", XDG_CACHE_HOME=str(copy))
    assert_failed(refused, "ChecksumMismatch", str(damaged))
    mended = run_example("npm_libraries.py", "--pages=1", XDG_CACHE_HOME=str(copy))
    assert mended.returncode == 0, mended.stderr
    assert damaged.read_bytes() == (cache / "jsrun-examples" / damaged.name).read_bytes()


def test_downloaded_bytes_that_are_not_the_pinned_ones(run_example: Run, tmp_path: Path) -> None:
    path = fake_npm(tmp_path / "bin", "pathlib.Path(sys.argv[-1], 'other.tgz').write_bytes(b'not what was pinned')")
    done = run_example("npm_libraries.py", XDG_CACHE_HOME=str(tmp_path), PATH=path)
    assert_failed(done, "ChecksumMismatch", "None of it was run")
    assert cached(tmp_path) == []


def test_offline_without_cache(run_example: Run, tmp_path: Path) -> None:
    done = run_example("npm_libraries.py", "--offline", XDG_CACHE_HOME=str(tmp_path))
    assert_failed(done, "NotCached", "Run this once without --offline")


def test_npm_without_network(run_example: Run, tmp_path: Path) -> None:
    path = fake_npm(tmp_path / "bin", """print('{"error": {"summary": "getaddrinfo ENOTFOUND"}}'); sys.exit(1)""")
    done = run_example("npm_libraries.py", XDG_CACHE_HOME=str(tmp_path), PATH=path)
    assert_failed(done, "DownloadFailed", "getaddrinfo ENOTFOUND. Check the network")


def test_npm_that_says_nothing(run_example: Run, tmp_path: Path) -> None:
    path = fake_npm(tmp_path / "bin", "sys.exit(3)")
    done = run_example("npm_libraries.py", XDG_CACHE_HOME=str(tmp_path), PATH=path)
    assert_failed(done, "DownloadFailed", "gave no reason")


def test_no_npm_at_all(run_example: Run, tmp_path: Path) -> None:
    done = run_example("npm_libraries.py", XDG_CACHE_HOME=str(tmp_path), PATH=str(tmp_path))
    assert_failed(done, "NpmNotInstalled", "Install Node.js with npm")


@needs_npm
def test_cache_that_cannot_be_written(first_run: tuple[Path, Done], run_example: Run, tmp_path: Path) -> None:
    cache, _ = first_run
    body = f"""
name = sys.argv[2].replace('@', '-') + '.tgz'
tarball = pathlib.Path({str(cache)!r}, 'jsrun-examples', name)
pathlib.Path(sys.argv[-1], name).write_bytes(tarball.read_bytes())
"""
    path = fake_npm(tmp_path / "bin", body)
    file = tmp_path / "file"
    file.touch()
    done = run_example("npm_libraries.py", XDG_CACHE_HOME=str(file), PATH=path)
    assert_failed(done, "CacheUnusable", "set XDG_CACHE_HOME")


@pytest.mark.parametrize("pages", ["0", "-1", "many"])
def test_bad_page_count(run_example: Run, pages: str) -> None:
    done = run_example("npm_libraries.py", f"--pages={pages}")
    assert done.returncode == 2
    assert "argument --pages" in done.stderr
