"""How a runtime stands: whether it takes work, and if not, why."""

from __future__ import annotations

from ._jsrun import Isolate
from ._types import RuntimeState


class StateMethods:
    """The part of `Runtime` that says how it stands."""

    _native: Isolate

    @property
    def state(self) -> RuntimeState:
        """How the runtime stands now; never waits for JavaScript.

        ``"open"``: it takes work. ``"draining"``: it takes work and will run it; a caller was released at its deadline
        while V8 was in a builtin that does not yield, and V8 has not come back. ``"condemned"``: the heap filled up and
        stays full. ``"terminated"``: `Runtime.terminate` was called. ``"closed"``: `Runtime.close` was called, or this
        is a forked child. The last three need a new runtime.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.state
            'open'
            >>> rt.state
            'closed'
        """
        return self._native.state
