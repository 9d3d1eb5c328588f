"""Precompiled headers: which headers, for which targets, made with which of a target's own flags."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

HEADERS: dict[str, tuple[str, ...]] = {
    "v8_base_without_compiler": (
        "src/api/api-inl.h",
        "src/execution/isolate-inl.h",
        "src/handles/handles-inl.h",
        "src/heap/heap-inl.h",
        "src/objects/objects-inl.h",
    ),
    "v8_compiler": (
        "src/compiler/js-heap-broker.h",
        "src/compiler/node-matchers.h",
        "src/compiler/turboshaft/assembler.h",
        "src/objects/objects-inl.h",
    ),
    "v8_initializers": ("src/builtins/builtins-utils-gen.h", "src/codegen/code-stub-assembler-inl.h"),
    "torque_generated_initializers": ("src/builtins/builtins-utils-gen.h", "src/codegen/code-stub-assembler-inl.h"),
}
"""What nearly every file of these targets includes; parsing it again for each file is most of the compile time."""


def inputs(target: str) -> str:
    """Ninja's name for what has to be there before a file of the target compiles."""
    return f"phony/v8/{target}.inputdeps"


def flags_of(compilations: str, target: str) -> list[str]:
    """A compile command of the target without what belongs to one file.

    Args:
        compilations: what `ninja -t compdb` prints.
        target: the target's name.

    Raises:
        LookupError: no file of that target is in there.
    """
    for entry in json.loads(compilations):
        output = Path(entry["output"])
        if output.parts[0] == "obj" and output.parent.name == target and output.suffix == ".o":
            return shared(shlex.split(entry["command"]))
    raise LookupError(f"Ninja has no object file of {target}")


def shared(command: list[str]) -> list[str]:
    """The flags of a command that hold for every file of its target, with the compiler first."""
    start = next(number for number, word in enumerate(command) if word.endswith("clang++"))
    kept, words = [], iter(command[start:])
    for word in words:
        if word in {"-c", "-o", "-MF", "-MT"}:
            next(words)
        elif word not in {"-MMD", "-MD"} and not word.startswith("-fmodule-name"):
            kept.append(word)
    return kept


def command(flags: list[str], source: Path, result: Path) -> list[str]:
    """The command that makes one precompiled header.

    Args:
        flags: of the target.
        source: the header that includes the others.
        result: file to make.
    """
    return [*flags, "-fpch-instantiate-templates", "-x", "c++-header", str(source), "-o", str(result)]


def source(names: tuple[str, ...]) -> str:
    """The header that is precompiled."""
    return "".join(f'#include "{name}"\n' for name in names)
