"""A WSGI application whose runtime gunicorn makes and closes, by the hooks in gunicorn_hooks.py."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import jsrun

worker: dict[str, jsrun.Runtime] = {}


def open_runtime() -> None:
    worker["rt"] = jsrun.Runtime(timeout=5)


def close_runtime() -> None:
    worker.pop("rt").close()


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    value = worker["rt"].eval("6 * 7")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "value": value}).encode()]
