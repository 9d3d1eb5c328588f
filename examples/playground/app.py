"""A playground inside another application: a page of notes, with jsrun's playground mounted beside it.

Run it with `python examples/playground/app.py [--host 127.0.0.1] [--port 8000]`.

    GET /        a page that leads to the playground
    GET /play/   the playground; its programs may call `note(text)` and `await notes()`, which are Python functions

Visitors share the notes, which are Python's, and nothing else: each tab has an isolate of its own. Where browsers reach
this under a name, `--allow-host NAME` lets them in.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from jsrun import Runtime
from jsrun.playground import Playground, PlaygroundLimits

MOST = 100
LONGEST = 200

HOME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Notes</title>
<h1>Notes</h1>
<p>Write one in the <a href="play/">playground</a>: <code>note("tea at four"); await notes()</code></p>
"""

pinned: deque[str] = deque(["buy cake"], maxlen=MOST)


def note(text: str) -> int:
    """Pin a note; JavaScript gets the number of notes, or a `TypeError` or `ValueError`."""
    if not isinstance(text, str):
        raise TypeError(f"a note is a text, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise ValueError(f"a note has at most {LONGEST} characters")
    pinned.append(text)
    return len(pinned)


async def notes() -> list[str]:
    """Return the notes, as slowly as if they came from elsewhere."""
    await asyncio.sleep(0.05)
    return list(pinned)


async def prepare(runtime: Runtime) -> None:
    """Give a visitor's new runtime its Python functions."""
    runtime.bind_function("note", note)
    runtime.bind_function("notes", notes)


async def home(request: Request) -> Response:
    """Show the way to the playground."""
    return HTMLResponse(HOME)


def application(*allowed_hosts: str) -> Starlette:
    """Return the application; the playground lives as long as it does."""
    playground = Playground(PlaygroundLimits(timeout=3.0, visitors=8), setup=prepare, allowed_hosts=allowed_hosts)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with playground:
            yield

    return Starlette(routes=[Route("/", home), Mount("/play", playground)], lifespan=lifespan)


def main() -> None:
    """Parse the command line and serve until stopped."""
    parser = argparse.ArgumentParser(description="Serve notes, and a playground that can write them.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one; uvicorn logs which")
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    uvicorn.run(application(*options.allow_host), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
