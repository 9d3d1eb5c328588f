"""The application of examples/web_handler.py without JavaScript: what everything else in it costs."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from web_handler import EXCEPTION_HANDLERS, RequestContext, json_object, result_of, script_of, unless_disconnected


async def render_card(body: dict[str, Any]) -> str:
    rows = "".join(f"<li>{escape(str(item), quote=True)}</li>" for item in body.get("items", ()))
    return f"<section><h1>{escape(body['title'], quote=True)}</h1><ul>{rows}</ul></section>"


async def healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def render(request: Request) -> Response:
    body = await json_object(request)
    return HTMLResponse(await unless_disconnected(request, render_card(body)))


async def two(code: str) -> int:
    return 1 + 1


async def evaluate(request: Request) -> Response:
    code, _ = await script_of(request)
    return result_of(await unless_disconnected(request, two(code)))


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/render", render, methods=["POST"]),
        Route("/eval", evaluate, methods=["POST"]),
    ],
    middleware=[Middleware(RequestContext)],
    exception_handlers=EXCEPTION_HANDLERS,
)
