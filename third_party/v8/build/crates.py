"""Which crates V8's Rust part is made of: BUILD.gn files name each one's folder, version and dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOTS = ("temporal_capi", "cxx")
"""Folders under third_party/rust that V8 and its build configuration depend on."""

VENDOR = "third_party/rust/chromium_crates_io/vendor"

_NAME = re.compile(r'^\s*cargo_pkg_name = "([^"]+)"', re.M)
_VERSION = re.compile(r'^\s*cargo_pkg_version = "([^"]+)"', re.M)
_FOLDER = re.compile(r"//third_party/rust/chromium_crates_io/vendor/([^/\"]+)/")
_NEEDS = re.compile(r"//third_party/rust/([a-z0-9_]+)/v[0-9_]+\b")


@dataclass(frozen=True, order=True)
class Crate:
    """One crate in the exact version that a BUILD.gn file asks for."""

    name: str
    version: str
    folder: str


def parse(text: str) -> Crate | None:
    """The crate that a BUILD.gn file builds; None for one that only forwards.

    Args:
        text: what is in the file.

    Raises:
        ValueError: the file names a crate, but not its version or its folder.
    """
    name = _NAME.search(text)
    if name is None:
        return None
    version, folders = _VERSION.search(text), set(_FOLDER.findall(text))
    own = [folder for folder in folders if folder.rsplit("-v", 1)[0] == name.group(1)]
    if version is None or len(own) != 1:
        raise ValueError(f"no version or no folder of its own for {name.group(1)}: {sorted(folders)}")
    return Crate(name.group(1), version.group(1), own[0])


def needs(text: str) -> set[str]:
    """Folders under third_party/rust that a BUILD.gn file depends on."""
    return set(_NEEDS.findall(text))


def wanted(tree: Path, roots: Iterable[str] = ROOTS) -> list[Crate]:
    """Every crate that `roots` lead to, for any platform, sorted.

    Args:
        tree: the unpacked crate `v8`.
        roots: folders under third_party/rust to begin with.
    """
    found: set[Crate] = set()
    seen: set[str] = set()
    ahead = list(roots)
    while ahead:
        folder = ahead.pop()
        if folder in seen:
            continue
        seen.add(folder)
        files = sorted((tree / "third_party/rust" / folder).glob("v*/BUILD.gn"))
        if not files:
            raise ValueError(f"third_party/rust/{folder} has no BUILD.gn of a crate; the tree is incomplete")
        for file in files:
            text = file.read_text(encoding="utf-8")
            crate = parse(text)
            found |= {crate} if crate else set()
            ahead += needs(text) - seen
    return sorted(found)


def requirement(crate: Crate) -> str:
    """The line of a Cargo manifest that asks for exactly this crate, and for nothing it does not need."""
    key = f"{crate.name}-{crate.version.replace('.', '_').replace('+', '_')}"
    return f'"{key}" = {{ package = "{crate.name}", version = "={crate.version}", default-features = false }}'


def manifest(crates: Iterable[Crate], v8: str, icu_data: str) -> str:
    """The manifest that `cargo vendor` unpacks the sources from.

    Args:
        crates: what `wanted` found.
        v8: version of the crate `v8`.
        icu_data: version of the crate with ICU's data.
    """
    lines = [
        "# Written by recipe.py --update. Cargo.lock beside it holds the checksums.",
        "[package]",
        'name = "v8-sources"',
        'version = "0.0.0"',
        'edition = "2024"',
        "publish = false",
        "",
        "[lib]",
        'path = "none.rs"',
        "",
        "[workspace]",
        "",
        "[dependencies]",
        f'v8 = "={v8}"',
        f'deno_core_icudata = "={icu_data}"',
        *map(requirement, crates),
    ]
    return "\n".join(lines) + "\n"
