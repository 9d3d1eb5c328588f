"""What may become a key where the other side is not trusted: hashing it, and finding it again, must be cheap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from .wire import WireError

#: Collections that are too small to be worth a look.
SMALL: Final = 64
#: Keys of one hash that are still cheap.
MOST: Final = 64
#: Members of tuples that may be hashed beyond what their bytes are worth: a tuple may be referred to again.
FREE: Final = 1_000_000


class Hashing:
    """The budget of one message."""

    __slots__ = ("_left", "_weights")

    def __init__(self, size: int) -> None:
        self._left = FREE + 16 * size
        #: Members that hashing a tuple visits, by its identity. The reader keeps them alive.
        self._weights: dict[int, int] = {}

    def weigh(self, made: tuple[Any, ...]) -> None:
        """Note a tuple that is whole. Python hashes it anew each time, and one that is shared as often as it occurs."""
        weights = self._weights
        weights[id(made)] = 1 + sum(weights.get(id(item), 1) for item in made)

    def check(self, keys: Sequence[Any]) -> None:
        """Make sure that ``keys`` can be hashed, and told apart.

        Raises:
            WireError: they were made to take for ever.
        """
        weights = self._weights
        if weights:
            # Once to count and once to store; and those of one hash are compared.
            self._left -= sum(weights.get(id(key), 1) for key in keys)
            if self._left < 0:
                raise WireError("the keys of a container are too much work to hash")
        if len(keys) > SMALL and max(Counter(map(hash, keys)).values()) > MOST:
            raise WireError("the keys of a container cannot be told apart by their hashes")
