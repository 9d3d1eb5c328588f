"""The one front door: what a developer, the README and CI run. Tools come from pyproject's dependency groups."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")
PEERS = {"pypi-jsrun": "jsrun==0.3.0", "mini-racer": "mini-racer==0.14.1"}


def group(name: str) -> list[str]:
    """Requirements of one dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install_checkout(session: nox.Session, *extras: str) -> None:
    """Build the checkout's release wheel and install it, with extras."""
    target = f".[{','.join(extras)}]" if extras else "."
    # pip works on a copy of the tree: one target folder keeps what was compiled.
    session.env.setdefault("CARGO_TARGET_DIR", os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")))
    session.install(target)


@nox.session
def demo(session: nox.Session) -> None:
    """Build, install, and run the main job: published npm libraries behind one runtime."""
    install_checkout(session, "examples")
    session.run("python", "examples/npm_libraries.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests: Rust without Python, then Python."""
    rust_tests(session)
    python_tests(session)


@nox.session
def rust(session: nox.Session) -> None:
    """The Rust tests alone."""
    rust_tests(session)


@nox.session
def python(session: nox.Session) -> None:
    """The Python tests alone; arguments go to pytest."""
    python_tests(session)


def rust_tests(session: nox.Session) -> None:
    """Run the engine's tests, which need no Python."""
    session.run("cargo", "test", "--release", "--locked", "-p", "jsrun-core", external=True)


def python_tests(session: nox.Session) -> None:
    """Run pytest against the installed wheel, away from the package's sources."""
    install_checkout(session, "cli", "examples", "playground")
    session.install(*group("test"))
    # The console script, and safe paths in child processes: the tests see the installed wheel, not the sources.
    session.env["PYTHONSAFEPATH"] = "1"
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting and lints, Rust and Python."""
    session.install(*group("lint"))
    session.run("cargo", "fmt", "--all", "--check", external=True)
    session.run(
        "cargo",
        "clippy",
        "--release",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
        external=True,
    )
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Strict types, and the native module against its stub."""
    install_checkout(session, "cli", "examples", "playground")
    session.install(*group("lint"), *group("test"))
    session.run("mypy")
    session.run("stubtest", "jsrun._jsrun")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Micro benchmarks of the checkout."""
    install_checkout(session)
    session.install(*group("bench"))
    session.run("pytest", "benchmarks/micro", "--benchmark-group-by=group", *session.posargs)


@nox.session(default=False)
def peers(session: nox.Session) -> None:
    """The same cases beside mini-racer and the jsrun wheel on PyPI, each in its own environment."""
    install_checkout(session)
    arguments = ["--env", f"jsrun={session.bin}/python"]
    for name, requirement in PEERS.items():
        home = Path(session.create_tmp()) / name
        session.run("python", "-m", "venv", str(home))
        session.run(str(home / "bin" / "python"), "-m", "pip", "install", "-q", requirement, external=True)
        arguments += ["--env", f"{name}={home}/bin/python"]
    session.run("python", "benchmarks/peers/run.py", *arguments, *session.posargs)


@nox.session(default=False)
def apps(session: nox.Session) -> None:
    """The web-handler example under load; needs wrk."""
    install_checkout(session, "examples")
    session.run("python", "benchmarks/apps/run.py", *session.posargs)


@nox.session(default=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel into dist/."""
    session.install("build")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.env.setdefault("CARGO_TARGET_DIR", str(ROOT / "target"))
    session.run("python", "-m", "build", "--wheel", "--outdir", "dist", ".")


@nox.session(default=False)
def wpt(session: nox.Session) -> None:
    """web-platform-tests without a page, from a source package of Debian's; `-- --update` keeps the results."""
    install_checkout(session)
    session.run("python", "tests/wpt/run.py", *session.posargs)


@nox.session(default=False)
def snapshots(session: nox.Session) -> None:
    """Three libraries from a snapshot, against evaluating them; needs npm."""
    install_checkout(session)
    session.run("python", "benchmarks/snapshots/run.py", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The documentation site into site/, with warnings as errors; `-- --serve` shows it and follows changes."""
    session.install(*group("docs"))
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    if "--serve" in session.posargs:
        session.run("mkdocs", "serve", *[word for word in session.posargs if word != "--serve"])
    else:
        session.run("mkdocs", "build", "--strict", *session.posargs)
