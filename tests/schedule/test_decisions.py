"""A year of a schedule on a fake clock: changes of the clock, misfires, overlaps, restarts, guards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fake_world import HOUR, YEAR, World, job, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.schedule.decide import Finished, Start
from harness.schedule.memory import Memory
from harness.schedule.plan import Budget, Job, Retry
from harness.schedule.windows import Blackout, Hours

BERLIN = ZoneInfo("Europe/Berlin")
MINUTES = timedelta(minutes=1)


def test_a_year_of_daily_runs_starts_each_local_day_once() -> None:
    world = World(plan(job("nightly", "30 2 * * *", "Europe/Berlin", jitter=20 * MINUTES)))
    world.play(YEAR, YEAR + timedelta(days=365))
    days = [start.due.astimezone(BERLIN).date() for _, start in world.started]
    assert len(days) == len(set(days)) == 365
    late = [when - start.due for when, start in world.started]
    assert timedelta() <= min(late) < max(late) <= 20 * MINUTES
    assert len(set(late)) > 100  # the jitter spreads them
    assert not world.skipped


def moments_of(one: Job) -> Iterator[datetime]:
    moment = YEAR
    while True:
        moment = one.cron.next(moment)
        yield moment


def test_every_due_moment_of_a_busy_year_is_started_or_left_out_exactly_once() -> None:
    jobs = [
        job("often", "*/20 * * * *", wait=False),
        job("hourly", "@hourly", hours=Hours(("mon", "tue", "wed", "thu", "fri"), time(9), time(17), BERLIN)),
        job("daily", "0 12 * * *", "America/New_York", jitter=15 * MINUTES),
    ]
    blackout = Blackout(datetime(2026, 12, 23, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC), "end of the year")
    schedule = plan(*jobs, blackouts=(blackout,), min_interval=30 * MINUTES)
    chance = random.Random(7)
    world = World(schedule, lasts=lambda start: timedelta(minutes=chance.choice([1, 5, 25, 90])))
    world.play(YEAR, YEAR + timedelta(days=365))
    for one in jobs:
        due = takewhile(lambda moment: moment < YEAR + timedelta(days=364, hours=20), moments_of(one))
        decided = Counter(s.due for _, s in world.started if s.job == one.name)
        decided.update(s.due for _, s in world.skipped if s.job == one.name)
        assert all(decided[moment] == 1 for moment in due), one.name
        assert set(decided.values()) == {1}
    assert all(first[1] <= second[0] for first, second in pairwise(world.spans))  # never two at once
    assert all(later - before >= 30 * MINUTES for (before, _), (later, _) in pairwise(world.started))
    assert not any(blackout.holds(when) for when, _ in world.started)
    assert all(jobs[1].hours.open(when) for when, s in world.started if s.job == "hourly")  # type: ignore[union-attr]
    assert world.reasons() == {"overlap", "interval", "blackout", "hours", "coalesced"}


def test_what_was_due_while_the_scheduler_was_down_is_a_misfire_or_starts_once() -> None:
    schedule = plan(job("hourly", "@hourly", grace=2 * HOUR))
    world = World(schedule)
    world.play(YEAR, YEAR + 3 * HOUR)
    before = len(world.started)
    world.play(YEAR + timedelta(hours=50, minutes=10), YEAR + timedelta(hours=50, minutes=20))
    assert [s.due for _, s in world.started[before:]] == [YEAR + 50 * HOUR]
    told = Counter(s.reason for _, s in world.skipped)
    assert told == {"misfire": 46, "coalesced": 1}  # 3 to 48 came too late, and 49 gave way to 50


def test_a_job_that_waits_starts_when_the_other_one_ends() -> None:
    schedule = plan(job("long", "0 6 * * *"), job("short", "30 6 * * *"), job("proud", "40 6 * * *", wait=False))
    world = World(schedule, lasts=lambda start: 3 * HOUR if start.job == "long" else MINUTES)
    world.play(YEAR, YEAR + timedelta(hours=12))
    assert [(s.job, when) for when, s in world.started] == [("long", YEAR + 6 * HOUR), ("short", YEAR + 9 * HOUR)]
    assert [(s.job, s.reason, s.detail) for _, s in world.skipped] == [("proud", "overlap", "long was still running")]


def test_errors_of_the_harness_are_tried_again_and_failures_are_not() -> None:
    ends = iter(["error", "error", "passed", "failed", "inconclusive", "error", "error", "error"])
    schedule = plan(job("daily", "@daily", retry=Retry(times=2, delay=10 * MINUTES)))
    world = World(schedule, ends=lambda start: Finished(next(ends)))
    world.play(YEAR, YEAR + timedelta(days=5))
    assert [start.attempt for _, start in world.started] == [1, 2, 3, 1, 1, 1, 2, 3]
    assert world.started[1][0] - world.started[0][0] == 15 * MINUTES
    # Told: passed to failed, failed to inconclusive, inconclusive to error (when it was given up).
    assert [(n.before, n.verdict) for n in world.notices] == [
        ("passed", "failed"),
        ("failed", "inconclusive"),
        ("inconclusive", "error"),
    ]


def test_notices_tell_changes_of_verdict_or_tier_only() -> None:
    ends = iter(
        [
            Finished("passed", {"mature": 2}),
            Finished("passed", {"mature": 2}),
            Finished("passed", {"mature": 1}),
            Finished("failed", {"mature": 1}),
            Finished("failed", {"mature": 1}),
            Finished("interrupted"),
            Finished("failed", {"mature": 1}),
            Finished("passed", {"mature": 1}),
        ]
    )
    world = World(plan(job("daily", "@daily")), ends=lambda start: next(ends))
    world.play(YEAR, YEAR + timedelta(days=8, hours=1))
    told = [(n.verdict, n.before, n.tiers.get("mature"), n.tiers_before.get("mature")) for n in world.notices]
    assert told == [("passed", "passed", 1, 2), ("failed", "passed", 1, 1), ("passed", "failed", 1, 1)]


def test_a_first_verdict_is_told_unless_it_is_passed() -> None:
    for verdict, notices in (("passed", 0), ("failed", 1), ("usage", 1), ("dirty", 1)):
        world = World(plan(job("daily", "@daily")), ends=lambda start, verdict=verdict: Finished(verdict))
        world.play(YEAR, YEAR + timedelta(days=1, hours=1))
        assert len(world.notices) == notices


def test_a_spent_error_budget_stops_runs_until_the_window_moves_on() -> None:
    schedule = plan(job("daily", "@daily"), budget=Budget(2 * HOUR, timedelta(days=7)))
    world = World(schedule, ends=lambda start: Finished("failed", {}, harm_s=3600.0))
    world.play(YEAR, YEAR + timedelta(days=30))
    days = [(when - YEAR).days for when, _ in world.started]
    assert days == [1, 2, 9, 10, 17, 18, 25, 26]
    assert world.reasons() == {"budget"}
    assert world.skipped[0][1].detail == "runs did 2h of harm in 7d, 2h are allowed"


def test_a_dirty_target_holds_everything() -> None:
    world = World(plan(job("one", "@hourly"), job("two", "30 * * * *")), ends=lambda start: Finished("dirty"))
    world.play(YEAR, YEAR + 6 * HOUR)
    assert len(world.started) == 1
    assert world.reasons() == {"dirty"}


def test_a_run_that_died_with_its_scheduler_is_tried_again() -> None:
    schedule = plan(job("daily", "@daily", retry=Retry(times=1, delay=5 * MINUTES)))
    world = World(schedule, lasts=lambda start: 2 * HOUR)
    day = YEAR + timedelta(days=1)
    world.play(YEAR, day + HOUR)
    world.crash(day + HOUR)
    world.play(day + HOUR, day + 12 * HOUR)
    assert [(when - day, start.attempt) for when, start in world.started] == [(timedelta(), 1), (65 * MINUTES, 2)]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_restarts_change_nothing(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whenever the service ends and begins again, the state on disk leads to the same runs."""
    schedule = plan(
        job("quarterly", "*/15 * * * *", "Europe/Berlin", jitter=7 * MINUTES, min_interval=20 * MINUTES),
        job("daily", "30 2 * * *", "Europe/Berlin", retry=Retry(1, 10 * MINUTES)),
    )
    begin = datetime(2026, 3, 28, tzinfo=UTC)
    end = begin + timedelta(days=3)

    def how(start: Start) -> Finished:
        return Finished("error" if start.attempt == 1 and start.job == "daily" else "passed", {"mature": 1})

    whole = World(schedule, ends=how)
    whole.play(begin, end)
    cut = World(schedule, ends=how)
    memory = Memory(tmp_path_factory.getbasetemp() / "state.json")
    moment = begin
    for _ in range(data.draw(st.integers(1, 6))):
        until = moment + timedelta(minutes=data.draw(st.integers(1, 1000)))
        cut.play(moment, min(until, end))
        memory.save(cut.state)
        cut.state = memory.load()
        moment = min(until, end)
    cut.play(moment, end)
    assert [start for _, start in cut.started] == [start for _, start in whole.started]
    assert [skip for _, skip in cut.skipped] == [skip for _, skip in whole.skipped]


def test_a_state_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "state.json")
    memory.hold()
    with pytest.raises(UsageError, match="is held by another scheduler"):
        Memory(memory.path).hold()
    memory.release()
    Memory(memory.path).hold()
    for text in ("", "{", "[]", '{"version": "pipequake.schedule/1", "state": {"jobs": 1}}', '{"version": "2"}'):
        memory.path.write_text(text)
        with pytest.raises(UsageError, match="is no state of this version"):
            memory.load()
