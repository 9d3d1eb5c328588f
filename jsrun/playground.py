"""A playground: a web page where visitors run JavaScript, each in an isolate of their own. Needs `jsrun[playground]`.

`docs/guides/playground.md` shows its use.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from types import TracebackType

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ._config import RuntimeConfig
from ._playground.bounds import PlaygroundLimits
from ._playground.origins import refusal
from ._playground.pages import Pages
from ._playground.requests import Requests
from ._playground.visitors import Setup, Visitors

__all__ = ["Playground", "PlaygroundLimits"]


class Playground:
    """The playground as an ASGI application: run it by itself, or mount it in another one.

    By itself, its server starts and stops it. Mounted, enter it in the lifespan of the application around it, with
    ``async with``: that frees the isolates at the end, and those of visitors who have gone.

    Every visitor, which is a tab, has an isolate of their own that is kept between runs. Requests that name a host
    other than ``localhost``, an address or one of ``allowed_hosts``, and those of pages of other sites, are refused.

    Args:
        limits: what visitors may use; see `PlaygroundLimits`.
        config: more options of their runtimes, such as ``import_map`` or ``allow_wasm``; limits come from ``limits``.
        setup: async function that is called with every new runtime, to bind functions for instance.
        allowed_hosts: names under which browsers reach it, such as ``"play.example.org"``.

    Raises:
        TypeError: an argument has the wrong type.

    Example:
        >>> import asyncio
        >>> from jsrun.playground import Playground, PlaygroundLimits
        >>> async def main():
        ...     async with Playground(PlaygroundLimits(timeout=1.0)) as playground:
        ...         return playground.visitors()
        >>> asyncio.run(main())
        0
    """

    def __init__(
        self,
        limits: PlaygroundLimits | None = None,
        *,
        config: RuntimeConfig | None = None,
        setup: Setup | None = None,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._limits = PlaygroundLimits() if limits is None else limits
        if not isinstance(self._limits, PlaygroundLimits):
            raise TypeError(f"limits must be PlaygroundLimits, got {type(limits).__name__}")
        if isinstance(allowed_hosts, str):
            raise TypeError(f"allowed_hosts must be several names, such as a list of str, got {allowed_hosts!r}")
        self._names = frozenset(allowed_hosts)
        self._visitors = Visitors(self._limits, RuntimeConfig() if config is None else config, setup)
        self._order: asyncio.Task[None] | None = None
        pages, requests = Pages(), Requests(self._visitors, self._limits)
        self._application = Starlette(
            routes=[
                Route("/", pages.page),
                Route("/static/{name}", pages.asset),
                Route("/api/about", requests.about),
                Route("/api/run", requests.run, methods=["POST"]),
                Route("/api/cancel", requests.cancel, methods=["POST"]),
                Route("/api/leave", requests.leave, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _refused},
            lifespan=self._lifespan,
        )

    def visitors(self) -> int:
        """Return how many isolates there are."""
        return len(self._visitors)

    def cancel_runs(self) -> None:
        """Cancel every run, for a server that is about to stop and waits for its answers."""
        self._visitors.cancel_runs()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of ASGI.

        Raises:
            RuntimeError: nobody has entered the playground.
        """
        if scope["type"] == "http":
            if self._order is None:
                raise RuntimeError("the playground is not running: `async with playground:` in the lifespan around it")
            server = scope.get("server")
            why = refusal(Headers(scope=scope), None if server is None else server[0], self._names)
            if why is not None:
                await JSONResponse({"error": why}, 403)(scope, receive, send)
                return
        await self._application(scope, receive, send)

    async def __aenter__(self) -> Playground:
        if self._order is not None:
            raise RuntimeError("the playground is running already")
        self._order = asyncio.create_task(self._visitors.keep_order())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        order, self._order = self._order, None
        if order is not None:
            order.cancel()
            await asyncio.wait({order})
        await self._visitors.aclose()

    @contextlib.asynccontextmanager
    async def _lifespan(self, application: Starlette) -> AsyncIterator[None]:
        async with self:
            yield


async def _refused(request: Request, error: Exception) -> Response:
    """Answer for a request that cannot be served, as JSON."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
