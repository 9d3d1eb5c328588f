"""A WSGI application that makes its runtime in the worker, on first use: right also with `--preload`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import jsrun


@cache
def runtime() -> jsrun.Runtime:
    return jsrun.Runtime(timeout=5)


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    value = runtime().eval("6 * 7")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "value": value}).encode()]
