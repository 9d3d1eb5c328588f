"""Chromium for tests: where it is, and what happens where it is not."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_program() -> str:
    """The path of Chromium. Without one the test is skipped, unless `JSRUN_REQUIRE_CHROMIUM` says that it must run."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        missing("Chromium is not installed")
    return program


def missing(what: str) -> NoReturn:
    """Skip a test that lacks something, or fail it where that must not happen."""
    if os.environ.get("JSRUN_REQUIRE_CHROMIUM"):
        pytest.fail(f"{what}, and JSRUN_REQUIRE_CHROMIUM is set")
    pytest.skip(what)
