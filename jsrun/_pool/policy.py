"""What a pool does next, as pure functions: who gets which runtime, which ones end, how many to make. No I/O, no V8."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Generic, TypeVar

Runtime = TypeVar("Runtime")
Waiter = TypeVar("Waiter")

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a pool was made with.

    Attributes:
        least: runtimes to keep ready beside those in use.
        most: runtimes alive at any time, those that are being made or closed among them.
        max_idle: seconds after which one that is ready beyond `least` ends; ``None`` for never.
        max_uses: how often one is handed out; ``None`` for without end.
    """

    least: int
    most: int
    max_idle: float | None = None
    max_uses: int | None = 1


@dataclasses.dataclass(frozen=True)
class Situation(Generic[Runtime, Waiter]):
    """A pool at one moment.

    Attributes:
        now: seconds on the clock of all times here.
        idle: runtimes that are ready, each with the time since when; the longest ready first.
        waiting: who waits, the longest waiting first.
        lent: how many are in use.
        coming: how many are being made, or put in order after a use.
        closing: how many are being closed.
        put_off: until when nothing is made but for those who wait, because making failed.
    """

    now: float
    idle: Sequence[tuple[Runtime, float]]
    waiting: Collection[Waiter]
    lent: int = 0
    coming: int = 0
    closing: int = 0
    put_off: float = 0.0


@dataclasses.dataclass(frozen=True)
class Decision(Generic[Runtime, Waiter]):
    """What to do now.

    Attributes:
        grants: who gets which runtime, in order.
        retire: runtimes to close.
        make: how many to make.
        look_again: when to decide again if nothing happens before; ``None`` for never.
    """

    grants: Sequence[tuple[Waiter, Runtime]] = ()
    retire: Sequence[Runtime] = ()
    make: int = 0
    look_again: float | None = None


def decide(rules: Rules, at: Situation[Runtime, Waiter]) -> Decision[Runtime, Waiter]:
    """Return what to do now.

    Who has waited longest is served first, with what became ready last: so what is too much ages, and can end. The
    pool wants one runtime for everyone who waits and `least` ready beside them, within `most`.
    """
    served = min(len(at.idle), len(at.waiting))
    kept = len(at.idle) - served
    newest_first = (runtime for runtime, _ in reversed(at.idle))
    grants = list(zip(islice(at.waiting, served), newest_first, strict=False))
    retire, expiry = _expired(rules, at, kept)
    kept -= len(retire)
    waiting = len(at.waiting) - served
    room = rules.most - (kept + at.lent + served + at.coming + at.closing + len(retire))
    wanted = waiting - at.coming
    reserve = wanted + rules.least - kept
    retry = None
    if at.now < at.put_off:
        retry = at.put_off if min(room, reserve) > max(wanted, 0) else None
    else:
        wanted = reserve
    again = [time for time in (expiry, retry) if time is not None]
    return Decision(grants, retire, max(0, min(room, wanted)), min(again, default=None))


def _expired(rules: Rules, at: Situation[Runtime, Waiter], kept: int) -> tuple[list[Runtime], float | None]:
    """Return which of the `kept` longest ready have been so for too long, and when the next of them will."""
    if rules.max_idle is None:
        return [], None
    expired: list[Runtime] = []
    for runtime, since in islice(at.idle, max(0, kept - rules.least)):
        if at.now < since + rules.max_idle:
            return expired, since + rules.max_idle
        expired.append(runtime)
    return expired, None


def is_used_up(rules: Rules, uses: int) -> bool:
    """Whether a runtime that was handed out `uses` times is not to be handed out again."""
    return rules.max_uses is not None and uses >= rules.max_uses


def delay_after(failures: int) -> float:
    """Return for how many seconds the reserve waits after so many failures to make a runtime in a row."""
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 30))
