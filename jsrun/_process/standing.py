"""How a runtime in a child process stands, and what only an isolate of this process has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

from .._config import RuntimeConfig, Timeout, check_timeout
from .._inspector import InspectorEndpoints
from .._types import RuntimeState
from ..errors import JsrunError, RuntimeTerminated
from . import settings
from .link import Link
from .wire import WireError

_TOLD: Final[tuple[RuntimeState, ...]] = ("open", "draining", "condemned")
_ENDPOINTS: Final = {field.name for field in dataclasses.fields(InspectorEndpoints)}


class Standing:
    """The part of `ProcessIsolate` that asks nothing of the child."""

    closed: bool
    link: Link
    config: RuntimeConfig
    #: How the child said that its runtime stands.
    told: RuntimeState
    _endpoints: dict[str, str] | None
    #: Makes the error of what is asked for after the end.
    _end: Callable[[tuple[str, ...]], JsrunError] | None

    @property
    def id(self) -> int:
        """The child's process number."""
        return self.link.pid

    @property
    def key(self) -> int:
        """What `jsrun._host` knows this isolate by; native ones are numbered upwards."""
        return -1 - id(self)

    @property
    def state(self) -> RuntimeState:
        """How the runtime stands; a child that is gone is as good as terminated."""
        if self.closed:
            return "closed"
        if self._end is None:
            return self.told
        return "terminated" if isinstance(self._end(()), RuntimeTerminated) else "condemned"

    def seconds(self, timeout: Timeout) -> float | None:
        """Return a timeout in seconds; the runtime's default for ``None``."""
        check_timeout(timeout)
        timeout = self.config.timeout if timeout is None else timeout
        return settings.seconds(timeout)

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def take_state(self, told: object) -> None:
        """Take what the child says of its runtime.

        Raises:
            WireError: it says what cannot be.
        """
        if not (isinstance(told, list) and len(told) == 2 and told[0] in _TOLD):
            raise WireError("a runtime in an unknown state")
        state, endpoints = told
        if endpoints is not None:
            if not (isinstance(endpoints, dict) and set(endpoints) == _ENDPOINTS):
                raise WireError("a malformed address of an inspector")
            if not all(isinstance(text, str) for text in endpoints.values()):
                raise WireError("a malformed address of an inspector")
        self.told, self._endpoints = state, endpoints

    def snapshot(self, sources: list[tuple[bool, str, str]]) -> bytes:
        raise NotImplementedError("snapshots are made by SnapshotBuilder, which has a process of its own")

    def endpoints(self) -> dict[str, str] | None:
        """Return where debuggers reach the child."""
        return self._endpoints
