"""Runtimes alive at once: a crowd that comes and goes twice, and as many as the system gives."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any

from gauges import Reading, address_space, settled
from rich.progress import Progress

from jsrun import Runtime

READINGS = 50


def look(alive: int, start: float, reading: Reading) -> dict[str, Any]:
    """One point of the plot."""
    return {"alive": alive, "seconds": time.perf_counter() - start, **dataclasses.asdict(reading)}


def come(count: int, progress: Progress, readings: list[dict[str, Any]], start: float) -> list[Runtime]:
    task = progress.add_task("alive", total=count)
    crowd = []
    every = max(1, count // READINGS)
    for number in range(1, count + 1):
        crowd.append(Runtime())
        if number % every == 0:
            readings.append(look(number, start, Reading.take()))
            progress.update(task, completed=number)
    return crowd


async def ask_all(crowd: list[Runtime]) -> None:
    """Every one of them computes, all at once."""
    answers = await asyncio.gather(*(rt.eval_async(f"{number} * 2") for number, rt in enumerate(crowd)))
    assert answers == [number * 2 for number in range(len(crowd))]


async def go(crowd: list[Runtime]) -> None:
    await asyncio.gather(*(rt.aclose() for rt in crowd))


def crowd(count: int, rest: float, progress: Progress) -> dict[str, Any]:
    """`count` runtimes come, are asked, and go; twice. Then nothing happens for `rest` seconds."""
    before = Reading.take()
    readings: list[dict[str, Any]] = []
    rounds = []
    start = time.perf_counter()
    for _ in range(2):
        begun = time.perf_counter()
        runtimes = come(count, progress, readings, start)
        made = time.perf_counter()
        asyncio.run(ask_all(runtimes))
        asked = time.perf_counter()
        peak, space = Reading.take(), address_space()
        asyncio.run(go(runtimes))
        runtimes.clear()
        gone = time.perf_counter()
        closed = settled(before)
        readings.append(look(0, start, closed))
        rounds.append(
            {
                "create_seconds": made - begun,
                "ask_seconds": asked - made,
                "close_seconds": gone - asked,
                "peak": dataclasses.asdict(peak),
                "address_space": space,
                "closed": dataclasses.asdict(closed),
            }
        )
    time.sleep(rest)
    rested = settled(before)
    readings.append(look(0, start, rested))
    return {
        "count": count,
        "before": dataclasses.asdict(before),
        "rounds": rounds,
        "rested": dataclasses.asdict(rested),
        "left": rested.beyond(before),
        "readings": readings,
    }


def fill(progress: Progress) -> dict[str, Any]:
    """Make runtimes until one is refused; all of them work then, and after some have gone there is room again."""
    before = Reading.take()
    task = progress.add_task("limit", total=None)
    runtimes: list[Runtime] = []
    try:
        while True:
            runtimes.append(Runtime())
            progress.update(task, completed=len(runtimes))
    except OSError as error:
        refusal = str(error)
    peak = Reading.take()
    count = len(runtimes)
    for number, rt in enumerate(runtimes):
        assert rt.eval(f"{number} + 1") == number + 1
    for rt in runtimes[: count // 10]:
        rt.close()
    with Runtime() as rt:
        assert rt.eval("6 * 7") == 42
    for rt in runtimes:
        rt.close()
    runtimes.clear()
    return {
        "count": count,
        "refusal": refusal,
        "peak": dataclasses.asdict(peak),
        "closed": dataclasses.asdict(settled(before)),
    }
