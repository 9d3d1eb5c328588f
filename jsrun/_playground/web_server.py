"""uvicorn as `jsrun playground` runs it: who stops it does not wait for the visitors' runs."""

from __future__ import annotations

import socket

import uvicorn

from jsrun.playground import Playground

# For what is not a run, such as a body that does not come.
_GOODBYE_SECONDS = 3


class WebServer(uvicorn.Server):
    """Serves a playground.

    Args:
        playground: what it serves; the server enters it.
    """

    def __init__(self, playground: Playground) -> None:
        super().__init__(uvicorn.Config(playground, log_level="warning", timeout_graceful_shutdown=_GOODBYE_SECONDS))
        self._playground = playground

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cancel the runs, whose answers then end well, and stop."""
        self._playground.cancel_runs()
        await super().shutdown(sockets)
