"""An ASGI application whose handlers evaluate JavaScript: Starlette, uvicorn, one runtime for all requests, and pools.

Run it with `python examples/web_handler.py [--host 127.0.0.1] [--port 8000]`.

    GET  /healthz          {"status": "ok"} while the runtime answers
    GET  /request          JavaScript awaits a Python coroutine, which knows this request's id from a context variable
    POST /render           calls a JavaScript template with the JSON body, answers with HTML
    POST /eval             {"code": "1 + 1", "timeout": 0.5} -> {"result": 2}
    POST /pooled/render    like /render, on whichever runtime of a pool is free
    POST /isolated/eval    like /eval, on a runtime that nobody used before

A failing script is the client's mistake (400), one that runs too long is 504, and a client that hangs up stops its
script. The first four share one isolate: its globals, and its one thread, which a busy loop holds until its timeout. So
/eval is for callers that trust each other. /isolated/eval is for those who do not: nothing of a script is left for the
next, and a busy loop holds one runtime of several. When all are busy for too long, the answer is 503. See sandbox.py
for the limits of memory that code from strangers needs as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jsrun import (
    ConversionError,
    JavaScriptError,
    JavaScriptTimeout,
    JsFunction,
    JsrunError,
    JsUndefined,
    Runtime,
    RuntimeConfig,
    RuntimePool,
)

T = TypeVar("T")

SCRIPT = Path(__file__).with_suffix(".js")
DEFAULT_TIMEOUT = 2.0
LONGEST_TIMEOUT = 30.0
LONGEST_WAIT = 10.0
POOL_SIZE = max(2, os.cpu_count() or 1)

request_id: ContextVar[str] = ContextVar("request_id")
request_path: ContextVar[str] = ContextVar("request_path")


class BadRequest(Exception):
    """The body of the request cannot be used."""


async def request_info() -> dict[str, str]:
    """Tell JavaScript which request it serves, after a pause in which other requests run."""
    await asyncio.sleep(0.05)
    return {"id": request_id.get(), "path": request_path.get()}


# The template function of each runtime of the pool.
templates: WeakKeyDictionary[Runtime, JsFunction] = WeakKeyDictionary()


async def load_script(runtime: Runtime) -> None:
    """Prepare a new runtime: its Python function, its script, and a handle of its template."""
    runtime.bind_function("requestInfo", request_info)
    await runtime.eval_async(SCRIPT.read_text(encoding="utf-8"), filename=SCRIPT.name)
    templates[runtime] = await runtime.eval_async("renderCard")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Create the application's runtime and pools, and close them when the server stops."""
    config = RuntimeConfig(timeout=DEFAULT_TIMEOUT)
    async with (
        Runtime.create(config) as runtime,
        RuntimePool(POOL_SIZE, config=config, setup=load_script, reuse=True) as render_pool,
        RuntimePool(POOL_SIZE, config=config) as eval_pool,
    ):
        await load_script(runtime)
        yield {
            "runtime": runtime,
            "render_card": templates[runtime],
            "describe_request": await runtime.eval_async("describeRequest"),
            "render_pool": render_pool,
            "eval_pool": eval_pool,
        }


class RequestContext:
    """ASGI middleware: name each request in context variables and in the response's X-Request-ID."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; uvicorn gives each a task, and so a context, of its own."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = dict(scope["headers"]).get(b"x-request-id", uuid.uuid4().hex.encode())
        request_id.set(name.decode("latin-1"))
        request_path.set(scope["path"])

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
            await send(message)

        await self.app(scope, receive, send_named)


async def unless_disconnected(request: Request, work: Awaitable[T]) -> T:
    """Await `work`, but cancel it, and with it the JavaScript, as soon as the client hangs up."""

    async def hang_up() -> None:
        # The body has been read: all that can still arrive is the news that the client is gone.
        while (await request.receive())["type"] != "http.disconnect":
            pass

    job = asyncio.ensure_future(work)
    watcher = asyncio.create_task(hang_up())
    try:
        await asyncio.wait({job, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            raise ClientDisconnect
        return await job
    finally:
        job.cancel()
        watcher.cancel()


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object."""
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def to_json(value: object) -> bytes:
    """Encode what a script returned; what JSON has no form for is a ConversionError."""

    def encode(part: object) -> object:
        if isinstance(part, JsUndefined):
            return None
        if isinstance(part, datetime):
            return part.isoformat()
        if isinstance(part, (set, frozenset)):
            return list(part)
        raise TypeError(f"JSON has no form for {type(part).__name__}")

    try:
        return json.dumps(value, default=encode, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConversionError(str(error)) from None


async def healthz(request: Request) -> Response:
    """Answer once the runtime has evaluated something."""
    await request.state.runtime.eval_async("0", timeout=1.0)
    return JSONResponse({"status": "ok"})


async def describe(request: Request) -> Response:
    """Let JavaScript ask Python about this request."""
    return JSONResponse(await request.state.describe_request.call_async())


async def render(request: Request) -> Response:
    """Call the JavaScript template with the body."""
    body = await json_object(request)
    return HTMLResponse(await unless_disconnected(request, request.state.render_card.call_async(body)))


async def render_pooled(request: Request) -> Response:
    """Call the template of a free runtime with the body: as many at a time as the pool has runtimes."""
    body = await json_object(request)

    async def work() -> Any:
        async with request.state.render_pool.runtime(timeout=LONGEST_WAIT) as runtime:
            return await templates[runtime].call_async(body)

    return HTMLResponse(await unless_disconnected(request, work()))


async def script_of(request: Request) -> tuple[str, float]:
    """Return the code in the body, and for how many seconds it may run."""
    body = await json_object(request)
    code, timeout = body.get("code"), body.get("timeout", DEFAULT_TIMEOUT)
    if not isinstance(code, str):
        raise BadRequest("code must be a string")
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise BadRequest(f"timeout must be a number of seconds above 0, not {timeout!r}")
    return code, min(timeout, LONGEST_TIMEOUT)


def result_of(value: object) -> Response:
    """Answer with what a script returned."""
    return Response(b'{"result": %b}' % to_json(value), media_type="application/json")


async def evaluate(request: Request) -> Response:
    """Evaluate the code in the body, for at most its timeout."""
    code, timeout = await script_of(request)
    work = request.state.runtime.eval_async(code, timeout=timeout, filename="request.js")
    return result_of(await unless_disconnected(request, work))


async def evaluate_isolated(request: Request) -> Response:
    """Evaluate the code in the body on a runtime of its own."""
    code, timeout = await script_of(request)

    async def work() -> Any:
        async with request.state.eval_pool.runtime(timeout=LONGEST_WAIT) as runtime:
            return await runtime.eval_async(code, timeout=timeout, filename="request.js")

    return result_of(await unless_disconnected(request, work()))


def problem(status: int, error: Exception, **details: object) -> Response:
    """Describe `error` as JSON."""
    described = {"name": type(error).__name__, "message": str(error), **details}
    return Response(json.dumps({"error": described}), status, media_type="application/json")


def on_javascript_error(request: Request, error: Exception) -> Response:
    """Answer for a script that threw: what, and where."""
    assert isinstance(error, JavaScriptError)
    return problem(400, error, name=error.name, message=error.message, frames=error.frames)


def on_bad_request(request: Request, error: Exception) -> Response:
    """Answer for a body that cannot be used."""
    return problem(400, error)


def on_conversion_error(request: Request, error: Exception) -> Response:
    """Answer for a result that has no form outside JavaScript."""
    return problem(422, error)


def on_timeout(request: Request, error: Exception) -> Response:
    """Answer for a script that ran too long and was stopped; the runtime goes on."""
    return problem(504, error)


def on_unavailable(request: Request, error: Exception) -> Response:
    """Answer when the runtime is closed or was terminated, and when all of a pool are busy."""
    return problem(503, error)


def on_disconnect(request: Request, error: Exception) -> Response:
    """End the request without a traceback in the log; nobody will read this."""
    return Response(status_code=499)


# Starlette takes the handler of the nearest class: JsrunError's is for those not named here.
EXCEPTION_HANDLERS: dict[Any, Any] = {
    BadRequest: on_bad_request,
    JavaScriptError: on_javascript_error,
    ConversionError: on_conversion_error,
    JavaScriptTimeout: on_timeout,
    JsrunError: on_unavailable,
    ClientDisconnect: on_disconnect,
}

app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/request", describe),
        Route("/render", render, methods=["POST"]),
        Route("/eval", evaluate, methods=["POST"]),
        Route("/pooled/render", render_pooled, methods=["POST"]),
        Route("/isolated/eval", evaluate_isolated, methods=["POST"]),
    ],
    middleware=[Middleware(RequestContext)],
    exception_handlers=EXCEPTION_HANDLERS,
    lifespan=lifespan,
)


def main() -> None:
    """Parse the command line and serve until stopped."""
    parser = argparse.ArgumentParser(description="Serve JavaScript over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one; uvicorn logs which")
    options = parser.parse_args()
    uvicorn.run(app, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
