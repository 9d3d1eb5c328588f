"""Tells of operations in a child process that somebody wants to hear of; for isolates of this process Rust does it."""

from __future__ import annotations

import contextvars
import time
from typing import TYPE_CHECKING, Any, Final

from .. import _log
from .settings import seconds

if TYPE_CHECKING:
    from .._config import RuntimeConfig
    from .._tracing import Begun, Tracer
    from .waiting import Request

# What the verbs of the protocol do, for those that run the user's JavaScript.
_WHAT: Final = {"eval": "eval", "module": "eval_module", "call": "call", "await": "await"}


class Watch:
    """What a runtime's configuration wants to be told of."""

    def __init__(self, options: RuntimeConfig) -> None:
        self.slow = seconds(options.slow_evaluation)
        self._tracing = options.tracing
        self._tracer: Tracer | None = None

    def begin(self, request: Request, verb: str, head: Any, blocking: bool) -> None:
        """Tell that an operation begins; from now on its host functions see its span as the current one."""
        what = _WHAT.get(verb)
        if what is None:
            return
        name = (head[1] or "<eval>") if verb == "eval" else head[0] if verb == "module" else None
        runtime = request.isolate.id
        request.watched = watched = Watched(self, runtime, what, name)
        if not self._tracing:
            return
        if self._tracer is None:
            from .._tracing import Tracer

            self._tracer = Tracer(runtime)
        watched.tracer = self._tracer
        if blocking:
            watched.begun = self._tracer.begin(what, name, False)
            # Where it goes on if it is still pending.
            request.context = contextvars.copy_context()
        else:
            watched.begun = request.context.run(self._tracer.begin, what, name, True)


class Watched:
    """One operation that has begun."""

    __slots__ = ("_began", "_name", "_runtime", "_watch", "_what", "begun", "tracer")

    def __init__(self, watch: Watch, runtime: int, what: str, name: str | None) -> None:
        self._watch = watch
        self._runtime = runtime
        self._what = what
        self._name = name
        self._began = time.perf_counter()
        self.tracer: Tracer | None = None
        self.begun: Begun | None = None

    def leave(self) -> None:
        """The thread that blocked goes on: the span is not the current one any more."""
        if self.tracer is not None and self.begun is not None:
            self.tracer.leave(self.begun)

    def end(self, error: BaseException | None) -> None:
        """Tell that it ended."""
        took, limit = time.perf_counter() - self._began, self._watch.slow
        if limit is not None and took >= limit:
            _log.slow(self._runtime, self._what, self._name, took, limit)
        if self.tracer is not None and self.begun is not None:
            self.tracer.end(self.begun, error)


def watch(options: RuntimeConfig) -> Watch | None:
    """Return what to tell; ``None`` if nothing."""
    return Watch(options) if options.tracing or options.slow_evaluation is not None else None
