"""Fewer digits in numbers of every type, at the ends of the type too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import chaos

MOST = 2**63 - 1
FLOAT32 = 3.0000000054977558e38


def _decimals(*values: str | None) -> list[Decimal | None]:
    return [None if value is None else Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("kind", "old", "decimals", "new"),
    [
        (pa.decimal128(5, 2), _decimals("1.26", "-1.25", None), 1, _decimals("1.30", "-1.20", None)),
        (pa.decimal128(5, 2), _decimals("999.99", "-999.99", None, "14.00"), -1, ["999.99", "-999.99", None, "10"]),
        (pa.decimal128(5, 2), _decimals("999.99", "7.00"), 0, ["999.99", "7"]),
        (pa.decimal128(5, 2), _decimals("999.99", None), -3, ["999.99", None]),
        (pa.decimal128(5, 2), _decimals("999.99", "-4.00", None), -4, ["0", "0", None]),
        (pa.decimal128(38, 0), _decimals("9" * 38), -9, ["9" * 38]),
        (pa.decimal256(76, 75), _decimals("5." + "9" * 75), -9, ["0"]),
        (pa.decimal256(76, 0), _decimals("9" * 76, "-" + "9" * 76, "14"), -1, ["9" * 76, "-" + "9" * 76, "10"]),
        (pa.decimal128(3, 0), _decimals("994", "995", "-995", "-994"), -1, ["990", "999", "-999", "-990"]),
        (pa.decimal128(3, 0), _decimals("499", "501", "-501"), -3, ["0", "999", "-999"]),
        (pa.uint16(), [50_001, 50_000, 65535, None], -5, [65535, 0, 65535, None]),
        (pa.int8(), [125, 126, -125, -126], -1, [120, 127, -120, -128]),
        (pa.int8(), [None], -1, [None]),
        (pa.uint8(), [255, 14, None], -1, [255, 10, None]),
        (pa.int8(), [127, -128, 15, None], -1, [127, -128, 20, None]),
        (pa.int8(), [127], -9, [0]),
        (pa.uint64(), [2**64 - 1, 15], -1, [2**64 - 1, 20]),
        (pa.int64(), [MOST, -MOST - 1, 15], -1, [MOST, -MOST - 1, 20]),
        (pa.int64(), [MOST, 15], 1, [MOST, 15]),
        (pa.float64(), [1e300, 0.1234567890123456, None, float("nan")], 15, [1e300, 0.123456789012346, None, "nan"]),
        (pa.float64(), [1e300, float("inf"), -1.25], 15, [1e300, float("inf"), -1.25]),
        (pa.float64(), [0.6, 39.02, -1e22], 11, [0.6, 39.02, -1e22]),
        (pa.float64(), [1.7e308, 25.0, 35.0, -0.4], -1, [1.7e308, 20.0, 40.0, -0.0]),
        (pa.float32(), [FLOAT32, 1.26, None], 1, [FLOAT32, 1.2999999523162842, None]),
        (pa.float16(), [65504.0, -65504.0, float("inf"), None, 1.26], -3, [65504.0, -65504.0, float("inf"), None, 0.0]),
    ],
)
def test_numbers_are_rounded_and_stay_within_their_type(
    kind: pa.DataType, old: list[Any], decimals: int, new: list[Any]
) -> None:
    table = pa.table({"a": pa.array(old, pa.float32()).cast(kind) if kind == pa.float16() else pa.array(old, kind)})
    out = chaos.inject(table, "schema.change_precision", column="a", decimals=decimals, seed=1)["a"]
    assert out.type == kind
    made = ["nan" if value != value else value for value in out.to_pylist()]
    wanted = [Decimal(v) if pa.types.is_decimal(kind) and v is not None else v for v in new]
    assert made == wanted
    alone = [
        chaos.inject(table[i : i + 1], "schema.change_precision", column="a", decimals=decimals, seed=1)["a"][0].as_py()
        for i in range(len(old))
    ]
    assert ["nan" if value != value else value for value in alone] == wanted
