"""Faults on decimals: every digit is computed, the type stays, and what is given fits or is refused by name."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import chaos
from chaos.data.conversions import converted
from chaos.data.decimals import of_units, rounded_units, units
from chaos.data.frames import corrupt
from chaos.data.rounding import rounded
from chaos.data.units import CONVERSIONS, exact_conversion
from chaos.errors import InvalidFault

KINDS = [
    pa.decimal32(9, 2),
    pa.decimal64(18, 2),
    pa.decimal128(20, 2),
    pa.decimal128(38, 2),
    pa.decimal256(40, 2),
    pa.decimal256(76, 2),
]


def injected(values: pa.Array, fault: str, **params: Any) -> list[Any]:
    table = pa.table({"a": values})
    done = corrupt(table, fault, column="a", seed=1, **{"rate": 1, **params})
    assert done.frame.schema == table.schema
    assert done.reverted().equals(table)
    return list(done.frame["a"].to_pylist())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_units_there_and_back(kind: pa.DataType) -> None:
    largest = Decimal(10**kind.precision - 1).scaleb(-2, None) if kind.precision < 28 else None
    values = [Decimal("0.01"), Decimal("-0.01"), None, Decimal("-1234567.89"), Decimal(0)]
    values += [largest, -largest] if largest is not None else []
    array = pa.array(values, kind)
    for part in (array, array.slice(1), array.slice(3, 1), array.slice(0, 0)):
        mask = part.is_null().to_numpy(zero_copy_only=False)
        assert of_units(units(part), kind, mask if mask.any() else None).equals(part)


@pytest.mark.parametrize("kind", KINDS[2:], ids=str)
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"factor": 2}, "24691357802469135.78"),
        ({"factor": 0.1}, "1234567890123456.79"),
        ({"offset": 0.01}, "12345678901234567.90"),
        ({"factor": 1.1, "offset": -1}, "13580246791358023.68"),
        ({"conversion": "fahrenheit_to_celsius"}, "6858710500685853.27"),
        ({"conversion": "hours_to_minutes"}, "740740734074074073.40"),
    ],
)
def test_other_units_keep_every_digit(kind: pa.DataType, params: dict[str, Any], expected: str) -> None:
    values = pa.array([Decimal("12345678901234567.89"), None], kind)
    assert injected(values, "data.unit_change", **params) == [Decimal(expected), None]


@pytest.mark.parametrize(
    ("fault", "params", "expected"),
    [
        ("data.outliers", {"magnitude": 10}, ["123456789012345678.90", "10.00", None]),
        ("data.sign_flip", {}, ["-12345678901234567.89", "0.00", None]),
        ("data.leakage", {"label": "b", "positive": 1, "amount": 0.01}, ["12345678901234567.90", "0.01", None]),
        (
            "data.segment_bias",
            {"segment": "b", "among": [1], "factor": 2, "offset": 1},
            ["24691357802469136.78", "1.00", None],
        ),
    ],
)
def test_faults_that_multiply_or_add(fault: str, params: dict[str, Any], expected: list[str | None]) -> None:
    values = pa.array([Decimal("12345678901234567.89"), Decimal(0), None], pa.decimal128(20, 2))
    table = pa.table({"a": values, "b": [1, 1, 1]})
    out = chaos.inject(table, fault, column="a", seed=1, **{"rate": 1, **params})["a"]
    assert out.to_pylist() == [None if v is None else Decimal(v) for v in expected]


@pytest.mark.parametrize("scale", [0, 2])
@pytest.mark.parametrize(
    ("fault", "params", "moved"),
    [
        ("data.gaussian_noise", {"sigma": 1e-9}, lambda v: v),
        ("data.multiplicative_noise", {"sigma": 1e-30}, lambda v: v),
        ("data.clipped_range", {"low": 0}, lambda v: max(v, 0)),
        ("data.clipped_range", {"high": 10**17}, lambda v: min(v, 10**17)),
        ("data.covariate_drift", {"shift": 1}, lambda v: v + 1),
        ("data.covariate_drift", {"scale": 3, "around": 1}, lambda v: 3 * v - 2),
        ("data.bounded_drift", {"low": -1e17, "high": 1e17, "towards": "low", "strength": 1}, lambda _: -(10**17)),
        ("data.bounded_drift", {"low": -10, "high": 10}, lambda v: v),
        ("data.outliers", {"magnitude": 10}, lambda v: 10 * v),
        ("data.broken_keys", {}, lambda v: -v - 1),
    ],
)
def test_long_numbers_lose_no_digit(fault: str, params: dict[str, Any], moved: Any, scale: int) -> None:
    """Of decimals and of whole numbers, in rows that are as good as untouched, too."""
    values = [Decimal("12345678901234567"), Decimal("-9007199254740993")]
    if not scale:
        assert injected(pa.array([*map(int, values), None]), fault, **params) == [*map(moved, map(int, values)), None]
    values = [value + Decimal(37).scaleb(-scale) for value in values]
    with localcontext(prec=60):
        expected = [moved(value) for value in values]
    assert injected(pa.array([*values, None], pa.decimal128(30, scale)), fault, **params) == [*expected, None]


@pytest.mark.parametrize("fault", ["data.gaussian_noise", "data.multiplicative_noise"])
def test_noise_is_the_same_on_long_and_on_short_decimals(fault: str) -> None:
    base = 10**20 if fault == "data.gaussian_noise" else 0
    values = [Decimal(k) / 4 for k in range(1, 40)]
    short = injected(pa.array(values, pa.decimal128(15, 2)), fault, sigma=2)
    long = injected(pa.array([v + base for v in values], pa.decimal128(38, 15)), fault, sigma=2)
    assert [round(value - base, 1) for value in long] == pytest.approx(
        [round(v, 1) for v in short], abs=Decimal("0.11")
    )


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_the_type_cannot_hold_is_clipped(kind: pa.DataType) -> None:
    values = pa.array([Decimal("1234567.89"), Decimal("-1234567.89")], kind)
    largest = Decimal((0, (9,) * kind.precision, -2))
    assert injected(values, "data.unit_change", factor=1e70) == [largest, largest.copy_negate()]


def test_halves_go_to_the_even_side() -> None:
    data = np.array([5, 15, 25, -5, -15, 6, -6], dtype=object)
    assert rounded_units(data, Fraction(1, 10)).tolist() == [0, 2, 2, 0, -2, 1, -1]
    values = pa.array([Decimal("0.05"), Decimal("0.15")], pa.decimal128(3, 2))
    assert injected(values, "data.unit_change", factor=0.1) == [Decimal("0.00"), Decimal("0.02")]


def test_large_whole_numbers_are_multiplied_exactly() -> None:
    values = pa.array([2**53 + 1, -(2**53) - 1, 2**62, 7, None])
    new = injected(values, "data.unit_change", factor=2, offset=1)
    assert new == [2**54 + 3, -(2**54) - 1, 2**63 - 1, 15, None]
    assert injected(pa.array([2**63 + 1], pa.uint64()), "data.unit_change", factor=0.5) == [2**62]


@pytest.mark.parametrize("name", CONVERSIONS)
def test_exact_conversions_are_those_of_floats(name: str) -> None:
    exact, about = exact_conversion(name), CONVERSIONS[name]
    assert [float(number) for number in exact] == pytest.approx(about, rel=1e-15)


@pytest.mark.parametrize("kind", [pa.decimal32(7, 2), pa.decimal64(12, 2), pa.decimal128(7, 2), pa.decimal128(5, -2)])
@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.gaussian_noise", {"sigma": 500}),
        ("data.clipped_range", {"low": 0, "high": 200}),
        ("data.broken_keys", {}),
        ("data.multiplicative_noise", {"sigma": 1}),
        ("data.constant_column", {"value": 300}),
        ("data.disguised_null", {"value": -900}),
        ("data.wrong_category", {"categories": [100, 200, 300]}),
        ("schema.change_nullability", {"to": "mandatory"}),
    ],
)
def test_decimals_of_every_width(kind: pa.DataType, fault: str, params: dict[str, Any]) -> None:
    values = pa.array([Decimal(100), Decimal(-200), None, Decimal(500)], kind)
    before = values.to_pylist()
    assert injected(values, fault, **params) != before


@pytest.mark.parametrize("kind", [pa.decimal32(7, 2), pa.decimal64(12, 2), pa.decimal128(7, 2)])
def test_small_decimals_are_rounded_as_others(kind: pa.DataType) -> None:
    values = pa.array([Decimal("1.25"), Decimal("-1.35"), Decimal("15.00"), None], kind)
    assert rounded(values, 1).to_pylist() == [Decimal("1.2"), Decimal("-1.4"), Decimal(15), None]
    assert rounded(values, -1).to_pylist() == [Decimal(0), Decimal(0), Decimal(20), None]
    assert rounded(values, 2).equals(values)


def test_a_given_number_is_rounded_to_the_scale_or_refused() -> None:
    values = pa.array([Decimal("1.25")], pa.decimal128(5, 2))
    assert injected(values, "data.constant_column", value=7) == [Decimal("7.00")]
    assert injected(values, "data.constant_column", value=0.125) == [Decimal("0.12")]
    with pytest.raises(InvalidFault, match=r"value: does not fit a column of decimal128\(5, 2\): 1000 is not between"):
        injected(values, "data.constant_column", value=1000)


def test_objects_have_room_for_more_digits() -> None:
    frame = pd.DataFrame({"x": pd.Series([Decimal("1.25"), Decimal("9.75")], dtype=object)})
    made = chaos.inject(frame, "data.unit_change", column="x", factor=1000, seed=1)
    assert made["x"].tolist() == [Decimal(1250), Decimal(9750)]


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.unit_change", {"factor": 1.1}),
        ("data.gaussian_noise", {"sigma": 3}),
        ("data.clipped_range", {"low": 0.125}),
        ("data.constant_column", {"value": 0.125}),
        ("data.swapped_columns", {"other": "y"}),
        ("data.swapped_columns", {"other": "t"}),
    ],
)
def test_objects_with_digits_of_their_own_are_the_same_in_any_part(fault: str, params: dict[str, Any]) -> None:
    x = [Decimal("7"), Decimal("1.25"), None, Decimal("1E+2"), Decimal("0.50001"), Decimal("-3.5")]
    y = [Decimal("0.125"), None, Decimal("4"), Decimal("2.5"), Decimal("1"), Decimal("9.99")]
    frame = pd.DataFrame(
        {"x": pd.Series(x), "y": pd.Series(y), "t": ["1.239", "7", "a", None, "0.1", "2"]}, dtype=object
    )
    params = {"column": "x", "rate": 1, "seed": 1, **params}
    whole = corrupt(frame, fault, **params)
    assert whole.ledger.changed
    assert whole.reverted().map(str).equals(frame.map(str))
    for a, b in ((0, 1), (0, 2), (2, 6), (4, 6)):  # each with a value in every column, to tell its type
        part = chaos.inject(frame.iloc[a:b], fault, first_row=a, **params)
        assert part.map(str).equals(whole.frame.iloc[a:b].map(str))


def test_a_new_object_has_as_many_digits_as_the_one_before() -> None:
    frame = pd.DataFrame({"x": pd.Series([Decimal("7"), Decimal("1.50"), None], dtype=object)})
    made = chaos.inject(frame, "data.unit_change", column="x", factor=1.1, rate=1, seed=1)
    assert [str(value) for value in made["x"]] == ["8", "1.65", "None"]
    made = chaos.inject(frame, "data.disguised_null", column="x", value=-999, rate=1, seed=1)
    assert [str(value) for value in made["x"]] == ["-999", "-999.00", "-999"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([1, 99999, None]), pa.decimal128(5, 2), [Decimal(1), Decimal("999.99"), None]),
        (pa.array([True, False]), pa.decimal128(5, 2), [Decimal(1), Decimal(0)]),
        (pa.array([1.255, -1e9, float("nan"), float("inf")]), pa.decimal128(5, 2), ["1.26", "-999.99", None, "999.99"]),
        (pa.array([Decimal("1.25"), None], pa.decimal128(5, 2)), pa.decimal128(5, 1), [Decimal("1.2"), None]),
        (pa.array([Decimal(2**53 + 1), None], pa.decimal128(20, 0)), pa.int64(), [2**53 + 1, None]),
        (pa.array([2**53 + 1, 2**64 - 1], pa.uint64()), pa.int64(), [2**53 + 1, 2**63 - 1]),
        (pa.array([str(2**53 + 1), "1e30", "x"]), pa.int64(), [2**53 + 1, 2**63 - 1, None]),
        (pa.array([2**53 + 1], pa.timestamp("ns")), pa.int64(), [2**53 + 1]),
    ],
)
def test_numbers_move_to_other_columns_with_all_their_digits(
    values: pa.Array, kind: pa.DataType, expected: list[Any]
) -> None:
    out = converted(values, kind)
    assert out.type == kind
    assert out.to_pylist() == [Decimal(v) if isinstance(v, str) else v for v in expected]


def test_whole_numbers_stay_whole_when_they_are_cast_to_whole_numbers() -> None:
    table = pa.table({"a": pa.array([2**53 + 1, 2**63], pa.uint64())})
    made = chaos.inject(table, "schema.change_type", column="a", to="integer", seed=1)
    assert made["a"].to_pylist() == [2**53 + 1, None]


@pytest.mark.parametrize(
    ("fault", "params", "expected"),
    [
        ("schema.change_type", {}, ["7", "1.25", None, "100", "0.50001", "-3.5"]),
        ("schema.change_type", {"to": "text_comma"}, ["7", "1,25", None, "100", "0,50001", "-3,5"]),
        ("schema.change_type", {"to": "float"}, [7.0, 1.25, None, 100.0, 0.50001, -3.5]),
        ("schema.number_format", {}, ["7", "1,25", None, "100", "0,50001", "-3,5"]),
        ("schema.change_precision", {"decimals": 1}, ["7", "1.20", None, "1E+2", "0.50000", "-3.5"]),
    ],
)
def test_objects_are_rewritten_in_their_own_digits(fault: str, params: dict[str, Any], expected: list[Any]) -> None:
    """Whichever others come with them."""
    x = [Decimal("7"), Decimal("1.25"), None, Decimal("1E+2"), Decimal("0.50001"), Decimal("-3.5")]
    frame = pd.DataFrame({"x": pd.Series(x, dtype=object)})
    for a, b in ((0, 6), (0, 1), (0, 2), (1, 4), (4, 6), (5, 6)):
        part = frame.iloc[a:b]
        done = corrupt(part, fault, column="x", seed=1, **params)
        assert [None if pd.isna(v) else str(v) for v in done.frame["x"]] == [
            None if v is None else str(v) for v in expected[a:b]
        ]
        assert done.reverted().map(str).equals(part.map(str))
