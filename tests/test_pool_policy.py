"""The pool's policy: pure decisions, in tables, by properties, and in a simulated pool without V8."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsrun._pool.policy import Decision, Rules, Situation, decide, delay_after, is_used_up

FIXED = Rules(2, 2)
SPREAD = Rules(1, 4, max_idle=10.0)


def at(now: float = 0.0, idle: str = "", waiting: str = "", **counts: Any) -> Situation[str, str]:
    """A situation whose runtimes and waiters have one letter each; all are ready since 0."""
    return Situation(now, [(letter, 0.0) for letter in idle], list(waiting), **counts)


@pytest.mark.parametrize(
    ("rules", "situation", "make"),
    [
        (FIXED, at(), 2),
        (FIXED, at(coming=1), 1),
        (FIXED, at(coming=2), 0),
        (FIXED, at(idle="a", lent=1), 0),
        (FIXED, at(lent=1), 1),
        (FIXED, at(lent=2), 0),
        (FIXED, at(lent=1, closing=1), 0),
        (FIXED, at(closing=1), 1),
        (FIXED, at(waiting="xyz"), 2),
        (FIXED, at(waiting="xyz", lent=1), 1),
        (SPREAD, at(), 1),
        (SPREAD, at(idle="a"), 0),
        (SPREAD, at(lent=1), 1),
        (SPREAD, at(waiting="x"), 2),
        (SPREAD, at(waiting="xy", coming=1), 2),
        (SPREAD, at(waiting="xy", coming=3), 0),
        (SPREAD, at(waiting="xyzuvw"), 4),
        (SPREAD, at(lent=4), 0),
        (Rules(0, 4), at(), 0),
        (Rules(0, 4), at(lent=2), 0),
        (Rules(0, 4), at(waiting="x"), 1),
    ],
)
def test_as_many_are_made_as_load_and_bounds_want(rules: Rules, situation: Situation[str, str], make: int) -> None:
    assert decide(rules, situation) == Decision([], [], make, None)


@pytest.mark.parametrize(
    ("idle", "waiting", "grants"),
    [
        ("", "x", []),
        ("a", "", []),
        ("a", "x", [("x", "a")]),
        ("ab", "x", [("x", "b")]),
        ("ab", "xyz", [("x", "b"), ("y", "a")]),
        ("abc", "xy", [("x", "c"), ("y", "b")]),
    ],
)
def test_who_waits_longest_is_first_and_gets_the_newest(idle: str, waiting: str, grants: list[tuple[str, str]]) -> None:
    assert decide(SPREAD, at(idle=idle, waiting=waiting)).grants == grants


def test_a_grant_makes_room_for_nobody_but_the_reserve_is_filled() -> None:
    decision = decide(Rules(2, 4), at(idle="ab", waiting="x"))
    assert (decision.grants, decision.make) == ([("x", "b")], 1)


@pytest.mark.parametrize(
    ("now", "idle", "retired", "look_again"),
    [
        (9.0, "abc", "", 10.0),
        (10.0, "abc", "ab", None),
        (10.0, "a", "", None),
        (99.0, "abcd", "abc", None),
    ],
)
def test_what_is_idle_beyond_the_least_ends_in_time(
    now: float, idle: str, retired: str, look_again: float | None
) -> None:
    decision = decide(SPREAD, at(now, idle))
    assert ("".join(decision.retire), decision.make, decision.look_again) == (retired, 0, look_again)


def test_the_longest_ready_ends_first_and_the_next_is_looked_at_later() -> None:
    decision = decide(SPREAD, Situation(12.0, [("a", 1.0), ("b", 5.0), ("c", 6.0)], []))
    assert (decision.retire, decision.look_again) == (["a"], 15.0)


def test_what_is_wanted_does_not_end() -> None:
    decision = decide(SPREAD, at(99.0, "abc", "xy"))
    assert (decision.grants, decision.retire) == ([("x", "c"), ("y", "b")], [])


def test_without_max_idle_nothing_ends() -> None:
    assert decide(Rules(0, 4, max_idle=None), at(1e9, "abcd")) == Decision([], [], 0, None)


@pytest.mark.parametrize(
    ("waiting", "coming", "make", "look_again"),
    [("", 0, 0, 5.0), ("x", 0, 1, 5.0), ("x", 1, 0, 5.0), ("xy", 1, 1, 5.0), ("xyzuvw", 0, 4, None)],
)
def test_after_a_failure_only_those_who_wait_are_made_for(
    waiting: str, coming: int, make: int, look_again: float | None
) -> None:
    decision = decide(SPREAD, at(4.0, waiting=waiting, coming=coming, put_off=5.0))
    assert (decision.make, decision.look_again) == (make, look_again)


def test_when_the_delay_is_over_the_reserve_is_made() -> None:
    assert decide(SPREAD, at(5.0, put_off=5.0)) == Decision([], [], 1, None)


def test_a_full_pool_does_not_look_again_after_a_failure() -> None:
    assert decide(FIXED, at(4.0, lent=2, put_off=5.0)) == Decision([], [], 0, None)


def test_delays_grow_to_a_bound() -> None:
    delays = [delay_after(failures) for failures in range(1, 12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays == sorted(delays)
    assert delay_after(12) == delay_after(10_000) == 30.0


@pytest.mark.parametrize(
    ("max_uses", "uses", "used_up"), [(1, 1, True), (3, 2, False), (3, 3, True), (3, 4, True), (None, 9999, False)]
)
def test_uses_are_counted(max_uses: int | None, uses: int, used_up: bool) -> None:
    assert is_used_up(Rules(1, 1, max_uses=max_uses), uses) is used_up


# ---- properties ------------------------------------------------------------------------------------------------

counts = st.integers(0, 8)


@st.composite
def rules_in_general(draw: st.DrawFn) -> Rules:
    least = draw(counts)
    return Rules(least, draw(st.integers(max(1, least), 10)), draw(st.none() | st.floats(0.5, 20)))


@st.composite
def situations(draw: st.DrawFn, rules: Rules) -> Situation[int, str]:
    """Any situation that a pool of these rules can be in."""
    shares = [draw(st.integers(0, rules.most)) for _ in range(4)]
    left = rules.most
    for index, share in enumerate(shares):
        shares[index] = min(share, left)
        left -= shares[index]
    now = draw(st.floats(0, 100))
    since = sorted(draw(st.lists(st.floats(0, 100), min_size=shares[0], max_size=shares[0])))
    waiting = [f"w{number}" for number in range(draw(st.integers(0, 12)))]
    put_off = draw(st.floats(0, 100))
    return Situation(now, list(enumerate(since)), waiting, shares[1], shares[2], shares[3], put_off)


@given(st.data())
def test_a_decision_keeps_every_promise(data: st.DataObject) -> None:
    rules = data.draw(rules_in_general())
    pool = data.draw(situations(rules))
    before = repr(pool)
    decision = decide(rules, pool)
    assert repr(pool) == before
    granted = [runtime for _, runtime in decision.grants]
    ready = [runtime for runtime, _ in pool.idle]
    # Nobody is passed over, nobody waits beside what is ready, nothing is given twice or ends while given.
    assert [waiter for waiter, _ in decision.grants] == list(pool.waiting)[: len(granted)]
    assert len(granted) == min(len(ready), len(pool.waiting))
    assert len({*granted, *decision.retire}) == len(granted) + len(decision.retire)
    assert {*granted, *decision.retire} <= set(ready)
    # Bounds: never more than `most`, even before what ends has ended; the reserve is not retired.
    alive = len(ready) + pool.lent + pool.coming + pool.closing
    assert decision.make >= 0
    assert alive + decision.make <= max(rules.most, alive)
    kept = len(ready) - len(granted) - len(decision.retire)
    assert not decision.retire or kept >= rules.least
    # Enough is on its way for everyone who still waits, as far as there is room.
    unserved = len(pool.waiting) - len(granted)
    room = rules.most - alive
    assert pool.coming + decision.make >= min(unserved, pool.coming + room)
    assert decision.look_again is None or decision.look_again > pool.now


@given(st.data())
def test_deciding_again_changes_nothing(data: st.DataObject) -> None:
    rules = data.draw(rules_in_general())
    pool = data.draw(situations(rules))
    first = decide(rules, pool)
    gone = {runtime for _, runtime in first.grants} | set(first.retire)
    after = Situation(
        pool.now,
        [entry for entry in pool.idle if entry[0] not in gone],
        list(pool.waiting)[len(first.grants) :],
        pool.lent + len(first.grants),
        pool.coming + first.make,
        pool.closing + len(first.retire),
        pool.put_off,
    )
    again = decide(rules, after)
    assert (list(again.grants), list(again.retire), again.make) == ([], [], 0)
    assert again.look_again == first.look_again


# ---- a pool of numbers -----------------------------------------------------------------------------------------


@dataclass
class Simulation:
    """A pool whose runtimes are numbers, driven by the policy alone."""

    rules: Rules
    now: float = 0.0
    idle: list[tuple[int, float]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    lent: list[tuple[int, int]] = field(default_factory=list)
    coming: int = 0
    closing: list[int] = field(default_factory=list)
    put_off: float = 0.0
    made: int = 0
    asked: int = 0
    served: list[int] = field(default_factory=list)

    def step(self) -> None:
        """Decide, and do it."""
        decision = decide(
            self.rules,
            Situation(self.now, self.idle, self.waiting, len(self.lent), self.coming, len(self.closing), self.put_off),
        )
        gone = {runtime for _, runtime in decision.grants} | set(decision.retire)
        self.idle = [entry for entry in self.idle if entry[0] not in gone]
        for waiter, runtime in decision.grants:
            self.waiting.remove(waiter)
            self.lent.append((waiter, runtime))
            self.served.append(waiter)
        self.closing += decision.retire
        self.coming += decision.make
        assert len(self.idle) + len(self.lent) + self.coming + len(self.closing) <= self.rules.most

    def act(self, action: str, number: int) -> None:
        """Let one thing happen, if it can."""
        if action == "ask":
            self.waiting.append(self.asked)
            self.asked += 1
        elif action == "give up" and self.waiting:
            del self.waiting[number % len(self.waiting)]
        elif action == "return" and self.lent:
            self.closing.append(self.lent.pop(number % len(self.lent))[1])
        elif action == "ready" and self.coming:
            self.coming -= 1
            self.idle.append((self.made, self.now))
            self.made += 1
            self.put_off = 0.0
        elif action == "fail" and self.coming:
            self.coming -= 1
            self.put_off = self.now + delay_after(1)
            del self.waiting[:1]
        elif action == "closed" and self.closing:
            self.closing.pop(number % len(self.closing))
        elif action == "later":
            self.now += number / 10
        self.step()


ACTIONS = st.sampled_from(["ask", "ask", "give up", "return", "ready", "ready", "fail", "closed", "later"])


@given(rules_in_general(), st.lists(st.tuples(ACTIONS, st.integers(0, 50)), max_size=80))
def test_whatever_happens_everyone_is_served_in_order_in_the_end(rules: Rules, events: list[tuple[str, int]]) -> None:
    pool = Simulation(rules)
    pool.step()
    for action, number in events:
        pool.act(action, number)
    for _ in range(len(events) + rules.most + 1):
        for action in ("ready", "return", "closed"):
            pool.act(action, 0)
    assert pool.waiting == []
    assert pool.served == sorted(pool.served)
    # At rest, the reserve is there.
    pool.now += 1.0
    for _ in range(3 * rules.most):
        for action in ("return", "closed", "ready"):
            pool.act(action, 0)
    assert (pool.lent, pool.coming, pool.closing) == ([], 0, [])
    assert len(pool.idle) >= rules.least


@given(rules_in_general(), st.integers(0, 30))
def test_who_fails_is_told_and_nothing_is_tried_without_end(rules: Rules, askers: int) -> None:
    """With a setup that always fails: one try for each who asks, then none until the delay is over."""
    pool = Simulation(rules, put_off=1.0)
    for _ in range(askers):
        pool.act("ask", 0)
    tries = 0
    while pool.coming:
        pool.act("fail", 0)
        tries += 1
        assert tries <= askers
    assert (tries, pool.waiting) == (askers, [])
