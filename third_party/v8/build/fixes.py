"""What has to be different from the published sources so that Debian's clang and the Rust at hand compile them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Flag:
    """A compiler flag that clang 22 does not know, and the file that sets it."""

    file: str
    flag: str
    times: int


FLAGS = (
    Flag("build/config/compiler/BUILD.gn", "-fdiagnostics-show-inlining-chain", 1),
    Flag("build/config/compiler/BUILD.gn", "-fno-lifetime-dse", 1),
    Flag("build/config/sanitizers/sanitizers.gni", "-fsanitize-ignore-for-ubsan-feature=${invoker.sanitizer}", 1),
)
"""The template in the last file makes one flag for each of two sanitizers."""


def without(text: str, flag: Flag) -> str:
    """The text of a build file without a flag, whether it stands alone in its list or on a line among others.

    Raises:
        ValueError: the flag is not there as often as it was in the version this was written for.
    """
    quoted = re.escape(f'"{flag.flag}"')
    left, alone = re.subn(rf"(?m)^\s*\w+ \+= \[ {quoted} \]\n", "", text)
    left, among = re.subn(rf"(?m)^\s*{quoted},\n", "", left)
    if alone + among != flag.times:
        raise ValueError(f"{flag.file} sets {flag.flag} {alone + among} times, not {flag.times}: look at it by hand")
    # An `if` that only added the flag would be an empty block, which GN takes.
    return left


def edit(tree: Path, flags: Iterable[Flag] = FLAGS) -> list[str]:
    """Take the flags out of a source tree; return what was done. A second time does nothing."""
    done = []
    for flag in flags:
        path = tree / flag.file
        text = path.read_text(encoding="utf-8")
        if f'"{flag.flag}"' in text:
            path.write_text(without(text, flag), encoding="utf-8")
            done.append(f"{flag.file}: {flag.flag}")
    return done


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, whatever it was.

    Raises:
        FileNotFoundError: there is nothing at `target`.
    """
    if not target.exists():
        raise FileNotFoundError(f"{target} is missing; {path} was to point at it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def clang_folder(folder: Path, llvm: Path, version: str) -> None:
    """A folder that looks like Chromium's clang, of links into Debian's.

    Args:
        folder: to make.
        llvm: Debian's folder of that version.
        version: clang's major version.
    """
    link(folder / "bin", llvm / "bin")
    resources, own = llvm / "lib/clang" / version, folder / "lib/clang" / version
    link(own / "include", resources / "include")
    link(own / "lib/linux", resources / "lib/linux")
    builtins = resources / "lib/linux/libclang_rt.builtins-x86_64.a"
    link(own / "lib/x86_64-unknown-linux-gnu/libclang_rt.builtins.a", builtins)


def rust_folder(tree: Path, sysroot: Path) -> None:
    """The Rust toolchain where build files name its programs, in place of the version the crate pins."""
    for part in ("bin", "lib"):
        link(tree / "third_party/rust-toolchain" / part, sysroot / part)
    (tree / "rust-toolchain.toml").unlink(missing_ok=True)
