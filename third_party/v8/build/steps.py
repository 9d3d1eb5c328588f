"""Does the steps: each is a function of one job, may run again, and leaves its result below the job's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import arguments
import crates
import fixes
import headers
import plan
import result

LLVM = Path(f"/usr/lib/llvm-{plan.CLANG}")


class Stopped(Exception):
    """A step cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Job:
    """Where a step works, where the recipe's own files are, and how many compilers run at once."""

    place: plan.Place
    here: Path
    jobs: int
    update: bool = False


def texts(here: Path) -> dict[str, str]:
    """For each step, the text that makes it another step when it changes."""
    read = {name: (here / name).read_text(encoding="utf-8") for name in ("tools.txt", "crates/Cargo.lock", "fixes.py")}
    return {
        "tools": f"{read['tools.txt']} {plan.BINDGEN} {plan.DEBIAN}",
        "fetch": read["crates/Cargo.lock"],
        "fixes": read["fixes.py"],
        "generate": arguments.text(arguments.FEATURES),
        "headers": repr(headers.HEADERS),
    }


def run(*command: str | Path, at: Path | None = None, **environment: str) -> None:
    """Run a command and show what it prints.

    Raises:
        Stopped: it failed, or there is no such program.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=at, env={**os.environ, **environment}, check=False)
    except FileNotFoundError:
        raise Stopped(f"there is no program {words[0]}") from None
    if done.returncode:
        raise Stopped(
            f"{' '.join(words[:6])} ... failed with {done.returncode}; run the recipe again to go on from here"
        )


def said(*command: str | Path, at: Path | None = None) -> str:
    """What a command prints.

    Raises:
        Stopped: it failed, or there is no such program.
    """
    try:
        return subprocess.run(
            list(map(str, command)), cwd=at, check=True, capture_output=True, text=True
        ).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise Stopped(f"{command[0]}: {error}") from None


def tools(job: Job) -> None:
    """Look for the compilers; install the rest."""
    place = job.place
    needed = [LLVM / "bin/clang++", LLVM / "bin/ld.lld", LLVM / "bin/llvm-nm", LLVM / "lib/libclang.so"]
    missing = [str(path) for path in needed if not path.exists()]
    if missing or not shutil.which("pkg-config"):
        raise Stopped(f"install {' '.join(plan.DEBIAN)} with apt-get; missing: {', '.join(missing) or 'pkg-config'}")
    venv.create(place.venv, with_pip=True, clear=True)
    run(place.venv / "bin/pip", "install", "-q", "--no-deps", "--require-hashes", "-r", job.here / "tools.txt")
    version = ["--version", f"={plan.BINDGEN}"]
    run("cargo", "install", "-q", "bindgen-cli", *version, "--locked", "--root", place.cargo)
    fixes.link(place.cargo / "bin/rustfmt", Path(said("rustc", "--print", "sysroot")) / "bin/rustfmt")
    fixes.link(place.cargo / "lib/libclang.so", LLVM / "lib/libclang.so")


def fetch(job: Job) -> None:
    """Unpack the crates that the lock file names; cargo checks their checksums."""
    manifest = job.place.work / "manifest"
    shutil.rmtree(manifest, ignore_errors=True)
    shutil.copytree(job.here / "crates", manifest)
    (manifest / "none.rs").touch()
    shutil.rmtree(job.place.crates, ignore_errors=True)
    run("cargo", "vendor", "-q", "--locked", "--versioned-dirs", job.place.crates, at=manifest)


def sources(job: Job) -> None:
    """Lay out the tree, and see that the lock file has every crate that its BUILD.gn files name."""
    place, tree = job.place, job.place.tree
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(place.crates / f"v8-{plan.V8}", tree)
    wanted = crates.wanted(tree)
    text = crates.manifest(wanted, plan.V8, plan.ICU_DATA)
    if job.update:
        (job.here / "crates/Cargo.toml").write_text(text, encoding="utf-8")
    elif (job.here / "crates/Cargo.toml").read_text(encoding="utf-8") != text:
        raise Stopped("crates/Cargo.toml does not ask for what V8's BUILD.gn files name; run again with --update")
    data = tree / "third_party/icu/common"
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(place.crates / f"deno_core_icudata-{plan.ICU_DATA}/src/icudtl.dat", data / "icudtl.dat")
    for crate in wanted:
        shutil.copytree(place.crates / f"{crate.name}-{crate.version}", tree / crates.VENDOR / crate.folder)
    print(f"   {len(wanted)} Rust crates in place")


def edit(job: Job) -> None:
    """Take flags out, and put the compilers where the build looks."""
    for line in fixes.edit(job.place.tree):
        print(f"   left out: {line}")
    fixes.clang_folder(job.place.clang, LLVM, plan.CLANG)
    fixes.rust_folder(job.place.tree, Path(said("rustc", "--print", "sysroot")))


def generate(job: Job) -> None:
    """Write args.gn and have GN write Ninja's files."""
    place = job.place
    where = arguments.tools(
        clang=place.clang,
        version=plan.CLANG,
        sysroot=Path(said("rustc", "--print", "sysroot")),
        bindgen=place.cargo,
        rustc=said("rustc", "--version").split()[1],
        wrapper=f"{sys.executable} -S {job.here / 'compiler.py'} {place.headers}",
    )
    place.out.mkdir(parents=True, exist_ok=True)
    text = arguments.text(arguments.FEATURES) + arguments.text(where)
    (place.out / "args.gn").write_text(text, encoding="utf-8")
    run(place.venv / "bin/gn", "gen", place.out, f"--root={place.tree}", f"--script-executable={sys.executable}")


def ninja(job: Job, *targets: str) -> None:
    """Compile."""
    program = job.place.venv / "bin/ninja"
    run(program, "-C", job.place.out, f"-j{job.jobs}", *targets, RUSTC_BOOTSTRAP="1")


def precompile(job: Job) -> None:
    """Make the headers that are generated, then one precompiled header for each of the big targets."""
    ninja(job, *map(headers.inputs, headers.HEADERS))
    for target, names in headers.HEADERS.items():
        precompile_one(job, target, names)


def precompile_one(job: Job, target: str, names: tuple[str, ...]) -> Path:
    """Precompile headers with the flags of a target; return the file."""
    place = job.place
    place.headers.mkdir(parents=True, exist_ok=True)
    source, done = place.headers / f"{target}.h", place.headers / f"{target}.pch"
    source.write_text(headers.source(names), encoding="utf-8")
    flags = headers.flags_of(said(place.venv / "bin/ninja", "-C", place.out, "-t", "compdb"), target)
    part = done.with_suffix(".part")
    run(*headers.command(flags, source, part), at=place.out)
    part.replace(done)
    print(f"   {target}: {done.stat().st_size / 1e6:.0f} MB")
    return done


def build(job: Job) -> None:
    """Compile everything."""
    ninja(job, "rusty_v8")


def pack(job: Job) -> None:
    """Strip the library and pack it as the committed one was packed."""
    library = job.place.work / "librusty_v8.a"
    run(LLVM / "bin/llvm-strip", "--strip-debug", "-o", library, job.place.out / "obj/librusty_v8.a")
    with job.place.archive.open("wb") as file:
        done = subprocess.run(["gzip", "-9", "-n", "-c", str(library)], stdout=file, check=False)
    if done.returncode:
        raise Stopped("gzip failed")
    print(f"   {job.place.archive}")


def compare(job: Job) -> None:
    """Say whether the result is the committed archive, and if not, how it differs."""
    found = result.checksum(job.place.archive)
    print(f"   committed: {plan.SHA256}\n   built:     {found}")
    if found == plan.SHA256:
        print("   the same file, byte for byte")
        return
    print("   NOT the same file. Compared:")
    work, committed = job.place.work, job.here.parent / plan.ARCHIVE
    both = [
        result.contents(path, work / name, LLVM / "bin")
        for path, name in ((committed, "old.a"), (job.place.archive, "new.a"))
    ]
    for line in result.report(*both):
        print(f"   {line}")


DO: dict[str, Callable[[Job], None]] = {
    "tools": tools,
    "fetch": fetch,
    "sources": sources,
    "fixes": edit,
    "generate": generate,
    "headers": precompile,
    "compile": build,
    "pack": pack,
    "compare": compare,
}
