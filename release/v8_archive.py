"""Which V8 archive a build links: the tree's where it fits the machine, else the published one for that machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASES = "https://github.com/denoland/rusty_v8/releases/download"


def host() -> str:
    """The machine that Rust compiles for when it is not told otherwise.

    Raises:
        OSError: there is no `rustc`.
    """
    said = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("host:"))


def version(root: Path = ROOT) -> str:
    """The version of the crate `v8` in Cargo.lock."""
    found = re.search(r'^name = "v8"\nversion = "([^"]+)"', (root / "Cargo.lock").read_text(encoding="utf-8"), re.M)
    assert found, "Cargo.lock names no crate v8"
    return found.group(1)


def name(target: str) -> str:
    """What the archive for a target is called."""
    return f"librusty_v8_simdutf_release_{target}.a.gz"


def vendored(target: str, root: Path = ROOT) -> Path | None:
    """The archive in the tree for a target; None where there is none."""
    path = root / "third_party/v8" / name(target)
    return path if path.exists() else None


def download(target: str, root: Path = ROOT) -> str:
    """Where the crate `v8` would download the archive for a target."""
    return f"{RELEASES}/v{version(root)}/{name(target)}"


def variables(target: str, given: dict[str, str], root: Path = ROOT) -> dict[str, str]:
    """What to add to the environment of a build, so that it links V8 for `target`.

    `.cargo/config.toml` names the archive in the tree, which cargo can't make depend on the target.

    Args:
        target: as Rust names it.
        given: the environment of the caller, whose own choice stays.
        root: of the tree.
    """
    if "RUSTY_V8_ARCHIVE" in given:
        return {}
    if mirror := given.get("RUSTY_V8_MIRROR"):
        return {"RUSTY_V8_ARCHIVE": f"{mirror}/v{version(root)}/{name(target)}"}
    path = vendored(target, root)
    return {"RUSTY_V8_ARCHIVE": str(path) if path else download(target, root)}


def advice(target: str, root: Path = ROOT) -> str:
    """What to do after a build that could not get V8."""
    return (
        f"jsrun: if V8 for {target} could not be downloaded, get {name(target)} of version {version(root)} "
        f"in another way, from {download(target, root)} for instance, and set RUSTY_V8_ARCHIVE to its path. "
        "V8_FROM_SOURCE=1 makes the crate v8 compile it instead, from a checkout of its repository."
    )
