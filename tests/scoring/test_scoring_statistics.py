"""Survival and resampling against scipy as the oracle, on random inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.scoring.intervals import student_quantile
from harness.scoring.resampling import bca, interval, jackknife_t, ratio_of_sums
from harness.scoring.survival import kaplan_meier, log_rank

Watched = list[tuple[float, bool]]
#: Times with ties, seen or censored.
watched = st.lists(st.tuples(st.integers(1, 30).map(float), st.booleans()), min_size=1, max_size=40)
numbers = st.lists(st.integers(0, 1000).map(float), min_size=5, max_size=30)


def censored(group: Watched) -> stats.CensoredData:
    return stats.CensoredData([t for t, seen in group if seen], right=[t for t, seen in group if not seen])


def split(group: Watched) -> tuple[list[float], list[bool]]:
    return [t for t, _ in group], [seen for _, seen in group]


@given(watched)
def test_kaplan_and_meier(group: Watched) -> None:
    assume(any(seen for _, seen in group))
    ours, theirs = kaplan_meier(*split(group)), stats.ecdf(censored(group)).sf
    expected = dict(zip(theirs.quantiles, theirs.probabilities, strict=True))
    assert list(ours.alive) == pytest.approx([expected[t] for t in ours.times], abs=1e-12)
    for share in (0.1, 0.5, 0.95):
        reached = [q for q, p in zip(theirs.quantiles, theirs.probabilities, strict=True) if 1 - p >= share - 1e-12]
        assert ours.quantile(share) == (min(reached) if reached else None)


@given(watched, st.integers(1, 40))
def test_the_restricted_mean_is_the_area_under_the_curve(group: Watched, tau: int) -> None:
    curve = kaplan_meier(*split(group))
    steps = np.arange(0, tau, 0.5)
    alive = [1.0 if not np.any(curve.times <= t) else curve.alive[np.flatnonzero(curve.times <= t)[-1]] for t in steps]
    assert curve.restricted_mean(float(tau)) == pytest.approx(0.5 * sum(alive))


@given(st.lists(st.integers(1, 100).map(float), min_size=1))
def test_without_censoring_the_restricted_mean_is_a_mean(times: list[float]) -> None:
    mean = kaplan_meier(times, [True] * len(times)).restricted_mean(50.0)
    assert mean == pytest.approx(float(np.mean(np.minimum(times, 50.0))))


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@given(watched, watched)
def test_log_rank(first: Watched, second: Watched) -> None:
    z, p = log_rank((split(first)[0], split(second)[0]), (split(first)[1], split(second)[1]))
    if not any(seen for _, seen in first + second):
        assert (z, p) == (0.0, 1.0)
        return
    expected = stats.logrank(censored(first), censored(second))
    if np.isfinite(expected.statistic):
        assert (z, p) == (pytest.approx(expected.statistic, abs=1e-9), pytest.approx(expected.pvalue, abs=1e-9))
    else:
        assert (z, p) == (0.0, 1.0)


@given(share=st.floats(0.51, 0.9999), freedom=st.integers(1, 200))
def test_students_quantile(share: float, freedom: int) -> None:
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-6, abs=1e-9)


def left_out(sample: Sequence[float]) -> np.ndarray:
    return np.array([np.mean([*sample[:i], *sample[i + 1 :]]) for i in range(len(sample))])


@settings(deadline=None, max_examples=40)
@given(numbers, st.sampled_from([0.8, 0.95, 0.99]))
def test_bca_of_one_sample(sample: list[float], confidence: float) -> None:
    """From the same resamples scipy comes to the same interval."""
    assume(len(set(sample)) > 1)
    oracle = stats.bootstrap((sample,), np.mean, n_resamples=499, confidence_level=confidence, rng=1)
    expected = oracle.confidence_interval
    ours = bca(oracle.bootstrap_distribution, float(np.mean(sample)), [left_out(sample)], confidence)
    assert ours == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(numbers, numbers)
def test_bca_of_two_strata(first: list[float], second: list[float]) -> None:
    assume(len(set(first)) > 1 and len(set(second)) > 1)

    def difference(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(np.mean(a, axis=axis) - np.mean(b, axis=axis))

    oracle = stats.bootstrap((first, second), difference, n_resamples=499, rng=1)
    expected = oracle.confidence_interval
    jackknife = [left_out(first) - np.mean(second), np.mean(first) - left_out(second)]
    ours = bca(oracle.bootstrap_distribution, float(np.mean(first) - np.mean(second)), jackknife)
    assert ours == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(numbers)
def test_few_units_get_students_interval_of_a_mean(sample: list[float]) -> None:
    n = len(sample)
    half = stats.t.ppf(0.975, n - 1) * np.std(sample, ddof=1) / np.sqrt(n)
    expected = (np.mean(sample) - half, np.mean(sample) + half)
    assert jackknife_t(ratio_of_sums(sample, [1.0] * n), [0] * n) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_bootstrap_covers_a_skewed_mean_about_as_often_as_it_says() -> None:
    hits = 0
    for trial in range(200):
        sample = np.random.default_rng(trial).exponential(60.0, size=30)
        found = interval(ratio_of_sums(sample, np.ones(30)), [0] * 30, trial)
        assert found is not None
        hits += found[0] <= 60.0 <= found[1]
    assert 0.88 <= hits / 200 <= 0.98


def test_a_value_at_the_edge_of_its_draws_has_no_interval_inside_out() -> None:
    drawn = np.arange(4000.0)
    skewed = [np.array([0.0] * 400 + [-1.0])]
    found = bca(drawn, 3998.5, skewed, 0.997)
    assert found is not None
    assert found[0] <= found[1] == 3999.0


def test_strata_keep_the_mixture_of_scenarios() -> None:
    """Two scenarios that differ widely and repeats that hardly do: only the latter make the interval."""
    values = [100.0 + i % 3 for i in range(15)] + [5000.0 + i % 3 for i in range(15)]
    scenarios = ["quick"] * 15 + ["slow"] * 15
    statistic = ratio_of_sums(values, [1.0] * 30)
    within = interval(statistic, scenarios, "x")
    across = interval(statistic, range(30), "x")
    assert within is not None
    assert across is not None
    assert within[1] - within[0] < 1.5
    assert across[1] - across[0] > 1000


@pytest.mark.parametrize("alone", [30, 6, 1])
def test_scenarios_that_were_not_repeated_vary_too(alone: int) -> None:
    """Of a run with repeats most may say nothing, so that some scenarios have one left: that one is not certain."""
    values = [60.0, 61.0, 59.0, *(7200.0 * (i + 1) for i in range(alone))]
    names = ["repeated"] * 3 + [f"s{i}" for i in range(alone)]
    found = interval(ratio_of_sums(values, [1.0] * len(values)), names, "x")
    assert found is not None
    assert found[1] - found[0] > 0.3 * float(np.mean(values))


def test_the_same_key_draws_the_same() -> None:
    statistic = ratio_of_sums([float(i * i) for i in range(25)], [1.0] * 25)
    assert interval(statistic, range(25), "mttd") == interval(statistic, range(25), "mttd")
    assert interval(statistic, range(25), "mttd") != interval(statistic, range(25), "mttr")


def test_too_few_units_have_no_interval_and_what_never_varies_has_no_width() -> None:
    assert interval(ratio_of_sums([1.0, 2.0], [1.0, 1.0]), range(2)) is None
    assert interval(ratio_of_sums([5.0] * 25, [1.0] * 25), range(25)) == (5.0, 5.0)
    assert interval(ratio_of_sums([1.0, 2.0], [1.0, 1.0]), ["a", "a"]) is None


@pytest.mark.parametrize("units", [4, 30])
def test_one_unit_that_says_something_has_no_interval(units: int) -> None:
    lonely = ratio_of_sums([60.0] + [0.0] * (units - 1), [1.0] + [0.0] * (units - 1))
    assert interval(lonely, list(range(units)), "lonely") is None
