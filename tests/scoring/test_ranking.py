"""What `benchmarks/ranking.py` calls in order, and apart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from ranking import apart, in_order

from harness.scoring.findings import MetricFinding


@pytest.mark.parametrize(
    ("values", "more_is_better", "expected"),
    [
        ([9.0, 5.0, 5.0, 1.0], False, True),
        ([9.0, 5.0, 6.0, 1.0], False, False),
        ([0.1, None, 0.5], True, True),
        ([0.5, None, 0.1], True, False),
    ],
)
def test_in_order(values: list[float | None], more_is_better: bool, expected: bool) -> None:
    assert in_order(values, more_is_better) is expected


def metric(low: float | None, high: float | None) -> MetricFinding:
    return MetricFinding.model_construct(name="mttd", low=low, high=high)


def test_neighbours_are_apart_if_their_intervals_do_not_meet() -> None:
    times = [metric(8.0, 9.0), metric(3.0, 7.0), metric(2.0, 4.0), metric(None, None)]
    assert apart(times, more_is_better=False) == [True, False, False]
    shares = [metric(0.1, 0.2), metric(0.3, 0.4), metric(0.35, 0.9)]
    assert apart(shares, more_is_better=True) == [True, False]
