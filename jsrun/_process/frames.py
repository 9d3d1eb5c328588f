"""Messages on the socket: a header of length, kind and number, then a payload."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import Final

from .wire import WireError

HEADER: Final = struct.Struct("<IBQ")
#: The most that one message carries.
LARGEST: Final = (1 << 32) - 1


class Kind(enum.IntEnum):
    """What a message is. The number is that of an operation (`REQUEST` to `PENDING`), of a host call, or 0."""

    # From the host.
    REQUEST = 1  # head, body: start an operation
    CANCEL = 2  # nobody waits for it any more
    ANSWER = 3  # of a host call: whether it returned, and what
    RELEASE = 4  # numbers of the child's objects that the host let go of
    LEAVE = 5  # number of a stream that is not read any further
    # From the child.
    RESULT = 16
    FAILED = 17
    PENDING = 18  # a call from a loop's thread gave a promise
    HOST_CALL = 19
    ABANDON = 20  # nobody waits for a host call any more
    DROP = 21  # numbers of the host's objects that the child let go of
    CONSOLE = 22
    REJECTION = 23
    STATE = 24  # how the child's runtime stands from now on


def frame(kind: Kind, number: int, payload: bytes | bytearray = b"") -> bytes:
    """Return one message as bytes."""
    return HEADER.pack(len(payload), kind, number) + payload


class Splitter:
    """Cuts a stream of bytes into messages."""

    def __init__(self, largest: int, kinds: range) -> None:
        self._buffer = bytearray()
        self._largest = min(largest, LARGEST)
        self._kinds = kinds

    def feed(self, data: bytes) -> Iterator[tuple[Kind, int, bytearray]]:
        """Return the messages that ``data`` completes.

        Raises:
            WireError: a header announces what cannot be.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= HEADER.size:
            length, kind, number = HEADER.unpack_from(buffer, at)
            if kind not in self._kinds:
                raise WireError(f"a message of the unknown kind {kind}")
            if length > self._largest:
                raise WireError(f"a message of {length} bytes, where at most {self._largest} are allowed")
            end = at + HEADER.size + length
            if len(buffer) < end:
                break
            yield Kind(kind), number, buffer[at + HEADER.size : end]
            at = end
        del buffer[:at]


TO_CHILD: Final = range(Kind.REQUEST, Kind.LEAVE + 1)
TO_HOST: Final = range(Kind.RESULT, Kind.STATE + 1)
