"""Fault-free time: what counts once, however many runs saw it."""

from __future__ import annotations

import pytest
from synthetic import HOUR, WARMUP, Alert, Made, journal

from harness.scoring import MalformedJournal, score
from harness.scoring.findings import ProfileFinding
from harness.scoring.intervals import poisson_upper

FALSE = Alert(WARMUP + 20 * HOUR, WARMUP + 21 * HOUR)


def found(*controls: Made) -> ProfileFinding:
    return score(journal(*controls)).profiles[0]


def shifted(hours: int, **more: object) -> Made:
    """A control that begins so much later on the calendar."""
    day, hour = 10 + hours // 24, hours % 24
    return Made(arm=f"control-{hours}-{more.get('seed')}", start=f"2013-06-{day:02d}T{hour:02d}:00:00Z", **more)  # type: ignore[arg-type]


def test_controls_over_the_same_hours_bound_no_more_than_one() -> None:
    alone, thrice = found(Made()), found(*(shifted(hours) for hours in (0, 6, 12)))
    assert alone.metric("false_alarm_rate").high == pytest.approx(poisson_upper(0, 1.0), rel=1e-6)
    rate = thrice.metric("false_alarm_rate")
    assert rate.high == pytest.approx(poisson_upper(0, 1.5), rel=1e-6)
    assert rate.note == "0 in 3 days of runs, which replay 1.5 of them"
    assert thrice.metric("on_call_pages").high == pytest.approx(poisson_upper(0, 1.5 / 7), rel=1e-6)


def test_other_seeds_replay_the_same_hours() -> None:
    rate = found(shifted(0, seed=1), shifted(0, seed=2), shifted(24, seed=3)).metric("false_alarm_rate")
    assert rate.high == pytest.approx(poisson_upper(0, 2.0), rel=1e-6)


def test_an_alarm_that_all_runs_of_an_hour_raise_is_one() -> None:
    """At 20 h of the first day, and so at 14 h of the run that began 6 h later."""
    same = Alert(FALSE.fires - 6 * HOUR, FALSE.fires - 5 * HOUR)
    both = found(shifted(0, alerts=(FALSE,)), shifted(6, alerts=(same,))).metric("false_alarm_rate")
    one = found(shifted(0, alerts=(FALSE,)), shifted(6)).metric("false_alarm_rate")
    assert (both.value, one.value) == pytest.approx((1 / 1.25, 0.5 / 1.25), rel=1e-5)
    assert both.high == pytest.approx(poisson_upper(1, 1.25), rel=1e-6)
    assert both.note == "2 in 2 days of runs, which replay 1.25 of them"


def test_an_alarm_from_before_the_watch_is_seen_at_its_beginning() -> None:
    assert found(Made(alerts=(Alert(HOUR, None),))).metric("false_alarm_rate").value == 1.0
    assert found(Made(alerts=(Alert(HOUR, WARMUP - 60),))).metric("false_alarm_rate").value == 0.0


def test_a_start_that_is_no_moment_is_refused() -> None:
    with pytest.raises(MalformedJournal, match="arm 'control' holds a value that can't be"):
        found(Made(start="last week"))
