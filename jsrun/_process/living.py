"""The isolates in child processes that there are: how many live, and what becomes of them in a forked process."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from .link import Link


class Living(Protocol):
    """What is entered here."""

    link: Link

    def forget(self) -> None:
        """After a fork, in the new process."""


_all: weakref.WeakSet[Living] = weakref.WeakSet()
enter = _all.add


def count_alive() -> int:
    """Return how many child processes there are."""
    return sum(not isolate.link.over.is_set() for isolate in list(_all))


def _forget_after_fork() -> None:
    for isolate in list(_all):
        isolate.forget()
    _all.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
