"""Where a pool makes, resets and closes its runtimes: tasks on one event loop, the opener's or a private thread's."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import dataclasses
import functools
import inspect
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .. import _log
from .._config import RuntimeConfig
from .._jsrun import Operation
from .._portal import call_on
from .._runtime import Runtime
from .books import Books, Member, Orders, PoolStats, Waiter

T = TypeVar("T")

_CLOSED = "the pool is closed"
_LOOP_CLOSED = "the event loop on which the pool was opened is closed"
_FORKED = "the pool belongs to the parent process: V8 does not survive a fork; make a new pool"
# For what was sent to a runtime before it came back to leave its thread.
_GRACE = 1.0
# Before a private thread fills the reserve: whoever took from it would wait for the GIL meanwhile, so it goes first.
_BREATH = 0.002
# A loop's clock may be a millisecond behind ours.
_TICK = 0.001

_open: weakref.WeakSet[Workshop] = weakref.WeakSet()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a runtime is made and put in order.

    Attributes:
        config: the configuration of every runtime.
        setup: called with each new runtime; what it returns is awaited if it can be.
        reset: script for, or called like `setup` with, each runtime that comes back.
    """

    config: RuntimeConfig
    setup: Callable[[Runtime], object] | None = None
    reset: str | Callable[[Runtime], object] | None = None


def run_on(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> bool:
    """Run a callback on a loop's thread: at once if this is it. Return whether there is such a loop still."""
    if asyncio._get_running_loop() is loop:
        callback()
        return True
    try:
        call_on(loop, callback)
    except RuntimeError:
        return False
    return True


class Workshop:
    """Enters in the books what happens, and does what follows. Usable from any thread; its tasks run on one loop."""

    def __init__(self, books: Books, recipe: Recipe, *, private: bool) -> None:
        self._books = books
        self._recipe = recipe
        self._context = contextvars.copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self._checks: set[Operation] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop() if private else asyncio.get_running_loop()
        # Ends the private thread's loop.
        self._stopped = self._loop.create_future()
        if private:
            self._thread = threading.Thread(target=self._serve, name="jsrun-pool", daemon=True)
            self._thread.start()
        _open.add(self)
        self._carry_out(books.look())

    # ---- entries -------------------------------------------------------------------------------------------------

    def ask(self, waiter: Waiter) -> None:
        """Enter someone who wants a runtime; who is served at once is answered when this returns."""
        if self._loop.is_closed():
            self._shut(_LOOP_CLOSED)
        self._carry_out(self._books.ask(waiter))

    def withdraw(self, waiter: Waiter) -> None:
        """Strike out someone who waits no more."""
        self._carry_out(self._books.withdraw(waiter))

    def expire(self, waiter: Waiter, seconds: float) -> None:
        """Refuse someone who has waited long enough."""
        self._carry_out(self._books.expire(waiter, seconds))

    def give_back(self, member: Member) -> None:
        """Take back a runtime."""
        self._carry_out(self._books.give_back(member))

    def later(self, entry: Callable[[T], None], what: T) -> None:
        """Make an entry for the garbage collector, which may run where the books are locked."""
        # A loop that is closed needs no entries: the pool is at its end.
        with contextlib.suppress(RuntimeError):
            call_on(self._loop, entry, what)

    def is_here(self) -> bool:
        """Whether this thread's running loop is the one on which runtimes are made."""
        return asyncio._get_running_loop() is self._loop

    def is_shut(self) -> bool:
        """Whether the pool is closed."""
        return self._books.is_shut()

    def stats(self) -> PoolStats:
        """Return the figures of this moment."""
        return self._books.stats()

    # ---- doing what follows --------------------------------------------------------------------------------------

    def _carry_out(self, orders: Orders) -> None:
        todo = [orders]
        while todo:
            orders = todo.pop()
            # Whose loop was closed under them have gone.
            todo += [self._books.withdraw(waiter) for waiter in orders.wake if not waiter.wake()]
            self._pass_on(orders)

    def _pass_on(self, orders: Orders) -> None:
        sooner = orders.look_again is not None and orders.look_again < self._alarm_at
        if (orders.make or orders.reset or orders.retire or sooner) and not run_on(
            self._loop, functools.partial(self._work, orders)
        ):
            self._shut(_LOOP_CLOSED)
            _dismiss([*orders.reset, *orders.retire])

    def _work(self, orders: Orders) -> None:
        """On the loop: start what is ordered."""
        if self._books.is_shut():
            _dismiss([*orders.reset, *orders.retire])
            return
        for member in orders.retire:
            self._start(self._retire(member), self._farewells)
        for member in orders.reset:
            self._check(member)
        if orders.make and self._thread is not None and not orders.urgent:
            self._loop.call_later(_BREATH, self._make_several, orders.make)
        else:
            self._make_several(orders.make)
        if orders.look_again is not None and orders.look_again < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = orders.look_again
            delay = max(0.0, self._alarm_at - time.monotonic()) + _TICK
            self._alarm = self._context.copy().run(self._loop.call_later, delay, self._ring)

    def _make_several(self, count: int) -> None:
        if not self._books.is_shut():
            for _ in range(count):
                self._start(self._make(), self._tasks)

    def _start(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        # In the context of whoever opened the pool, not of whoever happened to need a runtime.
        task = self._context.copy().run(self._loop.create_task, work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, float("inf")
        self._carry_out(self._books.look())

    async def _make(self) -> None:
        try:
            member = await self._create()
        except BaseException as error:
            if isinstance(error, Exception):
                _log.pools.warning("making a runtime for a pool failed: %s", repr(error))
            self._carry_out(self._books.failed(error))
            self._raise_if_exiting(error)
        else:
            self._carry_out(self._books.ready(member))

    def _raise_if_exiting(self, error: BaseException) -> None:
        # On a private thread nobody would hear of it, and its loop must go on.
        if isinstance(error, (KeyboardInterrupt, SystemExit)) and self._thread is None:
            raise error

    async def _create(self) -> Member:
        runtime = await Runtime.create(self._recipe.config)
        member = Member(runtime)
        try:
            self._books.born(member)
            if self._recipe.setup is not None:
                await _finish(self._recipe.setup(runtime))
            member.set_up()
        except BaseException:
            _dismiss([member])
            await runtime.aclose()
            self._books.gone(member)
            raise
        return member

    def _check(self, member: Member) -> None:
        # Whatever was sent before has run when this has, or waits for a promise. No task: it is the price of a reuse.
        settled = self._context.copy().run(member.runtime._native.eval_async, "0", _GRACE, None, None)
        self._checks.add(settled)
        settled.add_done_callback(functools.partial(self._checked, member), context=self._context)

    def _checked(self, member: Member, settled: Operation) -> None:
        self._checks.discard(settled)
        if self._books.is_shut():
            return
        if settled.cancelled() or settled.exception() is not None or not member.is_sound():
            self._carry_out(self._books.spoiled(member, None))
        elif self._recipe.reset is None:
            self._carry_out(self._books.ready(member))
        else:
            self._start(self._reset(member, self._recipe.reset), self._tasks)

    async def _reset(self, member: Member, reset: str | Callable[[Runtime], object]) -> None:
        try:
            if isinstance(reset, str):
                await member.runtime.eval_async(reset, filename="<reset>")
            else:
                await _finish(reset(member.runtime))
        except BaseException as error:
            if isinstance(error, Exception):
                _log.pools.warning("resetting runtime %s failed: %s", member.runtime._native.id, repr(error))
            self._carry_out(self._books.spoiled(member, error))
            self._raise_if_exiting(error)
        else:
            follows = self._books.ready(member) if member.is_sound() else self._books.spoiled(member, None)
            self._carry_out(follows)

    async def _retire(self, member: Member) -> None:
        _log.pools.debug("runtime %s leaves its pool after %d uses", member.runtime._native.id, member.uses)
        try:
            await member.runtime.aclose()
        finally:
            self._carry_out(self._books.gone(member))

    # ---- the end -------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """End everything, without blocking the loop this is called on."""
        members = self._shut(_CLOSED)
        if self._thread is not None:
            if threading.current_thread() is not self._thread:
                await asyncio.shield(asyncio.wrap_future(self._ended))
        elif self.is_here():
            # Not the caller itself, if it is a setup that closes its own pool.
            tasks = {*self._tasks, *self._farewells} - {asyncio.current_task()}
            if tasks:
                await asyncio.wait(tasks)
        for member in members:
            await member.runtime.aclose()
            self._books.gone(member)

    def close(self) -> None:
        """End everything, blocking until the isolates' threads and the private one have ended."""
        members = self._shut(_CLOSED)
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._ended.result()
            self._thread.join()
        for member in members:
            member.runtime.close()
            self._books.gone(member)

    def _shut(self, reason: str) -> list[Member]:
        """Refuse everyone from now on, tell all isolates to end, and stop what is being made."""
        if not self._books.is_shut():
            _log.pools.debug("pool closed: %s", reason)
        _open.discard(self)
        orders, members = self._books.shut(reason)
        _dismiss(members)
        for waiter in orders.wake:
            waiter.wake()
        run_on(self._loop, self._stop)
        return members

    def _stop(self) -> None:
        """On the loop: stop what is being made; a private loop ends when that has ended."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for task in list(self._tasks):
            task.cancel()
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _serve(self) -> None:
        """The private thread: run the loop until it is stopped, and end what runs on it."""
        self._ended.set_running_or_notify_cancel()
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._stopped)
            while tasks := asyncio.all_tasks(self._loop):
                for task in tasks - self._farewells:
                    task.cancel()
                self._loop.run_until_complete(asyncio.wait(tasks))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
            self._ended.set_result(None)

    def forget(self) -> None:
        """In a forked child: refuse everyone, touch nothing."""
        self._books.forget(_FORKED)
        self._thread = None


async def _finish(result: object) -> None:
    if inspect.isawaitable(result):
        await result


def _dismiss(members: list[Member]) -> None:
    """Tell isolates to end, without waiting for it."""
    for member in members:
        member.runtime._native.close(False)


def _close_all() -> None:
    """At interpreter exit: nobody waits any more, no runtime is made any more."""
    for workshop in list(_open):
        workshop.close()


def _forget_after_fork() -> None:
    for workshop in list(_open):
        workshop.forget()
    _open.clear()


# As in _runtime, and before its turn: threads that are joined at exit may wait for a pool.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
os.register_at_fork(after_in_child=_forget_after_fork)
