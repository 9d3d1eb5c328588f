"""`fetch` of a child: its host's handler answers, as for an isolate of the host's own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._config import RuntimeConfig
from .._convert import Function
from .._fetch import Desk, bridge


class RemoteDesk(Desk):
    """The desk that the child's isolate calls: everything goes to the host's, aborts too."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    async def __call__(self, kind: str, number: int, *request: Any) -> list[Any] | None:
        answer: list[Any] | None = await self._call(kind, number, *request)
        return answer


def desk(config: RuntimeConfig) -> Function | None:
    """Return what the host sends its child, when it has a handler."""
    return None if config.fetch is None else Function(bridge(config.fetch).__call__, "fetch")


def remote(function: Function | None) -> Any:
    """Return the handler for the child's configuration."""
    return None if function is None else RemoteDesk(function.target)
