"""A pool's books: which runtimes there are, who waits, what has been counted. Under one lock; does no I/O."""

from __future__ import annotations

import dataclasses
import threading
import time

from .._runtime import Runtime
from .._stats import stopped
from ..errors import PoolTimeout, RuntimeClosed, RuntimeTerminated
from .policy import Rules, Situation, decide, delay_after, is_used_up


@dataclasses.dataclass(frozen=True)
class PoolStats:
    """A pool at one moment, and its totals. Times are milliseconds.

    Attributes:
        least: runtimes to keep ready beside those in use.
        most: runtimes alive at any time.
        idle: runtimes that are ready.
        lent: runtimes in use.
        coming: runtimes that are being made, or put in order after a use.
        closing: runtimes that are being closed.
        waiting: tasks and threads that wait for a runtime.
        checkouts: how often a runtime was handed out.
        created: runtimes made so far, those whose setup failed among them.
        closed: runtimes closed so far.
        timeouts: checkouts that gave up at their timeout.
        cancelled: checkouts that were cancelled or interrupted while they waited.
        failures: how often making a runtime, its setup or its reset raised.
        last_failure: what the last of them raised, as text.
        total_wait_ms: time that checkouts had to wait, all together.
        longest_wait_ms: the longest of these waits.
    """

    least: int
    most: int
    idle: int
    lent: int
    coming: int
    closing: int
    waiting: int
    checkouts: int
    created: int
    closed: int
    timeouts: int
    cancelled: int
    failures: int
    last_failure: str | None
    total_wait_ms: float
    longest_wait_ms: float


class Member:
    """A runtime of the pool: how often it was handed out, and how many operations had been stopped on it before."""

    __slots__ = ("_stops", "runtime", "uses")

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.uses = 0
        self._stops = 0

    def set_up(self) -> None:
        """Take the runtime as setup left it for sound.

        Raises:
            RuntimeClosed, RuntimeTerminated: it is of no use.
        """
        if self.runtime.is_closed():
            raise RuntimeClosed("the pool's setup closed the runtime")
        if self.runtime._terminated:
            raise RuntimeTerminated("the pool's setup terminated the runtime")
        self._stops = self._stopped()[0]

    def is_usable(self) -> bool:
        """Whether it is neither closed nor terminated."""
        return not (self.runtime.is_closed() or self.runtime._terminated)

    def is_sound(self) -> bool:
        """Whether it is usable, nothing runs on it, and nothing was stopped on it since `set_up`."""
        return self.is_usable() and self._stopped() == (self._stops, 0)

    def _stopped(self) -> tuple[int, int]:
        figures = self.runtime._native.stats()
        return stopped(figures), figures["pending"]


class Waiter:
    """Someone who wants a runtime: gets a member or an error, under the lock, and is woken after that."""

    __slots__ = ("error", "member", "since")

    def __init__(self) -> None:
        self.member: Member | None = None
        self.error: BaseException | None = None
        self.since = 0.0

    def is_answered(self) -> bool:
        """Whether there is a member or an error."""
        return self.member is not None or self.error is not None

    def wake(self) -> bool:
        """Tell whoever waits to look; return whether there is anyone left to tell."""
        raise NotImplementedError


class Orders:
    """What is to be done after an entry in the books, without the lock."""

    __slots__ = ("look_again", "make", "reset", "retire", "urgent", "wake")

    def __init__(self) -> None:
        self.wake: list[Waiter] = []
        self.make = 0
        # Whether someone waits for what is to be made.
        self.urgent = False
        self.reset: list[Member] = []
        self.retire: list[Member] = []
        self.look_again: float | None = None


class Books:
    """Every method is one entry: from any thread, atomic, never waiting; what follows from it is returned."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._idle: dict[Member, float] = {}
        self._lent: set[Member] = set()
        self._coming = 0
        self._closing: set[Member] = set()
        # Every runtime that is not closed yet, in whichever state: what closing the pool has to close.
        self._alive: set[Member] = set()
        self._waiting: dict[Waiter, None] = {}
        self._failed_in_a_row = 0
        self._put_off = 0.0
        self._shut: str | None = None
        self._checkouts = self._created = self._closed = self._timeouts = self._cancelled = self._failures = 0
        self._last_failure: str | None = None
        self._waited = self._longest_wait = 0.0

    # ---- who wants a runtime -------------------------------------------------------------------------------------

    def ask(self, waiter: Waiter) -> Orders:
        """Enter someone who wants a runtime.

        Raises:
            RuntimeClosed: the pool is closed.
        """
        with self._lock:
            if self._shut is not None:
                raise RuntimeClosed(self._shut)
            waiter.since = time.monotonic()
            self._waiting[waiter] = None
            return self._decide(Orders())

    def withdraw(self, waiter: Waiter) -> Orders:
        """Strike out someone who has gone; what was granted meanwhile is ready for the next, as if never used."""
        orders = Orders()
        with self._lock:
            if waiter.member is not None or waiter in self._waiting:
                self._cancelled += 1
            self._waiting.pop(waiter, None)
            if waiter.member is not None and self._shut is None:
                self._lent.discard(waiter.member)
                self._idle[waiter.member] = time.monotonic()
                self._checkouts -= 1
                waiter.member = None
            return self._decide(orders)

    def expire(self, waiter: Waiter, seconds: float) -> Orders:
        """Refuse someone who has waited for as long as allowed, unless answered by now."""
        orders = Orders()
        with self._lock:
            if waiter in self._waiting:
                del self._waiting[waiter]
                self._timeouts += 1
                waiter.error = PoolTimeout(
                    f"no runtime was free within {seconds:g} s: {len(self._lent)} of {self._rules.most} in use, "
                    f"{len(self._waiting)} more waiting; give the pool a larger size, or the checkout more time"
                )
                orders.wake.append(waiter)
            return self._decide(orders)

    def give_back(self, member: Member) -> Orders:
        """Enter a runtime that is no longer in use."""
        orders = Orders()
        with self._lock:
            if member not in self._lent:
                return orders
            self._lent.remove(member)
            member.uses += 1
            if is_used_up(self._rules, member.uses) or not member.is_usable():
                self._retire(member, orders)
            else:
                # As many are alive and on their way as before: nothing to decide.
                self._coming += 1
                orders.reset.append(member)
                return orders
            return self._decide(orders)

    # ---- what became of orders -----------------------------------------------------------------------------------

    def born(self, member: Member) -> None:
        """Enter a runtime whose setup begins.

        Raises:
            RuntimeClosed: the pool is closed.
        """
        with self._lock:
            if self._shut is not None:
                raise RuntimeClosed(self._shut)
            self._alive.add(member)
            self._created += 1

    def ready(self, member: Member) -> Orders:
        """Enter a runtime that is made, or in order again."""
        orders = Orders()
        with self._lock:
            if self._shut is not None:
                return orders
            self._coming -= 1
            if member.uses == 0:
                self._failed_in_a_row, self._put_off = 0, 0.0
            self._idle[member] = time.monotonic()
            return self._decide(orders)

    def failed(self, error: BaseException) -> Orders:
        """Enter that a runtime could not be made: whoever waits longest gets the error."""
        orders = Orders()
        with self._lock:
            if self._shut is not None:
                return orders
            self._coming -= 1
            self._note_failure(error)
            self._failed_in_a_row += 1
            self._put_off = time.monotonic() + delay_after(self._failed_in_a_row)
            waiter = next(iter(self._waiting), None)
            if waiter is not None:
                del self._waiting[waiter]
                waiter.error = error
                orders.wake.append(waiter)
            return self._decide(orders)

    def spoiled(self, member: Member, error: BaseException | None) -> Orders:
        """Enter a runtime that could not be put in order: it is closed, and another takes its place."""
        orders = Orders()
        with self._lock:
            if self._shut is not None:
                return orders
            self._coming -= 1
            if error is not None:
                self._note_failure(error)
            self._retire(member, orders)
            return self._decide(orders)

    def gone(self, member: Member) -> Orders:
        """Enter a runtime that is closed."""
        orders = Orders()
        with self._lock:
            self._closing.discard(member)
            self._closed += member in self._alive
            self._alive.discard(member)
            return self._decide(orders)

    def look(self) -> Orders:
        """Decide again, because time has passed."""
        with self._lock:
            return self._decide(Orders())

    # ---- the end -------------------------------------------------------------------------------------------------

    def shut(self, reason: str) -> tuple[Orders, list[Member]]:
        """Close the books: refuse everyone, from now on too; return all runtimes there still are."""
        orders = Orders()
        with self._lock:
            if self._shut is None:
                self._shut = reason
            for waiter in self._waiting:
                waiter.error = RuntimeClosed(self._shut)
                orders.wake.append(waiter)
            # What is entered after this changes nothing but who is still alive.
            self._coming = 0
            for held in (self._idle, self._lent, self._closing, self._waiting):
                held.clear()
            return orders, list(self._alive)

    def is_shut(self) -> bool:
        """Whether the pool is closed."""
        return self._shut is not None

    def forget(self, reason: str) -> None:
        """Let go of everything in a forked child, whatever lost threads had locked."""
        self._lock = threading.Lock()
        self._shut = reason
        self._coming = 0
        for held in (self._idle, self._lent, self._closing, self._alive, self._waiting):
            held.clear()

    def stats(self) -> PoolStats:
        """Return the figures of this moment."""
        with self._lock:
            return PoolStats(
                least=self._rules.least,
                most=self._rules.most,
                idle=len(self._idle),
                lent=len(self._lent),
                coming=self._coming,
                closing=len(self._closing),
                waiting=len(self._waiting),
                checkouts=self._checkouts,
                created=self._created,
                closed=self._closed,
                timeouts=self._timeouts,
                cancelled=self._cancelled,
                failures=self._failures,
                last_failure=self._last_failure,
                total_wait_ms=self._waited * 1e3,
                longest_wait_ms=self._longest_wait * 1e3,
            )

    # ---- under the lock ------------------------------------------------------------------------------------------

    def _decide(self, orders: Orders) -> Orders:
        """Ask the policy, and enter what it says."""
        if self._shut is not None:
            return orders
        while True:
            now = time.monotonic()
            decision = decide(
                self._rules,
                Situation(
                    now,
                    tuple(self._idle.items()),
                    self._waiting,
                    len(self._lent),
                    self._coming,
                    len(self._closing),
                    self._put_off,
                ),
            )
            # What was closed or terminated while it lay ready, by someone who kept it, is as good as gone.
            dead = [member for _, member in decision.grants if not member.is_usable()]
            if not dead:
                break
            for member in dead:
                del self._idle[member]
                self._retire(member, orders)
        for waiter, member in decision.grants:
            del self._idle[member]
            del self._waiting[waiter]
            self._lent.add(member)
            waiter.member = member
            orders.wake.append(waiter)
            self._checkouts += 1
            waited = now - waiter.since
            self._waited += waited
            self._longest_wait = max(self._longest_wait, waited)
        for member in decision.retire:
            del self._idle[member]
            self._retire(member, orders)
        self._coming += decision.make
        orders.make += decision.make
        orders.urgent = bool(self._waiting)
        orders.look_again = decision.look_again
        return orders

    def _retire(self, member: Member, orders: Orders) -> None:
        self._closing.add(member)
        orders.retire.append(member)

    def _note_failure(self, error: BaseException) -> None:
        self._failures += 1
        self._last_failure = f"{type(error).__name__}: {error}"
