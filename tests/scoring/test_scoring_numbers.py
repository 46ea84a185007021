"""Intervals, means with censoring, grades and tiers; scipy is the oracle."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from harness.scoring.findings import FaultFinding, MetricFinding
from harness.scoring.intervals import (
    clopper_pearson,
    incomplete_beta,
    incomplete_gamma,
    poisson_upper,
    wilson,
)
from harness.scoring.metrics import Measured, all_metrics, evaluate
from harness.scoring.metrics._example import experiment, pool
from harness.scoring.metrics._metric import Timed, incident, mean_time
from harness.scoring.tiers import tier_of


def seconds(fault: FaultFinding) -> float | None:
    return None if fault.detection is None else fault.detection.time_to_detect_s


shapes = st.floats(0.5, 300)
trials = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(a=shapes, b=shapes, x=st.floats(0, 1))
def test_incomplete_beta(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-11)


@given(a=shapes, x=st.floats(0, 600))
def test_incomplete_gamma(a: float, x: float) -> None:
    assert incomplete_gamma(a, x) == pytest.approx(special.gammainc(a, x), abs=1e-11)


@given(trials)
def test_intervals_of_a_share(counts: tuple[int, int]) -> None:
    hits, n = counts
    test = stats.binomtest(hits, n)
    exact, score = test.proportion_ci(method="exact"), test.proportion_ci(method="wilson")
    assert clopper_pearson(hits, n) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert wilson(hits, n) == pytest.approx((score.low, score.high), abs=1e-9)


@given(events=st.integers(0, 500), exposure=st.floats(0.01, 1000))
def test_upper_bound_of_a_rate(events: int, exposure: float) -> None:
    expected = stats.chi2.ppf(0.95, 2 * events + 2) / (2 * exposure)
    assert poisson_upper(events, exposure) == pytest.approx(expected, rel=1e-9)


def test_nothing_observed_bounds_nothing() -> None:
    assert wilson(0, 0) == clopper_pearson(0, 0) == (0.0, 1.0)
    assert poisson_upper(0, 0) == math.inf


@given(times=st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1), tau=st.floats(1, 1e6))
def test_a_censored_time_is_never_dropped(times: list[float | None], tau: float) -> None:
    def mean(values: list[float | None]) -> Measured:
        shown = pool(*(experiment(detected_s=value) for value in values))
        return mean_time(shown, incident, lambda fault: Timed(seconds(fault), 1e6), tau, never="never", empty="")

    found, more = mean(times).value, mean([*times, None])
    assert found is not None
    assert more.value is not None
    assert 0 <= found <= tau * (1 + 1e-12)
    assert more.value >= found * (1 - 1e-12)
    assert more.censored == sum(time is None for time in times) + 1
    assert more.longest is None


def test_a_95th_percentile_needs_59_observations() -> None:
    few, enough = (pool(*[experiment(detected_s=60.0 + i) for i in range(n)]) for n in (58, 59))
    mttd = next(metric for metric in all_metrics() if metric.name == "mttd")
    assert evaluate(mttd, few).p95 is None
    assert evaluate(mttd, few).longest == 117.0
    assert evaluate(mttd, enough).p95 == 116.0


@pytest.mark.parametrize(
    ("name", "value", "grade"),
    [
        ("mttd", 299.0, "world"),
        ("mttd", 300.0, "p50"),
        ("mttd", 1800.0, "p50"),
        ("mttd", 1801.0, "p95"),
        ("mttd", 14401.0, "p99"),
        ("mttd", 86401.0, "below_p99"),
        ("prediction_availability", 0.99991, "world"),
        ("prediction_availability", 0.9999, "p50"),
        ("prediction_availability", 0.94, "below_p99"),
        ("automated_recovery_rate", 0.0, "p99"),
        ("on_call_pages", 1.9, "world"),
        ("on_call_pages", 51.0, "below_p99"),
        ("false_alarm_rate", 1.0, None),
        ("mttd", None, None),
    ],
)
def test_grades_by_the_columns(name: str, value: float | None, grade: str | None) -> None:
    metric = next(metric for metric in all_metrics() if metric.name == name)
    assert metric.grade(value) == grade


def test_every_metric_says_how_it_is_computed() -> None:
    for metric in all_metrics():
        assert metric.compute.__doc__, f"{metric.name} has no formula"
        assert metric.unit in ("s", "h", "share", "per_day", "per_week", "per_incident")
        for word in ("Unit: ", "Source: ", ">>> "):
            assert word in metric.compute.__doc__, f"{metric.name}: {word}"


def _metric(name: str, value: float | None) -> MetricFinding:
    empty = dict.fromkeys(("low", "high", "median", "p95", "longest", "tau_s", "grade"))
    return MetricFinding(name=name, title=name, unit="s", value=value, n=1, censored=0, note="no data", **empty)


@pytest.mark.parametrize(
    ("mttd", "mttr", "availability", "level", "holds_back"),
    [
        (59, 299, 0.99995, 5, ()),
        (60, 299, 0.99995, 4, ("MTTD 1 min, tier 5 needs < 1 min",)),
        (59, 3599, 0.996, 3, ("MTTR 59 min 59 s, tier 4 needs < 30 min", "availability 99.6 %, tier 4 needs > 99.9 %")),
        (86400, 172800, 0.5, 0, None),
        (59, 299, 0.95, 0, ("availability 95 %, tier 1 needs > 95 %",)),
    ],
)
def test_a_tier_needs_all_three_and_says_what_holds_it_back(
    mttd: float, mttr: float, availability: float, level: int, holds_back: tuple[str, ...] | None
) -> None:
    metrics = [_metric("mttd", mttd), _metric("mttr", mttr), _metric("prediction_availability", availability)]
    tier = tier_of(metrics)
    assert tier.level == level
    assert holds_back is None or tier.holds_back == holds_back
    assert holds_back is not None or len(tier.holds_back) == 3


def test_a_tier_without_data_is_unknown() -> None:
    tier = tier_of([_metric("mttd", 1.0), _metric("mttr", None), _metric("prediction_availability", 1.0)])
    assert tier.level is None
    assert tier.holds_back == ("mttr: no data",)
