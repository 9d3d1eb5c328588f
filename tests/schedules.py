"""Random schedules: threads and loops that evaluate, call, stream, cancel, close and terminate on shared runtimes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leaks
from hypothesis import strategies as st
from modes import loop_kinds, running_loop

from jsrun import (
    JavaScriptError,
    JavaScriptTimeout,
    OperationLost,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
)

PRELUDE = (Path(__file__).parent / "js" / "schedules.js").read_text()
BOUND = 60.0
SHORT = 0.02

# What a step does, and the value it gives when nothing stops it.
VALUES: dict[str, Any] = {
    "eval": 42,
    "wait": "later",
    "call": [1, 2, 3],
    "plain": 43,
    "later": 44,
    "nested": 45,
    "fails": JavaScriptError,
    "raises": JavaScriptError,
    "spin": JavaScriptTimeout,
    "jobs": JavaScriptTimeout,
    "out": [0, 1, 2, 3, 4],
    "part": [0, 1],
    "into": 10,
    "fresh": 7,
}
STOPS = ("close", "terminate")


@dataclass(frozen=True)
class Step:
    """One operation on one runtime; `wait` is milliseconds before it, `cancel` turns of the loop after it began."""

    what: str
    runtime: int = 0
    wait: int = 0
    cancel: int | None = None


@dataclass(frozen=True)
class Actor:
    """A thread, or a loop on a thread of its own, with its steps; a loop has them all in flight at once."""

    kind: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Schedule:
    """Everything that happens, but for what the operating system decides."""

    runtimes: int
    actors: tuple[Actor, ...]


steps = st.builds(
    Step,
    what=st.sampled_from([*VALUES, *VALUES, *STOPS]),
    runtime=st.integers(0, 1),
    wait=st.sampled_from([0, 0, 0, 1, 3, 10]),
    cancel=st.one_of(st.none(), st.none(), st.integers(0, 20)),
)
actors = st.builds(
    Actor, kind=st.sampled_from(["thread", *loop_kinds()]), steps=st.lists(steps, min_size=1, max_size=8).map(tuple)
)
schedules = st.builds(Schedule, runtimes=st.integers(1, 2), actors=st.lists(actors, min_size=1, max_size=4).map(tuple))


@dataclass(frozen=True)
class Raised:
    """An exception as an outcome: without its traceback, which would keep loops alive."""

    kind: type[BaseException]
    text: str


@dataclass
class Happened:
    """What became of one step."""

    actor: int
    step: Step
    outcomes: list[Any] = field(default_factory=list)


async def later(number: int) -> int:
    await asyncio.sleep(0.001)
    return number + 2


def raises() -> None:
    raise ValueError("on purpose")


async def numbers() -> AsyncIterator[int]:
    for number in range(5):
        yield number


def prepare(rt: Runtime) -> Runtime:
    rt.eval(PRELUDE)
    rt.bind_function("plain", lambda number: number + 1)
    rt.bind_function("later", later)
    rt.bind_function("raises", raises)
    rt.bind_function("nested", lambda number: rt.eval(f"{number} + 3"))
    return rt


CODES = {
    "eval": "6 * 7",
    "wait": "new Promise(done => setTimeout(done, 2, 'later'))",
    "plain": "plain(42)",
    "later": "later(42)",
    "nested": "nested(42)",
    "fails": "throw new TypeError('on purpose')",
    "raises": "raises()",
    "spin": "for (;;);",
    "jobs": "(async () => { for (;;) await 0 })()",
}


def timeout_of(step: Step) -> float | None:
    return SHORT if VALUES.get(step.what) is JavaScriptTimeout else None


def blocking(rt: Runtime, step: Step) -> Any:
    """Do a step on a thread without a loop."""
    if step.what in CODES:
        return rt.eval(CODES[step.what], timeout=timeout_of(step))
    if step.what == "call":
        return rt.eval("list")(1, 2, 3)
    if step.what in {"out", "part"}:
        found = []
        with rt.eval("count(5)") as stream:
            for chunk in stream:
                found.append(chunk)
                if step.what == "part" and len(found) == 2:
                    break
        return found
    if step.what == "into":
        return rt.eval("total")([0, 1, 2, 3, 4])
    if step.what == "fresh":
        with Runtime() as fresh:
            return fresh.eval("7")
    return rt.close() if step.what == "close" else rt.terminate()


async def awaited(rt: Runtime, step: Step) -> Any:
    """Do a step on a loop."""
    if step.what in CODES:
        return await rt.eval_async(CODES[step.what], timeout=timeout_of(step))
    if step.what == "call":
        return await (await rt.eval_async("list")).call_async(1, 2, 3)
    if step.what in {"out", "part"}:
        found = []
        async with await rt.eval_async("count(5)") as stream:
            async for chunk in stream:
                found.append(chunk)
                if step.what == "part" and len(found) == 2:
                    break
        return found
    if step.what == "into":
        return await (await rt.eval_async("total")).call_async(numbers())
    if step.what == "fresh":
        async with Runtime.create() as fresh:
            return await fresh.eval_async("7")
    return await rt.aclose() if step.what == "close" else rt.terminate()


def outcome_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:
        return Raised(type(error), str(error))


async def one(rt: Runtime, entry: Happened) -> None:
    """One step as a task; its outcome is told by a callback, which asyncio runs once."""
    await asyncio.sleep(entry.step.wait / 1000)
    task = asyncio.ensure_future(awaited(rt, entry.step))
    task.add_done_callback(lambda task: entry.outcomes.append(verdict(task)))
    if entry.step.cancel is not None:
        for _ in range(entry.step.cancel):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])


def verdict(task: asyncio.Task[Any]) -> Any:
    if task.cancelled():
        return Raised(asyncio.CancelledError, "")
    error = task.exception()
    return task.result() if error is None else Raised(type(error), str(error))


def play(schedule: Schedule) -> list[Happened]:
    """Run a schedule to its end, close its runtimes, and return what happened. Every wait is bounded."""
    before, files = leaks.Census.take(), leaks.open_files()
    runtimes = [prepare(Runtime()) for _ in range(schedule.runtimes)]
    happened = [[Happened(number, step) for step in actor.steps] for number, actor in enumerate(schedule.actors)]
    gate = threading.Barrier(len(schedule.actors))
    broken: list[BaseException] = []

    def guarded(body: Callable[[], None]) -> None:
        try:
            gate.wait(BOUND)
            body()
        except BaseException as error:
            broken.append(error)

    def on_thread(entries: list[Happened]) -> None:
        for entry in entries:
            time.sleep(entry.step.wait / 1000)
            rt = runtimes[entry.step.runtime % len(runtimes)]
            entry.outcomes.append(outcome_of(lambda rt=rt, entry=entry: blocking(rt, entry.step)))

    def on_loop(kind: str, entries: list[Happened]) -> None:
        async def main() -> None:
            await asyncio.gather(*(one(runtimes[entry.step.runtime % len(runtimes)], entry) for entry in entries))

        with running_loop(kind) as loop:
            loop.run_until_complete(main())

    def body_of(actor: Actor, entries: list[Happened]) -> Callable[[], None]:
        return lambda: on_thread(entries) if actor.kind == "thread" else on_loop(actor.kind, entries)

    threads = [
        threading.Thread(target=guarded, args=(body_of(actor, entries),), daemon=True)
        for actor, entries in zip(schedule.actors, happened, strict=True)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + BOUND
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "an operation never ended"
    if broken:
        raise broken[0]
    closer = threading.Thread(target=lambda: [rt.close() for rt in runtimes], daemon=True)
    closer.start()
    closer.join(BOUND)
    assert not closer.is_alive(), "a runtime did not close"
    runtimes.clear()
    after = leaks.settle(before)
    more = sorted(set(leaks.open_files().items()) - set(files.items()))
    assert not after.exceeds(before), f"leaked: {before} became {after}; new descriptors: {more}"
    return [entry for entries in happened for entry in entries]


def check(schedule: Schedule, happened: list[Happened]) -> None:
    """Exactly one outcome per step, and one that this schedule allows."""
    for entry in happened:
        assert len(entry.outcomes) == 1, f"{entry.step} ended {len(entry.outcomes)} times"
        outcome = entry.outcomes[0]
        expected = VALUES.get(entry.step.what)
        if isinstance(outcome, Raised):
            right = outcome.kind is expected or issubclass(outcome.kind, excuses(schedule, entry))
        else:
            right = outcome == expected
        assert right, f"{entry.step} ended as {outcome!r}"


def excuses(schedule: Schedule, entry: Happened) -> tuple[type[BaseException], ...]:
    """What else may become of a step: what the others did to its runtime."""
    if entry.step.what == "fresh":
        return (asyncio.CancelledError,) if entry.step.cancel is not None else ()
    there = [
        step
        for actor in schedule.actors
        for step in actor.steps
        if step.runtime % schedule.runtimes == entry.step.runtime % schedule.runtimes
    ]
    allowed: list[type[BaseException]] = []
    if any(step.what == "close" for step in there):
        allowed.append(RuntimeClosed)
    if any(step.what == "terminate" for step in there):
        allowed.append(RuntimeTerminated)
    if any(step.what in {"spin", "jobs", *STOPS} or step.cancel is not None for step in there):
        # V8 drops the jobs of all operations when it stops one inside a job.
        allowed += [OperationLost]
    if entry.step.cancel is not None and schedule.actors[entry.actor].kind != "thread":
        allowed.append(asyncio.CancelledError)
    return tuple(allowed)
