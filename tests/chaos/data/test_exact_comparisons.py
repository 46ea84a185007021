"""Conditions compare whole numbers, decimals and times digit by digit: none goes through a float on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from frame_kinds import KINDS, frame_of, values_of

import chaos
from chaos.data.comparing import beyond, ramp
from chaos.data.conditions import weights
from chaos.data.source import TableCells
from chaos.data.where import Condition
from chaos.errors import InvalidFault

BIG = 2**53
LONG = "12345678901234567.89"


def hit(values: pa.Array, **condition: Any) -> list[bool]:
    share = weights([Condition(**condition)], TableCells(pa.table({"a": values})), "a", "data.null_spike")
    assert share is not None
    return [bool(s == 1.0) for s in share]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_whole_numbers_beyond_floats(kind: pa.DataType) -> None:
    values = pa.array([BIG, BIG + 1, BIG + 2, None], kind)
    assert hit(values, above=BIG) == [False, True, True, False]
    assert hit(values, above=float(BIG)) == [False, True, True, False]
    assert hit(values, above=BIG + 1) == [False, False, True, False]
    assert hit(values, below=BIG + 1) == [True, False, False, False]
    assert hit(values, above=BIG, below=BIG + 2) == [False, True, False, False]


@pytest.mark.parametrize(
    ("kind", "values", "condition", "expected"),
    [
        (pa.uint8(), [0, 255], {"above": -1}, [True, True]),
        (pa.uint8(), [0, 255], {"above": 255}, [False, False]),
        (pa.uint8(), [0, 255], {"below": 300}, [True, True]),
        (pa.int8(), [-128, 127], {"below": -128}, [False, False]),
        (pa.int8(), [-128, 127], {"below": -127.5}, [True, False]),
        (pa.int8(), [2, 3], {"above": 2.5}, [False, True]),
        (pa.uint64(), [2**64 - 1, 2**64 - 2], {"above": 2**64 - 2}, [True, False]),
        (pa.int64(), [-(2**63), 1 - 2**63], {"below": 1 - 2**63}, [True, False]),
        (pa.float64(), [float(BIG), float(BIG + 2), None], {"above": BIG + 1}, [False, True, False]),
        (pa.float64(), [float(BIG), float(BIG + 2), float("nan")], {"below": BIG + 1}, [True, False, False]),
        (pa.float32(), [1.5, 2.5], {"above": 2}, [False, True]),
    ],
)
def test_limits_anywhere(kind: pa.DataType, values: list[Any], condition: dict[str, Any], expected: list[bool]) -> None:
    assert hit(pa.array(values, kind), **condition) == expected


@pytest.mark.parametrize(
    "kind",
    [pa.decimal64(18, 1), pa.decimal128(20, 2), pa.decimal256(60, 2)],
)
def test_decimals_with_more_digits_than_a_float(kind: pa.DataType) -> None:
    one, two = Decimal("12345678901234567.8"), Decimal("12345678901234567.9")
    values = pa.array([one, two, None], kind)
    assert hit(values, above=12345678901234567) == [True, True, False]
    assert hit(values, below=12345678901234568) == [True, True, False]
    assert hit(values, below=12345678901234567) == [False, False, False]
    assert hit(values, among=[12345678901234568]) == [False, False, False]
    assert beyond(values, one, above=True).tolist() == [False, True, False]


def test_a_decimal_equals_the_limit_that_is_written_like_it() -> None:
    for kind in (pa.decimal32(5, 2), pa.decimal128(5, 2), pa.decimal256(5, 2)):
        values = pa.array([Decimal("0.10"), Decimal("0.11"), None], kind)
        assert hit(values, below=0.1) == [False, False, False]
        assert hit(values, above=0.1) == [False, True, False]
        assert hit(values, above=0.105, below=1e9) == [False, True, False]
        assert hit(values, among=[0.1, 5e9, 0.111]) == [True, False, False]
    assert hit(pa.array([Decimal(500), None], pa.decimal128(5, -2)), above=499, below=501) == [True, False]


def test_times_are_compared_in_nanoseconds() -> None:
    values = pa.array([999, 1000, 1001, None], pa.timestamp("ns"))
    at = "1970-01-01T00:00:00.000001"
    assert hit(values, among=[at]) == [False, True, False, False]
    assert hit(values, among=[at + "001"]) == [False, False, True, False]
    assert hit(values, after=at + "001Z") == [False, False, True, False]
    assert hit(values, before=at + "001") == [True, True, False, False]
    assert hit(pa.array([0, 1], pa.timestamp("s")), after=at) == [False, True]


def test_seconds_since_1970_are_compared_with_all_their_digits() -> None:
    whole = pa.array([2**53, 2**53 + 1, None])
    at = "1970-01-01T00:00:00.100000001"
    assert hit(whole, after="2013-01-01") == [True, True, False]
    assert hit(pa.array([-1, 0, 1]), before="1970-01-01T00:00:00.5") == [True, True, False]
    for kind in (pa.decimal128(38, 20), pa.decimal64(18, 9)):
        values = pa.array([Decimal("0.1"), Decimal("0.100000001"), None], kind)
        assert hit(values, after=at) == [False, True, False]
        assert hit(values, before=at) == [True, False, False]
    given = pa.array([1359612345.123456, 1359612345.123455, -0.0000005, float("nan"), None])
    assert hit(given, after="2013-01-31T06:05:45.123456Z") == [True, False, False, False, False]
    assert hit(given, before="1970-01-01") == [False, False, True, False, False]


@pytest.mark.parametrize("with_it", ["2013-01-01", "2013-01-01T00:00:00Z", "soon"])
def test_what_time_a_text_is_does_not_depend_on_others(with_it: str) -> None:
    assert hit(pa.array(["0000-01-01", with_it]), before="2000-01-01")[0] is False


def test_times_that_microseconds_cannot_count_are_compared() -> None:
    values = pa.array([2**62, -(2**62)], pa.timestamp("s"))
    assert hit(values, after="2013-01-01") == [True, False]
    assert hit(values, before="2013-01-01") == [False, True]


@pytest.mark.parametrize("kind", [pa.time32("s"), pa.time64("us"), pa.time64("ns")])
def test_times_of_day(kind: pa.DataType) -> None:
    second = {"s": 1, "us": 10**6, "ns": 10**9}[kind.unit]
    values = pa.array([6 * 3600 * second, 7 * 3600 * second, None], kind)
    assert hit(values, among=["06:00"]) == [True, False, False]
    with pytest.raises(InvalidFault, match="it holds times of day, and '2013-01-01' is on one day"):
        hit(values, after="2013-01-01")
    with pytest.raises(InvalidFault, match=r"expected a time of day such as 06:30:00, got 'noon'"):
        hit(values, among=["noon"])


def test_a_rate_rises_between_neighbours() -> None:
    values = pa.array([BIG, BIG + 1, BIG + 3, BIG + 9, 5, None])
    assert ramp(values, BIG, BIG + 4).tolist() == [0.0, 0.25, 0.75, 1.0, 0.0, 0.0]
    assert ramp(values, BIG + 4, BIG).tolist() == [1.0, 0.75, 0.25, 0.0, 1.0, 0.0]
    assert ramp(values, BIG, BIG + 1).tolist() == [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert ramp(pa.array([1, BIG]), BIG + 1, BIG).tolist() == [1.0, 1.0]
    decimals = pa.array([Decimal(LONG), Decimal(LONG) + 1, None], pa.decimal128(20, 2))
    first = 12345678901234567
    assert ramp(decimals, first, first + 4).tolist() == [0.2225, 0.4725, 0.0]


def test_what_one_row_gets_does_not_depend_on_the_others() -> None:
    values = pa.array([3, 7, BIG + 5])
    whole = ramp(values, 0.1, 9.7)
    assert [ramp(values[i : i + 1], 0.1, 9.7)[0] for i in range(3)] == whole.tolist()


@pytest.mark.parametrize("condition", [{"among": [1]}, {"among": ["x"]}, {"above": 1}, {"after": "2013-01-01"}])
def test_a_column_of_nulls_alone_meets_no_condition(condition: dict[str, Any]) -> None:
    assert hit(pa.nulls(2), **condition) == [False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_in_every_frame(kind: str) -> None:
    frame = frame_of(kind, pa.table({"a": [BIG + k for k in range(8)]}))
    done = chaos.inject(frame, "data.null_spike", column="a", where={"above": BIG + 3}, rate=1, seed=1)
    assert values_of(done)["a"] == [BIG + k for k in range(4)] + [None] * 4
