"""Plain types that values convert to, and the aliases that describe them. Imports nothing of jsrun."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, final

RuntimeState = Literal["open", "draining", "condemned", "terminated", "closed"]


@final
class JsUndefined:
    """The type of `undefined`; there is one instance, and it is false."""

    __slots__ = ()
    _instance: JsUndefined | None = None

    def __new__(cls) -> JsUndefined:
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"

    def __reduce__(self) -> str:
        return "undefined"

    def __copy__(self) -> JsUndefined:
        return self

    def __deepcopy__(self, memo: object) -> JsUndefined:
        return self


undefined: Final = JsUndefined()


@final
class JsRegExp:
    """A JavaScript regular expression: ``source`` and ``flags``, both `str`. Immutable."""

    __slots__ = ("flags", "source")
    source: str
    flags: str

    def __init__(self, source: str, flags: str = "") -> None:
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "flags", flags)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("JsRegExp is immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsRegExp) and (self.source, self.flags) == (other.source, other.flags)

    def __hash__(self) -> int:
        return hash((self.source, self.flags))

    def __repr__(self) -> str:
        return f"JsRegExp({self.source!r}, {self.flags!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (JsRegExp, (self.source, self.flags))


@final
class JsMap:
    """A JavaScript `Map` that no `dict` can hold: keys that are unhashable, or equal in Python (``1`` and ``True``).

    Iterating gives the ``(key, value)`` pairs in order; passed to JavaScript it is a `Map` again.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        self._pairs = pairs

    def items(self) -> list[tuple[Any, Any]]:
        """Return the pairs, in insertion order."""
        return list(self._pairs)

    def get(self, key: object, default: Any = None) -> Any:
        """Return the value of the first key of the same type that equals ``key``."""
        for other, value in self._pairs:
            if type(other) is type(key) and other == key:
                return value
        return default

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsMap) and self._pairs == other._pairs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"JsMap({self._pairs!r})"


@final
class Nothing:
    """What an immediate call returns that older code awaits: awaiting it gives ``None`` at once."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return
        yield

    def __bool__(self) -> bool:
        return False


JsKey = Hashable
JsValue = Any


@dataclass(frozen=True)
class ConsoleMessage:
    """What JavaScript wrote to its console.

    Args:
        level: ``debug``, ``log``, ``info``, ``warning`` or ``error``.
        text: the arguments as ``console`` shows them.
        args: the arguments converted; empty if one of them has no Python form.
        dropped: messages lost before this one because the host did not keep up.
    """

    level: str
    text: str
    args: tuple[Any, ...]
    dropped: int
