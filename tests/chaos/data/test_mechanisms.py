"""Where faults hit: conditions, bursts, exact counts, must-change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos
from chaos.data.frames import corrupt
from chaos.data.where import Condition
from chaos.errors import InvalidFault
from chaos.registry import registry

N = 20_000
TABLE = pa.table(
    {
        "v": np.arange(N) / N,
        "n": pa.array(np.arange(N), mask=np.arange(N) % 10 == 0),
        "seg": [("JFK", "EWR", "LGA", None)[i % 4] for i in range(N)],
        "day": [f"2013-01-{1 + i * 28 // N:02d}" for i in range(N)],
        "at": pa.array(1_357_000_000_000_000 + np.arange(N) * 1_000_000, pa.timestamp("us", "UTC")),
        "flag": np.arange(N) % 2 == 0,
    }
)


def hit(rate: float = 0.5, **params: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    ledger = corrupt(TABLE, "data.null_spike", column="v", rate=rate, seed=1, **params).ledger
    return np.flatnonzero(ledger.mask_rows())


def near(count: int, of: int, rate: float) -> bool:
    return bool(abs(count - of * rate) <= 5 * (of * rate * (1 - rate)) ** 0.5 + 1)


@pytest.mark.parametrize(
    ("where", "eligible"),
    [
        ({"column": "seg", "among": ["EWR"]}, np.arange(N) % 4 == 1),
        ({"column": "seg", "missing": True}, np.arange(N) % 4 == 3),
        ({"column": "n", "missing": False}, np.arange(N) % 10 != 0),
        ({"column": "n", "above": 4999, "below": 10_000}, (np.arange(N) > 4999) & (np.arange(N) < 10_000)),
        ({"column": "n", "among": [1, 2.0, 3]}, (np.arange(N) > 0) & (np.arange(N) < 4)),
        ({"above": 0.5}, np.arange(N) / N > 0.5),
        ({"column": "day", "after": "2013-01-08", "before": "2013-01-15"}, (np.arange(N) * 28 // N) // 7 == 1),
        ({"column": "at", "before": "2013-01-01T02:00:00+01:00"}, np.arange(N) < 2000),
        ({"column": "flag", "among": [True]}, np.arange(N) % 2 == 0),
        ([{"above": 0.5}, {"column": "flag", "among": [False]}], (np.arange(N) / N > 0.5) & (np.arange(N) % 2 == 1)),
    ],
)
def test_only_rows_that_meet_the_conditions(where: Any, eligible: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    if where == {"column": "n", "above": 4999, "below": 10_000}:
        eligible = eligible & (np.arange(N) % 10 != 0)
    rows = hit(where=where)
    assert eligible[rows].all()
    assert near(len(rows), int(eligible.sum()), 0.5)
    everything = hit(rate=1.0, where=where)
    assert everything.tolist() == np.flatnonzero(eligible).tolist()
    requested = corrupt(TABLE, "data.null_spike", column="v", rate=0.5, seed=1, where=where).ledger.requested
    assert requested == eligible.sum() * 0.5


def test_a_condition_takes_away_and_never_moves_the_draw() -> None:
    assert set(hit(where={"column": "seg", "among": ["EWR"]})) < set(hit())


@pytest.mark.parametrize(("first", "second"), [(0.0, 1.0), (1.0, 0.0)])
def test_a_rising_rate_follows_the_value(first: float, second: float) -> None:
    rows = hit(rate=0.8, where={"rising": [first, second]})
    shares = np.histogram(rows, bins=4, range=(0, N))[0] / (N / 4)
    expected = 0.8 * np.array([0.125, 0.375, 0.625, 0.875])
    assert np.allclose(shares, expected if first < second else expected[::-1], atol=0.04)


@pytest.mark.parametrize("length", [2, 50, 977])
def test_bursts_are_whole_runs_of_the_feed(length: int) -> None:
    rows = hit(rate=0.3, burst=length)
    runs, counts = np.unique(rows // length, return_counts=True)
    assert (counts[runs < N // length] == length).all()
    assert abs(len(rows) - 0.3 * N) <= 6 * (N * length * 0.21) ** 0.5
    later = corrupt(TABLE.slice(777), "data.null_spike", column="v", rate=0.3, seed=1, burst=length, first_row=777)
    assert (np.flatnonzero(later.ledger.mask_rows()) + 777).tolist() == rows[rows >= 777].tolist()


@settings(max_examples=30, deadline=None)
@given(rate=st.floats(0, 1), seed=st.integers(0, 2**32), rows=st.integers(0, 300))
def test_exact_is_to_the_row(rate: float, seed: int, rows: int) -> None:
    table = TABLE.slice(0, rows)
    ledger = corrupt(table, "data.sign_flip", column="n", rate=rate, seed=seed, exact=True).ledger
    assert ledger.selected == round(rate * rows)
    some = corrupt(
        table, "data.delete_rows", rate=rate, seed=seed, exact=True, where={"column": "seg", "among": ["JFK"]}
    )
    assert some.ledger.changed == round(rate * -(-rows // 4))


def test_exact_and_must_change_together() -> None:
    table = pa.table({"s": ["plain"] * 900 + ["Zürich"] * 100})
    ledger = corrupt(table, "data.mojibake", column="s", rate=0.05, seed=1, exact=True, must_change=True).ledger
    assert (ledger.requested, ledger.selected, ledger.changed) == (50, 50, 50)
    few = corrupt(table, "data.mojibake", column="s", rate=0.5, seed=1, exact=True, must_change=True).ledger
    assert (few.requested, few.selected, few.changed) == (500, 100, 100)


def test_rows_of_one_key_are_hit_together() -> None:
    ledger = corrupt(TABLE, "data.null_spike", column="v", rate=0.3, seed=2, key=["day"]).ledger
    flags = pd.Series(ledger.mask_rows()).groupby(np.arange(N) * 28 // N).nunique()
    assert (flags == 1).all()
    assert 0 < ledger.selected < N


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"where": {"column": "seg"}}, "exactly one of among"),
        ({"where": {"among": []}}, "at least 1 item"),
        ({"where": {"among": [1, "a"]}}, "values of one kind, got 1, 'a'"),
        ({"where": {"above": 1, "missing": True}}, "exactly one of among"),
        ({"where": {"rising": [2, 2]}}, "two different values in rising, got 2 twice"),
        ({"where": {"after": "yesterday"}}, r"a time such as 2013-01-31T06:00:00Z, got 'yesterday'"),
        ({"where": {"column": "sge", "among": ["EWR"]}}, r"where: no column 'sge'\. Did you mean 'seg'\?"),
        ({"where": {"column": "seg", "above": 3}}, "where: column 'seg' is string, expected a number"),
        ({"where": {"column": "seg", "among": [3]}}, "where: column 'seg' of type string cannot be compared"),
        ({"where": {"column": "n", "among": ["3"]}}, "it holds numbers, and '3' is text"),
        ({"burst": 5, "key": ["n"]}, "burst needs rows named by position"),
        ({"burst": 5, "exact": True}, "exact cannot be kept"),
        ({"burst": 0}, "greater than or equal to 1"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFault, match=message):
        chaos.inject(TABLE, "data.null_spike", column="v", rate=0.5, seed=1, **params)


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.covariate_drift", {"column": "v", "shift": 8}),
        ("data.bounded_drift", {"column": "v", "low": 0, "high": 1}),
        ("data.concept_drift", {"column": "seg", "classes": ["JFK", "EWR"]}),
        ("data.prior_drift", {"column": "seg", "growing": ["JFK"], "rate": 1}),
    ],
)
def test_a_drift_of_rows_named_by_key_needs_their_times(fault: str, params: dict[str, Any]) -> None:
    """A key is no position, and was taken for one: nearly every row was beyond the end."""
    course = {"key": ["seg"], "shape": "incremental", "end": "2013-01-08"}
    with pytest.raises(InvalidFault, match="give the column of times as time"):
        registry.create(fault, params | course | {"end": 4})
    registry.create(fault, params | course | {"time": "day", "start": "2013-01-01"})
    registry.create(fault, params | {"key": ["seg"]})  # all at once, wherever they are


def test_a_fault_on_rows_needs_to_know_the_column_of_a_condition() -> None:
    with pytest.raises(InvalidFault, match="must name a column"):
        chaos.inject(TABLE, "data.delete_rows", rate=0.5, seed=1, where={"above": 3})


def test_a_condition_travels_as_json() -> None:
    condition = Condition(column="seg", among=("EWR",))
    assert Condition(**condition.model_dump(mode="json")) == condition
