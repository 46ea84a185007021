"""Values that no float holds, or that lie at the end of what their type holds, come out exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import chaos

BIG = 2**53 + 1
DIGITS = "12345678901234567890"


def injected(values: pa.Array, fault: str, **params: Any) -> list[Any]:
    table = pa.table({"a": values})
    done = chaos.inject(table, fault, column="a", seed=1, **{"rate": 1, **params})
    return list(done["a"].to_pylist())


@pytest.mark.parametrize(
    ("old", "kind", "fault", "params", "new"),
    [
        (["500.25", "-999.99", None], (5, 2), "data.sign_flip", {}, ["-500.25", "999.99", None]),
        ([DIGITS], (38, 0), "data.sign_flip", {}, ["-" + DIGITS]),
        (["123.45", "-600.00"], (5, 2), "data.unit_change", {"factor": 2}, ["246.90", "-999.99"]),
        (["0.60"], (2, 2), "data.unit_change", {"factor": 1.5}, ["0.90"]),
        (["9" * 38], (38, 0), "data.unit_change", {"factor": 10}, ["9" * 38]),
        (["500.25", "0.00"], (5, 2), "data.bounded_drift", {"low": 0, "high": 60}, ["500.25", "30.00"]),
        ([DIGITS, "-1"], (38, 0), "data.clipped_range", {"low": 0}, [DIGITS, "0"]),
    ],
)
def test_decimals_use_their_whole_range_and_keep_their_digits(
    old: list[str | None], kind: tuple[int, int], fault: str, params: dict[str, Any], new: list[str | None]
) -> None:
    values = pa.array([None if v is None else Decimal(v) for v in old], pa.decimal128(*kind))
    assert injected(values, fault, **params) == [None if v is None else Decimal(v) for v in new]


@pytest.mark.parametrize(
    ("old", "fault", "params", "new"),
    [
        ([BIG, 10], "data.covariate_drift", {"shift": 1, "start": 100}, [BIG, 10]),
        ([BIG, -10], "data.clipped_range", {"low": 0}, [BIG, 0]),
        ([BIG, 0], "data.bounded_drift", {"low": 0, "high": 60}, [BIG, 30]),
        ([BIG, 2**63 - 1, -(2**63), 5], "data.sign_flip", {}, [-BIG, 1 - 2**63, 2**63 - 1, -5]),
    ],
)
def test_whole_numbers_that_no_float_holds_keep_their_digits(
    old: list[int], fault: str, params: dict[str, Any], new: list[int]
) -> None:
    assert injected(pa.array(old), fault, **params) == new
