"""The options that bound a program: deadline, memory, and what it may see."""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path
from typing import Any

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def size(text: str) -> int:
    """Read a number of bytes such as ``64M``."""
    found = re.fullmatch(r"(\d+)\s*([kmg]?)(?:i?b)?", text.strip(), re.IGNORECASE)
    if not found:
        raise argparse.ArgumentTypeError(
            f"a size is a number of bytes, or one with K, M or G such as 64M; got {text!r}"
        )
    return int(found[1]) * _UNITS[found[2].lower()]


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"a timeout is a positive number of seconds such as 1.5; got {text!r}")
    return value


def names(text: str) -> list[str]:
    """Read names that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of this file."""
    group = parser.add_argument_group("limits")
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="stop the program after that long")
    group.add_argument("--max-heap", type=size, metavar="SIZE", help="V8's heap limit, such as 64M (default 512M)")
    group.add_argument("--max-buffers", type=size, metavar="SIZE", help="limit of array buffers (default 512M)")
    group.add_argument(
        "--allow-env",
        type=names,
        action="extend",
        metavar="NAME[,NAME]",
        help="show these environment variables to the program, as the global `env`",
    )
    group.add_argument(
        "--allow-import",
        type=folder,
        metavar="FOLDER",
        help="import modules from this folder and below (default: the folder of FILE, or the current one)",
    )
    group.add_argument("--snapshot", type=Path, metavar="FILE", help="start from what `jsrun snapshot` wrote")


def folder(text: str) -> Path:
    """Read the name of a folder that exists."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return path.resolve()


def runtime_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of `RuntimeConfig` that the options ask for.

    Raises:
        OSError: the snapshot cannot be read.
    """
    options: dict[str, Any] = {"max_heap_size": given.max_heap, "max_buffer_bytes": given.max_buffers}
    if given.snapshot is not None:
        options["snapshot"] = given.snapshot.read_bytes()
    return {name: value for name, value in options.items() if value is not None}


def environment(given: argparse.Namespace) -> dict[str, str] | None:
    """Return the environment variables that the program may see; ``None`` when none was named."""
    if given.allow_env is None:
        return None
    return {name: os.environ[name] for name in given.allow_env if name in os.environ}
