"""Values as bytes between a host and its child process: the tags, and what stays on one side."""

from __future__ import annotations

import datetime
import struct
from typing import Any, Final, NamedTuple, Protocol

#: Deeper nesting than a runtime can be configured for.
DEPTH: Final = 2_200

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
INT: Final = struct.Struct("<q")
DOUBLE: Final = struct.Struct("<d")

NONE, UNDEFINED, TRUE, FALSE = b"NUTF"
SMALL, LONG, BIG, REAL, TEXT, BYTES = b"jiIdsb"
LIST, TUPLE, DICT, SET, FROZEN, MAP = b"ltmSZM"
DATE, VIEW, REGEXP, ERROR, SEEN, FOREIGN = b"DVRErX"
INTS, REALS = b"qf"


class WireError(Exception):
    """The bytes are no value: the other side is broken, or lies."""


class Refused(Exception):
    """A value has no form on the other side; the text says why."""


class Ref(NamedTuple):
    """Something that stays on one side: the other knows it by number."""

    kind: int
    number: int
    flag: int
    text: str


class Border(Protocol):
    """Turns what stays on one side into references, and references into what stands for it here."""

    def refer(self, value: Any) -> Ref | None:
        """Return the reference of an object that has one; asked before anything else."""

    def export(self, kind: str, payload: Any) -> Ref | None:
        """Return a new reference for what `simplify` said; ``None`` for an exception to be written out."""

    def resolve(self, ref: Ref) -> Any:
        """Return what stands for a reference here, or raise `WireError`."""


class Plain:
    """The border that nothing but data passes."""

    def refer(self, _value: Any) -> Ref | None:
        """Know nothing."""
        return None

    def export(self, kind: str, _payload: Any) -> Ref | None:
        """Let errors be written out; refuse the rest."""
        if kind == "error":
            return None
        raise Refused(f"a {kind} cannot leave this process here")

    def resolve(self, ref: Ref) -> Any:
        """Refuse."""
        raise WireError(f"a reference of kind {ref.kind} where none can be")


PLAIN: Final = Plain()
