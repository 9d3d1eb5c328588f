"""One test body, many modes: blocking or awaited, without a loop, under asyncio or under uvloop."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

BEAT = 0.05
#: How many times slower than usual this process is, as under Valgrind: bounds are that much wider.
SLOWNESS = float(os.environ.get("JSRUN_TEST_SLOWNESS", "1"))
BLOCKED = 1.0 * SLOWNESS


def loop_kinds() -> list[str]:
    """The event loops that are installed here."""
    return ["asyncio", "uvloop"] if importlib.util.find_spec("uvloop") else ["asyncio"]


def beside_itself() -> dict[str, str]:
    """An environment in which a program finds the files beside it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


def without_address(value: object) -> str:
    """The name of a parameter, the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


@dataclass(frozen=True)
class Mode:
    """How a test body reaches JavaScript; `loop` is None where no loop runs at all."""

    name: str
    loop: str | None
    awaited: bool


MODES = [
    Mode("blocking", None, False),
    Mode("blocking-on-asyncio", "asyncio", False),
    *(Mode(f"awaited-{kind}", kind, True) for kind in loop_kinds()),
]


@dataclass(frozen=True)
class Js:
    """A runtime as one mode sees it: the same words in a test block or await."""

    rt: Any
    mode: Mode

    @property
    def awaited(self) -> bool:
        return self.mode.awaited

    async def eval(self, code: str, **options: Any) -> Any:
        """`rt.eval` or `await rt.eval_async`."""
        if self.awaited:
            return await self.rt.eval_async(code, **options)
        return self.rt.eval(code, **options)

    async def eval_module(self, specifier: str, **options: Any) -> Any:
        """`rt.eval_module` or `await rt.eval_module_async`."""
        if self.awaited:
            return await self.rt.eval_module_async(specifier, **options)
        return self.rt.eval_module(specifier, **options)

    async def call(self, function: Any, *args: Any, **options: Any) -> Any:
        """`fn(...)`, awaited where that is needed, or `await fn.call_async(...)`."""
        if self.awaited:
            return await function.call_async(*args, **options)
        result = function(*args, **options)
        return await result if hasattr(result, "__await__") else result

    async def pause(self, seconds: float) -> None:
        """Let time pass without blocking a loop that is needed."""
        if self.mode.loop is None:
            time.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait, bounded, for what happens in the background."""
        end = time.monotonic() + seconds * SLOWNESS
        while not condition():
            assert time.monotonic() < end, "it never happened"
            await self.pause(0.01)


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """A fresh event loop of that kind."""
    if kind == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop
    return asyncio.new_event_loop()


class Heartbeat:
    """Measures the longest time the loop could not run a timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.worst = 0.0
        self.last = loop.time()
        self.handle = loop.call_later(BEAT, self.beat)

    def beat(self) -> None:
        now = self.loop.time()
        self.worst = max(self.worst, now - self.last - BEAT)
        self.last = now
        self.handle = self.loop.call_later(BEAT, self.beat)

    def stop(self) -> float:
        self.handle.cancel()
        return max(self.worst, self.loop.time() - self.last - BEAT)


def drain(loop: asyncio.AbstractEventLoop) -> None:
    """What `asyncio.run` does at the end, for Python 3.10 too."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        done, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=5))
        assert not pending, f"tasks that refuse to be cancelled: {pending}"
        for task in done:
            if not task.cancelled():
                task.exception()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


@contextmanager
def running_loop(kind: str) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that is current for its thread, drained and closed at the end."""
    loop = new_loop(kind)
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        try:
            drain(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def run_on(kind: str, body: Callable[[], Coroutine[Any, Any, T]], *, may_block: bool = True) -> T:
    """Run `body()` on a fresh loop; an error that only the loop hears of fails, and so does a blocked loop."""
    reports: list[dict[str, Any]] = []
    with running_loop(kind) as loop:
        loop.set_exception_handler(lambda _, context: reports.append(context))
        heart = Heartbeat(loop)
        result = loop.run_until_complete(body())
        worst = heart.stop()
        if not may_block:
            assert worst < BLOCKED, f"the event loop was blocked for {worst:.1f} s"
        gc.collect()
        loop.run_until_complete(asyncio.sleep(0))
    if reports:
        raise AssertionError(f"reported to the loop's exception handler: {str(reports)[:2000]}")
    return result


def run_plain(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, where no loop runs."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise AssertionError("a blocking test body waited for something")


def in_thread(work: Callable[[], T], seconds: float = 30.0) -> T:
    """The result of `work` in a thread of its own, within bounded time."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(seconds * SLOWNESS)
    assert not thread.is_alive(), "the thread did not end"
    if failure:
        error = failure.pop()
        try:
            raise error
        finally:
            del error
    result: T = outcome.pop()
    return result


@contextmanager
def background(work: Callable[[], object], seconds: float = 30.0) -> Iterator[threading.Thread]:
    """Run `work` in a thread beside the block; the thread must end soon after the block does."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(seconds * SLOWNESS)
    assert not thread.is_alive(), "the thread did not end"


def in_threads(work: Callable[[], object], count: int = 4, seconds: float = 30.0) -> None:
    """`work` in threads of their own, all at once and within bounded time; what one of them raises goes on."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    with ExitStack() as running:
        for _ in range(count):
            running.enter_context(background(body, seconds))
    if failures:
        raise failures[0]


def wait_until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait, bounded, for what another thread does."""
    end = time.monotonic() + seconds * SLOWNESS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


async def soon(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait, bounded, for what the loop does."""
    end = time.monotonic() + seconds * SLOWNESS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.005)


async def outcome(awaitable: Awaitable[T]) -> T | BaseException:
    """The result, or the exception as a value (`CancelledError` too)."""
    try:
        return await awaitable
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return error


PY311 = sys.version_info >= (3, 11)
PY312 = sys.version_info >= (3, 12)
