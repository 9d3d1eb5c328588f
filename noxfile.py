"""The one front door: what a developer, the README and CI run. Tools come from pyproject's dependency groups."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

sys.path.append(str(Path(__file__).parent / "release"))
import v8_archive

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


def cargo(session: nox.Session, *words: str) -> None:
    """Run cargo, told which V8 archive is for this machine."""
    session.run("cargo", *words, env=v8_archive.variables(v8_archive.host(), dict(os.environ)), external=True)


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
    """Run the engine's tests, which need no Python, and model-check how it wakes those who wait."""
    cargo(session, "test", "--release", "--locked", "-p", "jsrun-archive", "-p", "jsrun-core")
    loom(session)


def python_tests(session: nox.Session) -> None:
    """Run pytest against the installed wheel, away from the package's sources."""
    install_checkout(session, "cli", "examples", "playground")
    session.install(*group("test"))
    # The console script, and safe paths in child processes: the tests see the installed wheel, not the sources.
    # Files in parallel, so that one waits while another works; bounds are wider for it. `-- -n 0` runs them one by one.
    session.env.update(PYTHONSAFEPATH="1", JSRUN_TEST_SLOWNESS="2")
    session.run("pytest", "-n", "auto", "--maxprocesses=4", "--dist=loadfile", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting and lints, Rust and Python, and whether the list of third parties is complete."""
    session.install(*group("lint"))
    cargo(session, "fmt", "--all", "--check")
    cargo(session, "clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings")
    for crate in ("loom", "fuzz"):
        session.run("cargo", "fmt", "--check", "--manifest-path", f"rust/{crate}/Cargo.toml", external=True)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "release/licenses.py", "--check")


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
    """Build the wheel into dist/, check it, and run it where nothing else is installed; on Linux also under strace."""
    session.install(*group("dist"))
    session.run("python", "release/distribution.py", "wheel", *session.posargs)


@nox.session(default=False)
def sdist(session: nox.Session) -> None:
    """Build the sdist into dist/, and a clean environment's jsrun from it."""
    session.install(*group("dist"))
    session.run("python", "release/distribution.py", "sdist", *session.posargs)


@nox.session(default=False)
def v8(session: nox.Session) -> None:
    """Build the V8 archive from published packages, 45 minutes on two cores; arguments go to the recipe."""
    session.run("python", "third_party/v8/build/recipe.py", *session.posargs)


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


@nox.session(default=False)
def loom(session: nox.Session) -> None:
    """Model-check the completion protocol; needs no V8."""
    session.run(
        *("cargo", "test", "--release", "--locked", "--manifest-path", "rust/loom/Cargo.toml"),
        *("--target-dir", "target/loom"),
        external=True,
    )


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Every decoder under libFuzzer: `-- SECONDS [TARGET...]`, 60 seconds each unless said."""
    seconds, *chosen = session.posargs or ["60"]
    session.chdir("rust/fuzz")
    for target in chosen or sorted(path.stem for path in Path("targets").glob("*.rs")):
        corpus = ROOT / "target" / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        session.run(
            *("cargo", "run", "--release", "--locked", "--target-dir", "../../target/fuzz", "--bin", target, "--"),
            *(
                f"-max_total_time={seconds}",
                "-timeout=10",
                "-max_len=4096",
                f"-artifact_prefix={corpus.parent}/{target}-",
            ),
            *(str(corpus), f"seeds/{target}"),
            external=True,
        )


@nox.session(default=False)
def valgrind(session: nox.Session) -> None:
    """The core's tests under Valgrind, then memory that both sides see, after a bug on purpose. Tests as arguments."""
    install_checkout(session)
    session.install(*group("test"))
    session.env.update(PYTHONSAFEPATH="1", PYTHONMALLOC="malloc", JSRUN_TEST_SLOWNESS="100")
    memcheck = [
        *("valgrind", "--quiet", "--smc-check=all", "--fair-sched=yes", "--undef-value-errors=no"),
        *(f"--suppressions={ROOT / 'tests/valgrind/known.supp'}", "--error-exitcode=99"),
    ]
    # Cargo starts each test program with it.
    session.env[f"CARGO_TARGET_{v8_archive.host().upper().replace('-', '_')}_RUNNER"] = " ".join(memcheck)
    cargo(session, "test", "--release", "--locked", "-p", "jsrun-core")
    run = [*memcheck, str(Path(session.bin) / "python")]
    session.run(*run, "tests/valgrind/planted.py", success_codes=[99], external=True)
    pytest = ["-m", "pytest", "--timeout=0", "-o", "faulthandler_timeout=0"]
    session.run(*run, *pytest, *(session.posargs or ["tests/test_buffers.py"]), external=True)


@nox.session(default=False)
def races(session: nox.Session) -> None:
    """Races and hostile values in numbers that the ordinary tests have no time for."""
    install_checkout(session)
    session.install(*group("test"))
    session.env.update(PYTHONSAFEPATH="1", JSRUN_STREAM_RACES="100000", JSRUN_HOSTILE_EXAMPLES="20000")
    long = ["--timeout=0", "-o", "faulthandler_timeout=0"]
    session.run("pytest", *long, "tests/test_stream_faults.py", "-k", "race and last_chunk", *session.posargs)
    session.run("pytest", *long, "tests/hostile/test_08_generated.py", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Thousands of runtimes in turn and at once, then each exit program 200 times; arguments go to the first."""
    install_checkout(session, "cli")
    session.install(*group("soak"))
    session.run("python", "benchmarks/soak/run.py", "--limit", *session.posargs)
    session.run("python", "benchmarks/soak/exits.py")


@nox.session(default=False)
def schedules(session: nox.Session) -> None:
    """Many random schedules; `-- --hypothesis-seed=N` plays the same ones again."""
    install_checkout(session)
    session.install(*group("test"))
    session.run("pytest", "tests/test_schedules.py", "--hypothesis-profile=schedules", *session.posargs)


@nox.session(default=False)
def hostile(session: nox.Session) -> None:
    """All hostile inputs on every tier: in threads, in child processes, in confined child processes. Ten minutes."""
    install_checkout(session, "cli", "examples")
    session.install(*group("test"))
    session.env["PYTHONSAFEPATH"] = "1"
    for tier in ("thread", "process", "confined"):
        session.run("pytest", "tests/hostile", "--isolation", tier, "--timeout", "300", *session.posargs)
