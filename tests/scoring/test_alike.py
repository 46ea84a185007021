"""A comparison is over the same faults on both sides: who notices more, or is spared some, looks no worse for it."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import Alert, Made, journal

from harness.scoring import Policy, score
from harness.scoring.comparison import Change, MetricChange, Side, compare
from harness.scoring.findings import ControlFinding, ExperimentFinding
from harness.scoring.metrics._example import experiment

QUICK: dict[str, Any] = {"detected_s": 60.0, "back_s": 600.0}
SLOW: dict[str, Any] = {"detected_s": 7200.0, "back_s": 20000.0}
SPARED: dict[str, Any] = {"harmed": False}
REFUSED: dict[str, Any] = {"detected_s": 60.0, "harmed": False}
UNSEEN: dict[str, Any] = {"back_s": 600.0}


def changed(name: str, first: list[dict[str, Any]], second: list[dict[str, Any]]) -> MetricChange:
    """How a metric changed where the scenarios ended so on the first side and so on the second."""
    sides = [Side("", tuple(found(f"s{i}", each) for i, each in enumerate(ends)), ()) for ends in (first, second)]
    return next(metric for metric in compare(*sides, Policy()).metrics if metric.name == name)


def found(scenario: str, end: dict[str, Any]) -> ExperimentFinding:
    return experiment(**end).model_copy(update={"scenario": scenario, "arm": scenario})


def test_who_notices_more_detects_no_later() -> None:
    late = {"detected_s": 7200.0, "harmed": False}
    more = changed("mttd", [QUICK] * 4 + [SPARED] * 4, [QUICK] * 4 + [late] * 4)
    assert more.change is Change.BETTER, "what only one side noticed was not detected by the other"
    assert changed("mttd", [QUICK] * 4 + [REFUSED] * 4, [QUICK] * 4 + [SPARED] * 4).change is Change.WORSE


@pytest.mark.parametrize("name", ["mttd", "incident_duration", "automated_recovery_rate", "incident_recurrence"])
def test_who_is_spared_the_small_ones_is_not_worse_in_the_rest(name: str) -> None:
    change = changed(name, [QUICK] * 4 + [SLOW] * 4, [SPARED] * 4 + [SLOW] * 4)
    assert change.change in (Change.SAME, Change.BETTER)
    if name == "mttd":
        assert (change.first, change.second) == (7200.0, 7200.0)


def test_harm_that_is_prevented_is_not_missed_in_silence() -> None:
    before, now = [QUICK] * 4 + [UNSEEN] * 2, [SPARED] * 4 + [UNSEEN] * 2
    change = changed("silent_failure_detection_rate", before, now)
    assert (change.first, change.second) == pytest.approx((4 / 6, 4 / 6))
    new = changed("silent_failure_detection_rate", [SPARED] * 6, [UNSEEN] * 6)
    assert (new.first, new.second, new.change) == (1.0, 0.0, Change.WORSE), "harm that is new and silent counts"


def test_what_touched_nothing_on_one_side_counts_on_neither() -> None:
    inert = [found(f"s{i}", QUICK) for i in range(4)]
    gone = inert[0].faults[0].model_copy(update={"outcome": "inert", "detection": None, "recovery": None, "harm": 0.0})
    inert[0] = inert[0].model_copy(update={"faults": (gone,)})
    first, second = Side("", tuple(found(f"s{i}", QUICK) for i in range(4)), ()), Side("", tuple(inert), ())
    harm = next(metric for metric in compare(first, second, Policy()).metrics if metric.name == "harm")
    assert (harm.first, harm.second, harm.pairs) == (0.5, 0.5, 3)


def test_false_alarms_are_of_the_runs_that_both_sides_have() -> None:
    """The second side also watched a day on which everybody is alarmed."""

    def controls(*days: int) -> tuple[ControlFinding, ...]:
        made = [
            Made(arm=f"c{day}", start=f"2013-06-{day}T00:00:00Z", alerts=(Alert(50_000.0, None),) * (day == 12))
            for day in days
        ]
        return score(journal(*made)).profiles[0].controls

    mine = (found("s", QUICK),)
    change = compare(Side("", mine, controls(10, 11)), Side("", mine, controls(10, 11, 12)), Policy()).metrics[1]
    assert (change.name, change.first, change.second) == ("false_alarm_rate", 0.0, 0.0)
