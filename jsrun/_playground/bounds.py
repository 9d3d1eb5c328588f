"""What a playground's visitors may use."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class PlaygroundLimits:
    """Limits of a `Playground`, for each visitor or each run. Sizes are bytes, times seconds.

    Args:
        timeout: time of one run: its code, its timers and its stream together.
        max_heap_size: V8's heap of one visitor; at least 4 MiB.
        max_buffer_bytes: array buffers of one visitor.
        console_lines: console messages of one run that are shown; the rest is counted.
        stream_chunks: chunks of a run's stream that are shown; then the stream is cancelled.
        request_bytes: largest request: the code as JSON.
        visitors: isolates at the same time; who comes later is asked to wait.
        idle: time after its last run that a visitor's isolate is kept.

    Raises:
        TypeError: a limit is no number.
        ValueError: a limit is out of its bounds.

    Example:
        >>> from jsrun.playground import PlaygroundLimits
        >>> PlaygroundLimits(timeout=2.0).visitors
        16
    """

    timeout: float = 5.0
    max_heap_size: int = 64 << 20
    max_buffer_bytes: int = 64 << 20
    console_lines: int = 1000
    stream_chunks: int = 1000
    request_bytes: int = 256 << 10
    visitors: int = 16
    idle: float = 600.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            seconds = name in {"timeout", "idle"}
            if isinstance(value, bool) or not isinstance(value, (int, float) if seconds else int):
                raise TypeError(f"{name} must be {'a number of seconds' if seconds else 'an int'}, got {value!r}")
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be more than 0 and finite, got {value!r}")
        if self.max_heap_size < 4 << 20:
            raise ValueError(f"max_heap_size must be at least {4 << 20}, got {self.max_heap_size}")
