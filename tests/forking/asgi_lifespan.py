"""An ASGI application whose lifespan makes the runtime, so each worker has its own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jsrun


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with jsrun.Runtime.create(timeout=5) as app.state.rt:
        yield


async def answer(request: Request) -> JSONResponse:
    return JSONResponse({"pid": os.getpid(), "value": await request.app.state.rt.eval_async("6 * 7")})


app = Starlette(routes=[Route("/", answer)], lifespan=lifespan)
