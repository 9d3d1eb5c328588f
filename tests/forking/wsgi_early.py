"""The mistake: a runtime at import time, which `--preload` makes in the parent. Workers get an error, at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import jsrun

rt = jsrun.Runtime(timeout=5)
assert rt.eval("1 + 1") == 2


def refused(act: Callable[[], object]) -> str | None:
    try:
        act()
    except jsrun.RuntimeClosed as error:
        return str(error)
    return None


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    found = {
        "pid": os.getpid(),
        "old": refused(lambda: rt.eval("6 * 7")),
        "new": refused(jsrun.Runtime),
        "state": rt.state,
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]
