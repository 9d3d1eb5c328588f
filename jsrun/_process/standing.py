"""How a runtime in a child process stands, and what only an isolate of this process has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from .._types import RuntimeState
from ..errors import JsrunError, RuntimeTerminated


class Standing:
    """The part of `ProcessIsolate` that asks nothing of the child."""

    closed: bool
    #: Makes the error of what is asked for after the end.
    _end: Callable[[tuple[str, ...]], JsrunError] | None

    @property
    def state(self) -> RuntimeState:
        """How the runtime stands; a child that is gone is as good as terminated."""
        if self.closed:
            return "closed"
        if self._end is None:
            return "open"
        return "terminated" if isinstance(self._end(()), RuntimeTerminated) else "condemned"

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def endpoints(self) -> None:
        """Return nothing: debuggers reach isolates of this process."""

    def set_module_folder(self, _folder: object) -> NoReturn:
        """Refuse."""
        raise ValueError("FileSystemLoader needs isolation='thread'; give a child process its modules by a function")
