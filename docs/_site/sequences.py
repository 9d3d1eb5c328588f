"""Sequence diagrams from text: the first line names who takes part, each further one `a -> b: what` or `a: what`."""

from __future__ import annotations

import html
import re

STEP = re.compile(r"(.+?)(?: -> (.+?))?: (.+)")
WIDTH, ROW, TOP, MARGIN = 640, 34, 50, 100


def diagram(text: str) -> str:
    """The diagram as one line of HTML."""
    first, *lines = text.strip().splitlines()
    names = [name.strip() for name in first.split("|")]
    column = WIDTH // (len(names) - 1)
    across = {name: MARGIN + column * number for number, name in enumerate(names)}
    wide, high = 2 * MARGIN + WIDTH, TOP + ROW * len(lines) + 10
    parts = []
    for name, x in across.items():
        parts.append(
            f'<line class="life" x1="{x}" y1="34" x2="{x}" y2="{high}"/>'
            f'<rect class="box" x="{x - 88}" y="4" width="176" height="30" rx="5"/>'
            f'<text x="{x}" y="23" text-anchor="middle">{html.escape(name)}</text>'
        )
    for number, line in enumerate(lines):
        found = STEP.fullmatch(line.strip())
        if found is None or found[1] not in across or (found[2] or found[1]) not in across:
            raise ValueError(f"not a step of this diagram: {line!r}; it has {names}")
        parts.append(step(across[found[1]], across[found[2] or found[1]], TOP + ROW * number + 18, found[3]))
    return (
        f'<div class="diagram"><svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {wide} {high}">'
        f"{''.join(parts)}</svg></div>"
    )


def step(start: int, end: int, y: int, text: str) -> str:
    """An arrow between two, or a word on what one does."""
    shown = html.escape(text)
    if start == end:
        # Beside the line, on the side that has room.
        x, anchor = (start + 10, "start") if start < MARGIN + WIDTH else (start - 10, "end")
        return (
            f'<circle class="dot" cx="{start}" cy="{y}" r="4"/>'
            f'<text class="aside" x="{x}" y="{y + 4}" text-anchor="{anchor}">{shown}</text>'
        )
    way = 1 if end > start else -1
    tip = f"{end},{y} {end - 8 * way},{y - 4} {end - 8 * way},{y + 4}"
    return (
        f'<line class="arrow" x1="{start}" y1="{y}" x2="{end - 6 * way}" y2="{y}"/>'
        f'<polygon class="tip" points="{tip}"/>'
        f'<text class="aside" x="{(start + end) / 2:.0f}" y="{y - 5}" text-anchor="middle">{shown}</text>'
    )
