"""The build backend: maturin's, told which V8 archive to link on this machine."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import maturin
import v8_archive
from maturin import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings = dict[str, Any] | None


@contextlib.contextmanager
def archive() -> Iterator[None]:
    """Name the archive; after a failure, say what can be set when it was a download that failed."""
    try:
        target = v8_archive.host()
    except OSError:
        yield  # maturin says that Rust is missing, or brings it.
        return
    os.environ.update(v8_archive.variables(target, dict(os.environ)))
    try:
        yield
    except BaseException:
        if os.environ["RUSTY_V8_ARCHIVE"].startswith(("http:", "https:")):
            print(v8_archive.advice(target), file=sys.stderr)
        raise


def build_wheel(directory: str, settings: Settings = None, metadata: str | None = None) -> str:
    """Build a wheel into a directory; return its name."""
    with archive():
        return str(maturin.build_wheel(directory, settings, metadata))


def build_editable(directory: str, settings: Settings = None, metadata: str | None = None) -> str:
    """Build a wheel that points at this tree; return its name."""
    with archive():
        return str(maturin.build_editable(directory, settings, metadata))
