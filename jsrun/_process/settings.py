"""A runtime's configuration as plain data for its child, and what both sides agree on."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Final

from .. import _isolation
from .._config import RuntimeConfig, Timeout, check_timeout
from .._inspector import InspectorConfig

#: Exit code of a child whose V8 does not yield.
WEDGED: Final = 70
#: Exit code of a child that could not read what its host sent.
BROKEN: Final = 71
REASONS: Final = {
    WEDGED: "V8 did not yield after an operation was stopped",
    BROKEN: "it did not understand its host",
}

_SENT: Final = (
    "max_heap_size",
    "initial_heap_size",
    "max_buffer_bytes",
    "max_stack",
    "bootstrap",
    "max_serialization_depth",
    "max_serialization_bytes",
    "stream_high_water_mark",
    "snapshot",
    "allow_eval",
    "allow_wasm",
    "allow_atomics_wait",
    "max_modules",
    "max_host_calls",
    "max_unhandled_rejections",
    "import_map",
    "code_cache",
)


def seconds(timeout: Timeout) -> float | None:
    """Return a timeout in seconds."""
    if isinstance(timeout, datetime.timedelta):
        return timeout.total_seconds()
    return None if timeout is None else float(timeout)


def limit(timeout: Timeout) -> float | None:
    """Return a limit of CPU time in seconds.

    Raises:
        TypeError, ValueError: it is no positive number of seconds.
    """
    check_timeout(timeout, "cpu_timeout")
    return seconds(timeout)


def pack(config: RuntimeConfig) -> dict[str, Any]:
    """Return what the child must know."""
    parts = {name: getattr(config, name) for name in _SENT}
    parts["timeout"] = seconds(config.timeout)
    parts["cpu_timeout"] = seconds(config.cpu_timeout)
    parts["code_cache"] = None if config.code_cache is None else str(config.code_cache)
    parts["console"] = bool(config.enable_console)
    parts["console_values"] = config.on_console is not None
    parts["inspector"] = None if config.inspector is None else dataclasses.asdict(config.inspector)
    parts["rights"] = dataclasses.asdict(_isolation.of(config))
    if config.code_cache is not None:
        parts["rights"]["readable"] += (parts["code_cache"],)
    return parts


def unpack(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the child's runtime."""
    inspector = parts["inspector"] and InspectorConfig(**parts["inspector"])
    return {name: parts[name] for name in (*_SENT, "timeout", "cpu_timeout")} | {"inspector": inspector}
