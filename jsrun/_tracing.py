"""OpenTelemetry: a span for every operation of a runtime, which host functions see as the current one."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

_SCOPE = "jsrun"
# What the name of an operation's object is called.
_NAMES = {"eval": "jsrun.filename", "eval_module": "jsrun.specifier", "call": "jsrun.function"}


def _api(name: str) -> Any:
    # By name: who checks types need not have the extra.
    return importlib.import_module(f"opentelemetry.{name}")


def require() -> None:
    """Raise unless OpenTelemetry's API is installed.

    Raises:
        ImportError: it is not.
    """
    try:
        _api("trace")
    except ImportError as error:
        raise ImportError("tracing=True needs opentelemetry-api; install it with: pip install 'jsrun[otel]'") from error


class Begun:
    """A span that has begun, and the way back to the one before it."""

    __slots__ = ("span", "token")

    def __init__(self, span: Any, token: Any) -> None:
        self.span = span
        self.token = token


class Tracer:
    """Makes the spans of one runtime."""

    def __init__(self, runtime: int) -> None:
        self._context = _api("context")
        self._trace = _api("trace")
        # Asked for anew by every runtime: a provider may have been set meanwhile.
        self._tracer = self._trace.get_tracer(_SCOPE)
        self._runtime = runtime

    def begin(self, what: str, name: str | None, awaited: bool) -> Begun:
        """Begin a span as a child of the current one, and make it the current one.

        Args:
            what: what the operation does.
            name: file, specifier or function; `None` for what has none.
            awaited: this is called in a copy of the caller's context that host functions run in, and needs no way back.
        """
        attributes: dict[str, Any] = {
            "jsrun.operation": what,
            "jsrun.runtime": self._runtime,
            "jsrun.awaited": awaited,
        }
        if name is not None:
            attributes[_NAMES[what]] = name
        span = self._tracer.start_span(f"jsrun.{what}", attributes=attributes)
        token = self._context.attach(self._trace.set_span_in_context(span))
        return Begun(span, None if awaited else token)

    def leave(self, begun: Begun) -> None:
        """Make the span that was the current one before it the current one again."""
        token, begun.token = begun.token, None
        if token is not None:
            self._context.detach(token)

    def end(self, begun: Begun, error: BaseException | None) -> None:
        """End a span; with an error, record it. A cancelled operation has not failed."""
        self.leave(begun)
        span = begun.span
        if isinstance(error, asyncio.CancelledError):
            span.set_attribute("jsrun.cancelled", True)
        elif error is not None and span.is_recording():
            kind = type(error)
            span.set_attribute("error.type", f"{kind.__module__}.{kind.__qualname__}")
            span.record_exception(error)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, f"{kind.__name__}: {error}"))
        span.end()
