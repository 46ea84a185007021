"""Values that no float holds, or that lie at the end of what their type holds, come out exactly."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import chaos
from chaos.data.conversions import converted
from chaos.errors import InvalidFault

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
        (["0.12345678901", "0.73"], (20, 11), "data.unit_change", {"factor": 2}, ["0.24691357802", "1.46"]),
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


def test_decimals_with_many_digits_are_doubled_exactly() -> None:
    values = [Decimal(7**13 * k % 10**15).scaleb(-12) for k in range(1000)]
    assert injected(pa.array(values, pa.decimal128(38, 12)), "data.unit_change", factor=2) == [2 * v for v in values]


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


@pytest.mark.parametrize(
    ("kind", "wanted", "hit"),
    [
        (pa.int64(), [BIG], [False, True, False]),
        (pa.int64(), [float(2**53), 2**70, 0.5], [True, False, False]),
        (pa.uint64(), [BIG, -1], [False, True, False]),
        (pa.float64(), [BIG], [True, True, False]),
        (pa.decimal128(20, 0), [7], [False, False, True]),
    ],
)
def test_whole_numbers_are_compared_digit_by_digit(kind: pa.DataType, wanted: list[float], hit: list[bool]) -> None:
    values = pa.array([2**53, BIG, 7]).cast(kind, safe=False)
    done = injected(values, "data.null_spike", where={"among": wanted})
    assert [value is None for value in done] == hit


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_short_floats_equal_what_was_typed(kind: pa.DataType) -> None:
    values = pa.array([0.1, 0.2, 0.3, None]).cast(kind)
    one, two, three, _ = values.to_pylist()
    assert injected(values, "data.class_confusion", source=0.1, target=0.2) == [two, two, three, None]
    others = injected(values, "data.wrong_category", categories=[0.1, 0.2, 0.3])
    assert others[3] is None
    assert set(others[:3]) <= {one, two, three}
    assert all(new != old for new, old in zip(others[:3], (one, two, three), strict=True))
    assert injected(values, "data.null_spike", where={"among": [1e300, 0.3]}) == [one, two, None, None]


def test_a_number_beyond_a_short_float_is_not_its_infinity() -> None:
    values = pa.array([float("inf"), 1.0], pa.float32())
    assert injected(values, "data.null_spike", where={"among": [1e40]}) == [float("inf"), 1.0]


@pytest.mark.parametrize(
    ("fault", "params", "reason"),
    [
        ("data.disguised_null", {"value": 2**70}, f"value: does not fit a column of int64: {2**70} is not between"),
        ("data.wrong_category", {"categories": [2**70, 1]}, f"categories: the column cannot hold that: {2**70} is"),
        ("data.disguised_null", {"value": -(2**63) - 1}, "value: does not fit a column of int64: "),
    ],
)
def test_a_number_too_large_for_the_column_is_refused(fault: str, params: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidFault, match=reason):
        injected(pa.array([1, 2]), fault, **params)


def test_the_largest_unsigned_numbers_can_be_given() -> None:
    values = pa.array([1, 2**64 - 1], pa.uint64())
    assert injected(values, "data.disguised_null", value=2**64 - 2) == [2**64 - 2] * 2
    assert injected(values, "data.wrong_category", categories=[1, 2**64 - 1]) == [2**64 - 1, 1]


@pytest.mark.parametrize("side", ["prefix", "suffix"])
def test_an_affix_that_is_no_text_is_refused(side: str) -> None:
    with pytest.raises(InvalidFault, match=rf"{side}: expected text that UTF-8 can hold, .*'a\\ud800'"):
        injected(pa.array(["x"]), "data.affix", **{side: "a\ud800"})


@pytest.mark.parametrize(
    ("texts", "kind", "fits"),
    [
        (["2013-01-01 00:00:00", "JFK", None], pa.timestamp("us"), [datetime(2013, 1, 1), None, None]),
        (["2013-01-01", "9999-12-31", "soon"], pa.timestamp("ns"), [datetime(2013, 1, 1), None, None]),
        (["JFK", "2013-01-01"], pa.date32(), [None, date(2013, 1, 1)]),
        (["1.25", "JFK", "1e9", "-7"], pa.decimal128(5, 2), [Decimal("1.25"), None, None, Decimal(-7)]),
        (["true", "JFK"], pa.bool_(), [True, None]),
    ],
)
def test_only_what_does_not_fit_the_other_column_becomes_null(
    texts: list[str | None], kind: pa.DataType, fits: list[Any]
) -> None:
    table = pa.table({"s": texts, "t": pa.nulls(len(texts), kind)})
    parts = [table, *(table[i : i + 1] for i in range(len(texts)))]
    out = [chaos.inject(part, "data.swapped_columns", column="s", other="t", rate=1, seed=1)["t"] for part in parts]
    assert out[0].to_pylist() == fits
    assert [part.to_pylist() for part in out[1:]] == [[value] for value in fits]


@pytest.mark.parametrize(
    ("values", "kind", "fits"),
    [
        (pa.array([[300], None]), pa.list_(pa.int8()), [None, None]),
        (pa.array([b"abc", b"\xff"]), pa.string_view(), ["abc", None]),
        (pa.array(["1", "JFK", "1"]), pa.dictionary(pa.int8(), pa.int64()), [1, None, 1]),
        (pa.array(["JFK"]), pa.list_(pa.int8()), [None]),
        (pa.array([], pa.string()), pa.timestamp("us"), []),
    ],
)
def test_values_move_one_by_one_to_columns_of_odd_types(values: pa.Array, kind: pa.DataType, fits: list[Any]) -> None:
    out = converted(values, kind)
    assert out.type == kind
    assert out.to_pylist() == fits
