"""Builds the wheel or the sdist from a copy of the tree, and runs programs with it where nothing else is installed."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from pathlib import Path

import v8_archive

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("release/program.py", "examples/callbacks.py", "examples/sandbox.py", "examples/threads.py")
"""What is run in the clean environment; none of them needs another package."""

NEEDED = (
    "Cargo.lock",
    ".cargo/config.toml",
    "release/backend.py",
    "rust/core/build.rs",
    "rust/core/src/web/bootstrap.js",
    "LICENSE",
)
V8 = f"third_party/v8/{v8_archive.name('x86_64-unknown-linux-gnu')}"
UNWANTED = ("tests", "benchmarks", "examples", "docs", ".ci", ".github")


def run(*command: str | Path, at: Path | None = None, **environment: str) -> None:
    """Run a command; an exit code other than 0 ends this program with it."""
    done = subprocess.run(list(map(str, command)), cwd=at, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} {' '.join(map(str, command[1:4]))} ... ended with {done.returncode}")


def copy(folder: Path) -> None:
    """Copy the files that git has or would take, as they are now."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def build(kind: str, source: Path, dist: Path) -> Path:
    """Build in an isolated environment, as pyproject.toml says; return the file.

    Args:
        kind: `wheel` or `sdist`.
        source: tree to build.
        dist: folder for the result.
    """
    given = dict(os.environ)
    # The same archive under the same name, or cargo would compile everything above V8 again.
    variables = {"CARGO_TARGET_DIR": str(ROOT / "target"), **v8_archive.variables(v8_archive.host(), given), **given}
    variables["MATURIN_PEP517_ARGS"] = "--compatibility pypi"
    run(sys.executable, "-m", "build", f"--{kind}", "--outdir", dist, source, at=None, **variables)
    return next(dist.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def sdist_faults(path: Path) -> list[str]:
    """What is missing in an sdist, and what has no business in it."""
    with tarfile.open(path) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]
        top = archive.getnames()[0].split("/")[0]
        packed = archive.extractfile(f"{top}/{V8}") if V8 in names else None
        same = packed is not None and packed.read() == (ROOT / V8).read_bytes()
    wrong = [f"{name} is missing" for name in NEEDED if name not in names]
    wrong += [] if same else [f"{V8} is not the one in the tree"]
    return wrong + [f"{name} is for developers" for name in names if name.split("/")[0] in UNWANTED]


def try_out(result: Path) -> None:
    """Install a wheel or an sdist in a new environment, and run programs from another folder."""
    with tempfile.TemporaryDirectory(prefix="clean-") as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=True)
        programs = folder / ("env/Scripts" if os.name == "nt" else "env/bin")
        index = ["--no-index"] if result.suffix == ".whl" else []
        began = time.monotonic()
        # A clean one compiles everything anew, as for somebody who has only the sdist, unless the caller names another.
        target = os.environ.get("CARGO_TARGET_DIR", str(folder / "target"))
        install = [programs / "python", "-m", "pip", "install", "-q", *index, result]
        run(*install, at=folder, CARGO_TARGET_DIR=target)
        print(f"installed {result.name} in {time.monotonic() - began:.0f} s", flush=True)
        run(programs / "python", "-m", "pip", "list", "--format=freeze", at=folder)
        (folder / "elsewhere").mkdir()
        for program in PROGRAMS:
            shutil.copy(ROOT / program, folder / "elsewhere")
            run(programs / "python", "-I", "-W", "error", Path(program).name, at=folder / "elsewhere")
        run(programs / "jsrun", "-c", "console.log([1, 2, 3].map((n) => n * 2))", at=folder / "elsewhere")


def main() -> int:
    """Build, check, try out; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["wheel", "sdist"])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder for the result; emptied of its kind")
    options = parser.parse_args()
    options.dist.mkdir(exist_ok=True)
    for old in options.dist.glob("*.whl" if options.kind == "wheel" else "*.tar.gz"):
        old.unlink()
    source = Path(tempfile.mkdtemp(prefix="jsrun-source-"))
    try:
        copy(source)
        began = time.monotonic()
        result = build(options.kind, source, options.dist.resolve())
        print(
            f"built {result.name}, {result.stat().st_size / 1e6:.1f} MB, in {time.monotonic() - began:.0f} s",
            flush=True,
        )
        if options.kind == "wheel":
            run(sys.executable, ROOT / "release/wheel_contents.py", result, "--source", source)
            run(sys.executable, "-m", "abi3audit", "--strict", "--summary", result)
        else:
            wrong = sdist_faults(result)
            if wrong:
                raise SystemExit(f"{result.name}: {'; '.join(wrong)}")
    finally:
        shutil.rmtree(source)
    # From here on the tree that was built is gone.
    try_out(result)
    if options.kind == "wheel" and sys.platform == "linux":
        run(sys.executable, ROOT / "release/alone.py", result, "--forbid", source, "--forbid", ROOT / "target")
    return 0


if __name__ == "__main__":
    sys.exit(main())
