"""The steps from published packages to the archive: what each one does, where it works, what it takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

V8 = "150.4.0"
ICU_DATA = "0.77.0"
CLANG = "22"
BINDGEN = "0.73.2"
TARGET = "x86_64-unknown-linux-gnu"
ARCHIVE = f"librusty_v8_simdutf_release_{TARGET}.a.gz"
SHA256 = "f97d80a1dbc615357d1f99c51d4c76c58efe982d7ccbcdb584c825023e1dab24"

DEBIAN = (
    f"clang-{CLANG}",
    f"lld-{CLANG}",
    f"llvm-{CLANG}",
    f"libclang-{CLANG}-dev",
    f"libclang-rt-{CLANG}-dev",
    "pkg-config",
)
"""Debian's packages that must be installed; the recipe installs nothing outside its own folder."""


@dataclass(frozen=True)
class Step:
    """One step: its name, what it does in words, and about what it takes on two cores."""

    name: str
    does: str
    minutes: float
    gigabytes: float


STEPS = (
    Step(
        "tools",
        "GN and Ninja from PyPI by their hashes, bindgen from crates.io; looks for Debian's clang and lld",
        3,
        0.2,
    ),
    Step("fetch", "the crates that crates/Cargo.lock names, by their checksums, with cargo vendor", 1, 0.5),
    Step("sources", "one source tree: the crate v8, ICU's data, the Rust crates where BUILD.gn looks for them", 1, 0.4),
    Step("fixes", "compiler flags that clang does not know taken out; compiler and Rust put where GN looks", 0.1, 0.01),
    Step("generate", "GN writes Ninja's files", 0.5, 0.05),
    Step("headers", "what generates headers is compiled and run; one precompiled header per big target", 8, 0.9),
    Step("compile", "the Ninja target rusty_v8", 30, 1.5),
    Step("pack", "debug information stripped, packed with gzip -9 -n", 1, 0.2),
    Step("compare", "the checksum against the committed archive, and sizes and symbols where it differs", 0.5, 0.4),
)


@dataclass(frozen=True)
class Place:
    """Where the recipe works; everything it writes is below `work`."""

    work: Path

    @property
    def venv(self) -> Path:
        """GN and Ninja."""
        return self.work / "tools/venv"

    @property
    def cargo(self) -> Path:
        """bindgen, rustfmt and libclang as V8's build looks for them."""
        return self.work / "tools/bindgen"

    @property
    def clang(self) -> Path:
        """Debian's clang with its runtime library where V8's build looks for it."""
        return self.work / "tools/clang"

    @property
    def crates(self) -> Path:
        """What `cargo vendor` unpacks."""
        return self.work / "crates"

    @property
    def tree(self) -> Path:
        """The source tree."""
        return self.work / "v8"

    @property
    def out(self) -> Path:
        """Ninja's folder."""
        return self.tree / "out"

    @property
    def headers(self) -> Path:
        """Precompiled headers, one per target."""
        return self.work / "headers"

    @property
    def archive(self) -> Path:
        """The result."""
        return self.work / ARCHIVE

    def stamp(self, step: Step) -> Path:
        """The file that says a step is done."""
        return self.work / "done" / step.name


def until(name: str | None) -> Sequence[Step]:
    """The steps up to and with `name`; all of them for None.

    Raises:
        ValueError: no step has that name.
    """
    if name is None:
        return STEPS
    names = [step.name for step in STEPS]
    if name not in names:
        raise ValueError(f"no step {name!r}; steps are {', '.join(names)}")
    return STEPS[: names.index(name) + 1]


def fingerprints(texts: dict[str, str]) -> dict[str, str]:
    """What identifies each step's input, so that a changed recipe does the step and all after it again.

    Args:
        texts: for each step, the text it depends on (arguments, lists, edits).
    """
    found: dict[str, str] = {}
    before = ""
    for step in STEPS:
        before = hashlib.sha256(f"{before}\n{step.name}\n{texts.get(step.name, '')}".encode()).hexdigest()
        found[step.name] = before
    return found


def cost(steps: Sequence[Step]) -> str:
    """Time and disk of some steps, in words."""
    minutes, size = sum(step.minutes for step in steps), sum(step.gigabytes for step in steps)
    return f"about {minutes:.0f} minutes on two cores and {size:.1f} GB of disk"
