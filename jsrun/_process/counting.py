"""The figures of a runtime in a child process: the child's, and what only this side knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._config import Timeout
from .._stats import KINDS, Figures, are_sound
from ..errors import JsrunError
from .waiting import GRACE

if TYPE_CHECKING:
    from .link import Link


class Counting:
    """The part of `ProcessIsolate` that counts."""

    link: Link

    def __init__(self) -> None:
        super().__init__()
        self._kinds = [0] * len(KINDS)
        self._last = 0

    def _count(self, kind: str) -> None:
        self._last = KINDS.index(kind) + 1
        self._kinds[self._last - 1] += 1

    def stats(self) -> Figures:
        figures: Any = self.ask("get_stats", "stats", None, None, GRACE)
        if not are_sound(figures):
            why = "it broke the protocol (malformed figures)"
            self.link.kill(why)
            raise self._crash(None, why, ())
        # The child awaits everything, and asks for its own purposes too.
        figures["kinds"], figures["last_kind"] = list(self._kinds), self._last
        sound: Figures = figures
        return sound

    def ask(self, what: str, verb: str, head: Any, body: Any, timeout: Timeout) -> Any:
        """Ask the child for something, and block for the answer."""
        raise NotImplementedError

    def _crash(self, status: int | None, why: str, in_flight: tuple[str, ...]) -> JsrunError:
        raise NotImplementedError
