"""Random schedules from several threads and loops; `nox -s schedules` plays many more, and replays them by seed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from schedules import Actor, Schedule, Step, check, play, schedules

LONG = settings.get_current_profile_name() == "schedules"
few = settings(
    max_examples=settings.default.max_examples if LONG else 25,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.timeout(0 if LONG else 120)
@few
@given(schedules)
def test_every_operation_of_a_schedule_ends_once_and_rightly(schedule: Schedule) -> None:
    happened = play(schedule)
    note(f"{schedule!r}\n" + "\n".join(f"{entry.step}: {entry.outcomes!r}" for entry in happened))
    check(schedule, happened)


def test_a_seed_gives_the_same_schedules_again() -> None:
    def drawn() -> list[Schedule]:
        found: list[Schedule] = []

        @seed(2024)
        @settings(max_examples=20, database=None, phases=[Phase.generate])
        @given(schedules)
        def collect(schedule: Schedule) -> None:
            found.append(schedule)

        collect()
        return found

    first = drawn()
    assert first == drawn()
    assert len(set(first)) > 5


def test_a_wrong_outcome_is_noticed() -> None:
    schedule = Schedule(1, (Actor("thread", (Step("eval"),)),))
    happened = play(schedule)
    check(schedule, happened)
    happened[0].outcomes[:] = [43]
    with pytest.raises(AssertionError, match="ended as 43"):
        check(schedule, happened)
    happened[0].outcomes[:] = [42, 42]
    with pytest.raises(AssertionError, match="ended 2 times"):
        check(schedule, happened)
