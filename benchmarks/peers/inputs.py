"""The JavaScript sources and payloads every worker uses, so that all libraries do the same work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

ADD = "(a, b) => a + b"
SIZE = "value => value.length"
FOREVER = "while (true) {}"

# `host` and `later` are the Python functions, sync and async; both give their argument back.
SYNC_CALLS = 1000
SYNC_LOOP = f"(() => {{ let sum = 0; for (let i = 0; i < {SYNC_CALLS}; i++) sum += host(i); return sum }})()"
SYNC_SUM = sum(range(SYNC_CALLS))
SEQUENCE_CALLS = 200
SEQUENCE = (
    f"(async () => {{ let sum = 0; for (let i = 0; i < {SEQUENCE_CALLS}; i++) sum += await later(i); return sum }})()"
)
SEQUENCE_SUM = sum(range(SEQUENCE_CALLS))
PARALLEL_CALLS = 1000
PARALLEL = (
    f"Promise.all(Array.from({{ length: {PARALLEL_CALLS} }}, (_, i) => later(i)))"
    ".then(values => values.reduce((a, b) => a + b))"
)
PARALLEL_SUM = sum(range(PARALLEL_CALLS))
AT_ONCE = 1000


def host(value: T) -> T:
    return value


async def later(value: T) -> T:
    return value


@dataclass(frozen=True)
class Payload:
    """One value in both languages: how each makes it, and how JavaScript recognises it."""

    make: Callable[[], Any]
    js: str  # an expression
    js_check: str  # a function that returns true for exactly this value

    @property
    def value(self) -> Any:
        return _made(self)


@cache
def _made(payload: Payload) -> Any:
    return payload.make()


ROWS = Payload(
    lambda: [{"id": i, "name": f"user {i}", "score": i * 0.5, "ok": i % 2 == 0, "tag": None} for i in range(20_000)],
    "Array.from({ length: 20000 }, (_, i) =>"
    " ({ id: i, name: `user ${i}`, score: i * 0.5, ok: i % 2 === 0, tag: null }))",
    "rows => rows.length === 20000 && rows.every((r, i) => Object.keys(r).length === 5 && r.id === i"
    " && r.name === `user ${i}` && r.score === i * 0.5 && r.ok === (i % 2 === 0) && r.tag === null)",
)
FLOATS = Payload(
    lambda: [i + 0.5 for i in range(200_000)],
    "Array.from({ length: 200000 }, (_, i) => i + 0.5)",
    "floats => floats.length === 200000 && floats.every((x, i) => x === i + 0.5)",
)
BYTES = Payload(
    lambda: bytes(range(256)) * (16 << 12),
    "new Uint8Array(16 << 20).map((_, i) => i)",
    "bytes => { let bad = bytes.length - (16 << 20);"
    " for (let i = 0; i < bytes.length; i++) if (bytes[i] !== (i & 255)) bad++; return bad === 0 }",
)
TEXT = Payload(
    lambda: "0123456789abcdef" * (8 << 16),
    "'0123456789abcdef'.repeat(8 << 16)",
    "text => text === '0123456789abcdef'.repeat(8 << 16)",
)


# Streams: chunks of one kind, many at a time, read to their end.
OBJECTS = 2000
BLOCKS = 200
BLOCK = bytes(range(256)) * 256
OBJECT = {"id": 7, "name": "Ada", "ok": True}
OBJECT_STREAM = f"""new ReadableStream({{
  start() {{ this.n = 0 }},
  pull(c) {{ if (this.n++ === {OBJECTS}) c.close(); else c.enqueue({{id: 7, name: 'Ada', ok: true}}) }} }})"""
BLOCK_STREAM = f"""new ReadableStream({{
  start() {{ this.n = 0; this.block = Uint8Array.from({{length: 65536}}, (_, i) => i) }},
  pull(c) {{ if (this.n++ === {BLOCKS}) c.close(); else c.enqueue(this.block.slice()) }} }})"""
# Reads to the end: the number of chunks, and something of each.
READ_OBJECTS = """async stream => { const reader = stream.getReader(); let n = 0, sum = 0;
  for (;;) { const { done, value } = await reader.read(); if (done) return [n, sum]; n++; sum += value.id } }"""
READ_BLOCKS = """async stream => { const reader = stream.getReader(); let n = 0, sum = 0;
  for (;;) { const { done, value } = await reader.read(); if (done) return [n, sum]; n++; sum += value[7] } }"""


async def repeat(chunk: object, count: int) -> AsyncIterator[object]:
    for _ in range(count):
        yield chunk
