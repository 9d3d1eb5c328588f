"""Streams over HTTP, both ways: response bodies made by JavaScript, and a request body that JavaScript reads.

Run it with `python examples/streaming.py [--host 127.0.0.1] [--port 8000]`.

    GET  /rows?count=5         JSON lines, from an async generator in JavaScript
    GET  /events?count=5       server-sent events, from a ReadableStream in JavaScript; endless without count
    GET  /events/state         how many of these are open, and why others were cancelled
    POST /upload               text; JavaScript decodes it, splits it into lines and counts, while it arrives

Nothing is held in memory as a whole: a client that reads slowly slows JavaScript down, and a script that reads slowly
slows the upload down. A client that hangs up cancels the stream in JavaScript.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from jsrun import JavaScriptError, JsStream, Runtime

SCRIPT = Path(__file__).with_suffix(".js")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Create the application's runtime, load its script, and close it when the server stops."""
    async with Runtime.create() as runtime:
        await runtime.eval_async(SCRIPT.read_text(encoding="utf-8"), filename=SCRIPT.name)
        names = ("rows", "ticks", "summarize")
        functions = {name: await runtime.eval_async(name) for name in names}
        yield {"runtime": runtime, **functions}


async def body_of(stream: JsStream, *, lines: bool = False) -> AsyncIterator[bytes]:
    """Yield the stream's chunks as bytes; cancel it in JavaScript when the response ends before it does."""
    async with stream:
        async for chunk in stream:
            yield (json.dumps(chunk) + "\n" if lines else chunk).encode()


def number(request: Request, name: str, default: int) -> int:
    """Return a parameter of the query that counts something."""
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else default


async def rows(request: Request) -> Response:
    """Answer with JSON lines."""
    stream = await request.state.rows.call_async(number(request, "count", 5))
    return StreamingResponse(body_of(stream, lines=True), media_type="application/jsonl")


async def events(request: Request) -> Response:
    """Answer with server-sent events."""
    stream = await request.state.ticks.call_async(number(request, "count", -1), number(request, "pause", 100))
    return StreamingResponse(body_of(stream), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def state(request: Request) -> Response:
    """Tell what became of the streams."""
    return JSONResponse(await request.state.runtime.eval_async("state"))


async def upload(request: Request) -> Response:
    """Let JavaScript read the body while it arrives."""
    try:
        return JSONResponse(await request.state.summarize.call_async(request.stream()))
    except JavaScriptError as error:
        # The exception that ended the body is the one that Starlette raised.
        if isinstance(error.__cause__, ClientDisconnect):
            return Response(status_code=499)
        return JSONResponse({"error": {"name": error.name, "message": error.message}}, 400)


app = Starlette(
    routes=[
        Route("/rows", rows),
        Route("/events", events),
        Route("/events/state", state),
        Route("/upload", upload, methods=["POST"]),
    ],
    lifespan=lifespan,
)


def main() -> None:
    """Parse the command line and serve until stopped."""
    parser = argparse.ArgumentParser(description="Stream JavaScript over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one; uvicorn logs which")
    options = parser.parse_args()
    uvicorn.run(app, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
