"""One case in a runtime of its own: its scripts, then what testharness.js reports."""

from __future__ import annotations

import mimetypes
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from suite import Case

from jsrun import DeadlockError, FetchRequest, FetchResponse, JavaScriptError, JsrunError, Runtime

HERE = Path(__file__).parent
HARNESS = "resources/testharness.js"
# What the suite's own server answers with the request's body.
ECHO = "/fetch/api/resources/echo-content.py"
# Seconds for one case, and for one that says it is long.
SHORT, LONG = 10.0, 30.0


@dataclass
class Outcome:
    """What one case came to."""

    status: str
    message: str | None = None
    # Name, status, message.
    results: list[tuple[str, str, str | None]] = field(default_factory=list)


async def body_of(request: FetchRequest) -> bytes:
    """All of a request's body."""
    if request.body is None or isinstance(request.body, bytes):
        return request.body or b""
    return b"".join([bytes(chunk) async for chunk in request.body])


def run(tree: Path, case: Case) -> Outcome:
    """Run one case to its end, or to its time limit."""

    async def serve(request: FetchRequest) -> FetchResponse:
        if request.url.endswith(ECHO):
            return FetchResponse(await body_of(request))
        file = tree / urlsplit(request.url).path.lstrip("/")
        if not file.is_file():
            return FetchResponse("not found", status=404)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return FetchResponse(file.read_bytes(), headers={"content-type": kind})

    seconds = LONG if case.long else SHORT
    limits = {"max_heap_size": 1 << 30, "max_serialization_bytes": 1 << 27}
    with Runtime(fetch=serve, on_unhandled_rejection=lambda _: None, **limits) as rt:
        prepare = rt.eval((HERE / "environment.js").read_text())
        prepare({"directory": posixpath.dirname(case.path) + "/", "search": case.variant})
        rt.eval((tree / HARNESS).read_text(), filename=HARNESS)
        report = rt.eval((HERE / "reporting.js").read_text())
        outcome = Outcome("OK")
        try:
            for script in (*case.scripts, case.path):
                # A script's value is nobody's business.
                source = (tree / script).read_text(encoding="utf-8") + "\n;void 0;"
                rt.eval(source, filename=script, timeout=seconds)
            if not case.ends_itself:
                report["loaded"]()
            outcome.status, outcome.message = report["ended"](timeout=seconds)
        except TimeoutError:
            outcome.status = "TIMEOUT"
        except DeadlockError:
            outcome.status, outcome.message = "TIMEOUT", "nothing is left that could end it"
        except JavaScriptError as error:
            outcome.status, outcome.message = "ERROR", str(error)
        try:
            outcome.results = [(name, status, message) for name, status, message in report["results"]()]
        except JsrunError as error:
            outcome.status, outcome.message = "CRASH", repr(error)
        return outcome
