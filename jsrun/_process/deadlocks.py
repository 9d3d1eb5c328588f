"""Finds out that a blocking call waits for the very loop that it keeps from running."""

from __future__ import annotations

import asyncio
from typing import Final

from .. import _host
from ..errors import DeadlockError
from .waiting import Request, ThreadPort

_TEXT: Final = (
    "a blocking call waits for JavaScript, JavaScript waits for async host functions, and these need the event loop "
    "that the blocking call keeps from running. Await eval_async (or call_async) on this loop instead"
)


class Look(Request):
    """Asks the child whether JavaScript is idle, on behalf of a blocked request."""

    blocked: Request

    def settle(self, failed: bool, payload: bytearray) -> None:
        """End the blocked request if nothing can."""
        value = self.isolate.read_answer(self, payload, failed)
        self.end(None, None)
        blocked = self.blocked
        if value is True and not blocked.done and not blocked.arrived and waits_for_itself(blocked):
            blocked.end(None, DeadlockError(_TEXT))
            self.isolate.cancel(blocked)


def waits_for_itself(request: Request) -> bool:
    """Whether every host call in flight is a task of the loop that the request's thread keeps from running."""
    port, isolate = request.port, request.isolate
    loop = port.loop if isinstance(port, ThreadPort) else None
    calls = list(isolate.hosting.tasks.values())
    return loop is not None and bool(calls) and all(_loop_of(call) is loop for call in calls)


def _loop_of(call: int) -> asyncio.AbstractEventLoop | None:
    task = _host.task(call)
    return None if task is None else task.get_loop()


def look(request: Request) -> None:
    """Ask the child, if it looks like a deadlock; the answer ends the request."""
    if waits_for_itself(request):
        asked = Look(request.isolate, "idle", request.port)
        asked.blocked = request
        request.isolate.begin(asked, "idle", None, None)
