"""The compiler's wrapper: adds the precompiled header of a file's target, and goes without where that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def target_of(command: list[str]) -> str | None:
    """The Ninja target whose object file a command makes: the folder that the object file is in.

    Args:
        command: the compiler and its arguments.
    """
    if "-c" not in command or "-o" not in command[:-1]:
        return None
    result = Path(command[command.index("-o") + 1])
    # Objects of other toolchains are below a folder of their own, and their flags differ.
    return result.parent.name if result.suffix == ".o" and result.parts[0] == "obj" else None


def with_header(command: list[str], headers: Path) -> list[str] | None:
    """The command with its target's precompiled header; None where it has none or is not C++.

    Args:
        command: the compiler and its arguments.
        headers: folder of the precompiled headers.
    """
    target = target_of(command)
    source = command[command.index("-c") + 1] if target else ""
    if target is None or not source.endswith((".cc", ".cpp")):
        return None
    header = headers / f"{target}.pch"
    return [command[0], "-include-pch", str(header), *command[1:]] if header.exists() else None


def main(arguments: list[str]) -> int:
    """Run the command after the folder of headers; return its exit code."""
    headers, command = Path(arguments[0]), arguments[1:]
    better = with_header(command, headers)
    if better:
        quiet = subprocess.run(better, check=False, capture_output=True)
        if quiet.returncode == 0:
            return 0
        with (headers / "refused").open("a") as log:
            log.write(command[command.index("-c") + 1] + "\n")
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
