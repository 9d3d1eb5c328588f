"""What the page asks for: runs, whose events are sent while they come, and ends of runs and visits."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from jsrun import JavaScriptError, JsrunError, __version__, _jsrun

from .bounds import PlaygroundLimits
from .evaluation import Evaluation
from .visitors import Busy, Full, Visitor, Visitors


class Requests:
    """Serves the page's requests.

    Args:
        visitors: whom it serves.
        limits: those of the playground.
    """

    def __init__(self, visitors: Visitors, limits: PlaygroundLimits) -> None:
        self._visitors = visitors
        self._limits = limits

    async def about(self, request: Request) -> Response:
        """Tell versions and limits."""
        limits = dataclasses.asdict(self._limits)
        return JSONResponse({"jsrun": __version__, "v8": _jsrun.v8_version(), "limits": limits})

    async def run(self, request: Request) -> Response:
        """Run code; the answer is a line of JSON for each event, as they come."""
        asked = await self._asked(request)
        code = asked.get("code")
        if not isinstance(code, str):
            raise HTTPException(422, "code must be a string")
        visitor, why = await self._visitor(asked)
        try:
            evaluation = visitor.start(code)
        except Busy:
            raise HTTPException(409, "the last run has not ended; cancel it first") from None
        return _Events(visitor.token, evaluation, why)

    async def cancel(self, request: Request) -> Response:
        """Stop the run that is going on."""
        visitor = self._visitors.get(_token(await self._asked(request)) or "")
        if visitor is None:
            raise HTTPException(404, "there is no such session; it may have expired")
        visitor.cancel()
        return Response(status_code=204)

    async def leave(self, request: Request) -> Response:
        """Free the visitor's isolate."""
        if not self._visitors.leave(_token(await self._asked(request)) or ""):
            raise HTTPException(404, "there is no such session; it may have expired")
        return Response(status_code=204)

    async def _visitor(self, asked: dict[str, Any]) -> tuple[Visitor, str]:
        """Return whose run it is, and how that isolate came to be: kept, new, expired or replaced."""
        token = _token(asked)
        why = "new"
        if token is not None:
            visitor = self._visitors.get(token)
            if visitor is not None and (visitor.usable or visitor.busy):
                return visitor, "kept"
            why = "expired" if visitor is None else "replaced"
            self._visitors.leave(token)
        try:
            return await self._visitors.open(), why
        except Full:
            text = f"all {self._limits.visitors} places are taken; try again in a while"
            raise HTTPException(503, text, {"retry-after": "60"}) from None
        except (OSError, JavaScriptError, JsrunError) as error:
            raise HTTPException(503, f"no isolate could be made: {error}") from error

    async def _asked(self, request: Request) -> dict[str, Any]:
        """Return the body as a JSON object."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, "the body must be application/json")
        try:
            asked = json.loads(await self._body(request))
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, f"the body is not JSON: {error}") from None
        if not isinstance(asked, dict):
            raise HTTPException(422, f"the body must be a JSON object, not {type(asked).__name__}")
        return asked

    async def _body(self, request: Request) -> bytes:
        """Return the body, unless it is too large."""
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > self._limits.request_bytes:
                    raise HTTPException(413, f"a request may have {self._limits.request_bytes:,} bytes")
        except ClientDisconnect:
            raise HTTPException(400, "the body broke off") from None
        return bytes(body)


def _token(asked: dict[str, Any]) -> str | None:
    token = asked.get("session")
    if token is not None and not isinstance(token, str):
        raise HTTPException(422, "session must be a string")
    return token


class _Events(Response):
    """The events of a run, sent as they come; a client that hangs up cancels the run."""

    def __init__(self, token: str, evaluation: Evaluation, why: str) -> None:
        super().__init__()
        self._token = token
        self._evaluation = evaluation
        self._why = why

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            first = {"event": "session", "session": self._token, "isolate": self._why}
            await send({"type": "http.response.body", "body": _lines([first]), "more_body": True})
            more = True
            while more:
                events = await self._evaluation.outbox.take()
                more = events[-1]["event"] != "end"
                await send({"type": "http.response.body", "body": _lines(events), "more_body": more})
        finally:
            watcher.cancel()
            self._evaluation.cancel()

    async def _watch(self, receive: Receive) -> None:
        # The body has been read: all that can still arrive is the news that the client is gone.
        while (await receive())["type"] != "http.disconnect":
            pass
        self._evaluation.cancel()


def _lines(events: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode("ascii")
