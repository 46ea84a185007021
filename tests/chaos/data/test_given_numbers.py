"""Numbers that are given as parameters count as they are written, and outliers lie beyond the fences that are given."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from frame_kinds import frame_of, values_of

import chaos
from chaos.data.frames import corrupt
from chaos.errors import InvalidFault

LONG = 2**60 + 1


@pytest.mark.parametrize("wrap", [int, np.int64, Decimal], ids=["int", "numpy", "decimal"])
@pytest.mark.parametrize(
    ("fault", "params", "old", "expected"),
    [
        ("data.clipped_range", {"low": LONG}, 0, LONG),
        ("data.clipped_range", {"high": LONG}, 2**62, LONG),
        ("data.bounded_drift", {"low": 0, "high": LONG, "strength": 1}, LONG - 4, LONG),
        ("data.bounded_drift", {"low": LONG, "high": 2**61, "strength": 1}, LONG - 1, LONG - 1),
        ("data.unit_change", {"offset": LONG}, LONG, 2 * LONG),
        ("data.unit_change", {"factor": LONG}, 1, LONG),
        ("data.covariate_drift", {"shift": LONG}, LONG, 2 * LONG),
        ("data.segment_bias", {"segment": "b", "among": [LONG], "offset": LONG}, LONG, 2 * LONG),
        ("data.leakage", {"label": "b", "positive": LONG, "amount": LONG}, LONG, 2 * LONG),
        ("data.outliers", {"magnitude": LONG}, 2**53 + 1, 2**63 - 1),
        ("data.constant_column", {"value": LONG}, 0, LONG),
        ("data.wrong_category", {"categories": [LONG, LONG + 1]}, LONG, LONG + 1),
    ],
)
def test_a_long_whole_number_keeps_its_digits(
    fault: str, params: dict[str, Any], old: int, expected: int, wrap: Any
) -> None:
    def wrapped(value: Any) -> Any:
        if isinstance(value, list):
            return [wrapped(item) for item in value]
        return wrap(value) if type(value) is int else value

    given = {name: wrapped(value) for name, value in params.items()}
    for kind in (pa.int64(), pa.decimal128(25, 2)):
        if kind != pa.int64() and (fault == "data.outliers" or params.get("factor") == LONG):
            continue
        table = pa.table({"a": pa.array([old], pa.int64()).cast(kind), "b": [LONG]})
        assert chaos.inject(table, fault, column="a", rate=1, seed=1, **given)["a"].to_pylist() == [expected]


def test_a_threshold_keeps_its_digits() -> None:
    table = pa.table({"a": [1, 1], "score": [LONG - 1, LONG]})
    loop = chaos.inject(table, "data.feedback_loop", column="a", score="score", threshold=LONG, unseen=0, seed=1)
    assert loop["a"].to_pylist() == [0, 1]


def test_a_decimal_with_more_digits_than_a_float_is_refused() -> None:
    table = pa.table({"a": [1.0]})
    with pytest.raises(InvalidFault, match=r"expected no more digits than a float keeps, got 0\.1234567890123456789"):
        chaos.inject(table, "data.clipped_range", column="a", low=Decimal("0.1234567890123456789"), seed=1)
    assert chaos.inject(table, "data.clipped_range", column="a", high=Decimal("0.10"), seed=1)["a"].to_pylist() == [0.1]


def test_a_number_larger_than_any_float_is_refused() -> None:
    with pytest.raises(InvalidFault, match="got one of 401 digits"):
        chaos.inject(pa.table({"a": [1]}), "data.clipped_range", column="a", low=10**400, seed=1)


@pytest.mark.parametrize("fences", [{"low": 0}, {"high": 3}, {"low": 0, "high": 3}, {"low": 0.5, "high": 2.5}])
@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.int64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(5, 0)],
    ids=str,
)
def test_outliers_lie_beyond_the_fences_in_every_type(kind: pa.DataType, fences: dict[str, float]) -> None:
    """However few of the type's numbers there are near them."""
    values = pa.array([0] * 200 + [None], pa.int8()).cast(kind, safe=False)
    done = corrupt(pa.table({"a": values}), "data.outliers", column="a", magnitude=1.25, rate=1, seed=1, **fences)
    *found, none = done.frame["a"].to_pylist()
    assert none is None
    assert all(v < fences.get("low", -1e9) or v > fences.get("high", 1e9) for v in found)


def test_outliers_beyond_fences_that_floats_do_not_tell_apart() -> None:
    table = pa.table({"a": pa.array([LONG] * 200)})
    made = chaos.inject(table, "data.outliers", column="a", low=LONG, magnitude=2, rate=1, seed=1)
    assert max(made["a"].to_pylist()) < LONG
    made = chaos.inject(table, "data.outliers", column="a", low=LONG - 1, high=LONG, rate=1, seed=1)
    assert not {LONG - 1, LONG} & set(made["a"].to_pylist())
    table = pa.table({"a": pa.array([3] * 200, pa.uint8())})
    made = chaos.inject(table, "data.outliers", column="a", low=0, magnitude=2, rate=1, seed=1)
    assert set(made["a"].to_pylist()) == {0}  # nothing of the type is below


def test_nan_is_no_outlier() -> None:
    made = chaos.inject(pa.table({"a": [float("nan"), 1.0]}), "data.outliers", column="a", low=0, rate=1, seed=1)
    assert str(made["a"][0]) == "nan"


@pytest.mark.parametrize("kind", ["arrow", "pandas", "pandas-arrow", "polars"])
def test_nan_is_null_in_numpy_floats_and_a_number_elsewhere(kind: str) -> None:
    table = pa.table({"a": [1.0, float("nan"), None]})
    frame = frame_of(kind, table)
    is_null = kind == "pandas"
    missing = corrupt(frame, "data.disguised_null", column="a", rate=1, where={"missing": True}, value=-1, seed=1)
    assert missing.ledger.mask()["a"].tolist() == [False, is_null, True]
    null = corrupt(frame, "data.null_spike", column="a", rate=1, seed=1)
    assert null.ledger.changed == (1 if is_null else 2)
    assert repr(values_of(null.reverted())) == repr(values_of(frame))
    for limit in ({"above": 0}, {"below": 5}):
        assert corrupt(frame, "data.null_spike", column="a", rate=1, where=limit, seed=1).ledger.selected == 1
    for fault, params in (
        ("data.sign_flip", {}),
        ("data.unit_change", {"factor": 2}),
        ("data.clipped_range", {"low": 5}),
    ):
        assert corrupt(frame, fault, column="a", seed=1, **{"rate": 1, **params}).ledger.mask()["a"].tolist() == [
            1,
            0,
            0,
        ]


@pytest.mark.parametrize("kind", ["arrow", "pandas", "pandas-arrow", "polars"])
def test_nan_and_null_are_one_key(kind: str) -> None:
    frame = frame_of(kind, pa.table({"a": [1.0, 2.0], "k": [float("nan"), None]}))
    hit = {corrupt(frame, "data.null_spike", column="a", key=["k"], rate=0.5, seed=s).ledger.selected for s in range(9)}
    assert hit == {0, 2}
