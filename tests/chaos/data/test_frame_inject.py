"""``chaos.inject`` on pandas, polars and pyarrow: dtypes kept, inputs untouched, exact revert, peers' defects."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos
from chaos.data.frames import corrupt, revert
from chaos.errors import InvalidFault
from chaos.faults.data.corruption.null_spike import NullSpike

N = 40
TABLE = pa.table(
    {
        "f64": pa.array([None if i == 3 else i + 0.5 for i in range(N)], pa.float64()),
        "f32": pa.array(np.arange(N, dtype=np.float32)),
        "i64": pa.array(range(N), pa.int64()),
        "u8": pa.array(range(N), pa.uint8()),
        "flag": pa.array([i % 3 == 0 for i in range(N)]),
        "text": pa.array([None if i == 5 else f"flight {i}" for i in range(N)]),
        "cat": pa.array([f"carrier {i % 4}" for i in range(N)]).dictionary_encode(),
        "us": pa.array([dt.datetime(2013, 1, 1, i % 24, 0, 0, i) for i in range(N)], pa.timestamp("us")),
        "tz": pa.array([dt.datetime(2013, 1, 1, i % 24) for i in range(N)], pa.timestamp("ns", "America/New_York")),
        "day": pa.array([dt.date(2013, 1, 1 + i % 28) for i in range(N)], pa.date32()),
        "list": pa.array([[i, i] for i in range(N)]),
    }
)
NUMERIC = ("f64", "f32", "i64", "u8")
KINDS = ("arrow", "pandas", "pandas-arrow", "polars")


def frame_of(kind: str, table: pa.Table = TABLE) -> Any:
    if kind == "arrow":
        return table
    if kind == "polars":
        return pl.from_arrow(table)
    if kind == "pandas-arrow":
        return table.to_pandas(types_mapper=pd.ArrowDtype)
    return table.to_pandas()


def copy_of(frame: Any) -> Any:
    return frame.copy(deep=True) if isinstance(frame, pd.DataFrame) else frame


def same(one: Any, two: Any) -> bool:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, two)
        return True
    return bool(one.equals(two))


def nulls(frame: Any, column: str) -> list[int]:
    if isinstance(frame, pd.DataFrame):
        return [int(i) for i in np.flatnonzero(frame[column].isna())]
    values = frame[column].to_list() if isinstance(frame, pl.DataFrame) else frame[column].to_pylist()
    return [i for i, value in enumerate(values) if value is None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", TABLE.column_names)
def test_nulls_hit_the_same_rows_everywhere_and_revert_exactly(kind: str, column: str) -> None:
    frame = frame_of(kind)
    before = copy_of(frame)
    done = corrupt(frame, "data.null_spike", column=column, rate=0.3, seed=11)
    expected = chaos.inject(TABLE, "data.null_spike", column=column, rate=0.3, seed=11)
    assert nulls(done.frame, column) == nulls(expected, column)
    assert same(frame, before)
    assert done.ledger.selected >= done.ledger.changed > 0
    assert np.flatnonzero(done.ledger.mask()[column]).tolist() == [
        row for row in nulls(done.frame, column) if row not in nulls(frame, column)
    ]
    back = done.reverted()
    if kind == "pandas" and column in ("i64", "u8", "flag"):
        back[column] = back[column].astype(frame[column].dtype)  # nullable holds the same values
    assert same(back, frame)


def test_dtypes_stay_and_whole_numbers_become_nullable_not_float() -> None:
    frame = frame_of("pandas")
    expected = {"i64": "Int64", "u8": "UInt8", "flag": "boolean"}
    for column in TABLE.column_names:
        out = chaos.inject(frame, "data.null_spike", column=column, rate=0.5, seed=1)
        assert str(out[column].dtype) == expected.get(column, str(frame[column].dtype))
        assert [str(d) for n, d in out.dtypes.items() if n != column] == [
            str(d) for n, d in frame.dtypes.items() if n != column
        ]
    polars = frame_of("polars")
    for column in TABLE.column_names:
        assert chaos.inject(polars, "data.null_spike", column=column, rate=0.5, seed=1).schema == polars.schema
    for column in TABLE.column_names:
        assert chaos.inject(TABLE, "data.null_spike", column=column, rate=0.5, seed=1).schema == TABLE.schema


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", NUMERIC)
@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.unit_change", {"factor": 3.0, "offset": 1.0, "rate": 0.5}),
        ("data.outliers", {"rate": 0.5, "magnitude": 3.0}),
        ("data.outliers", {"rate": 0.5, "low": 0.0, "high": 40.0}),
    ],
)
def test_numbers_change_alike_everywhere(kind: str, column: str, fault: str, params: dict[str, Any]) -> None:
    frame = frame_of(kind)
    before = copy_of(frame)
    done = corrupt(frame, fault, column=column, seed=3, **params)
    expected = chaos.inject(TABLE, fault, column=column, seed=3, **params)[column].to_pylist()
    values = done.frame[column].tolist() if isinstance(done.frame, pd.DataFrame) else list(done.frame[column])
    values = [v.as_py() if isinstance(v, pa.Scalar) else v for v in values]
    assert [None if v is None or v is pd.NA or v != v else v for v in values] == expected
    assert same(frame, before)
    assert same(done.reverted(), frame)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("schema.rename_column", {"column": "i64", "to": "n"}),
        ("schema.drop_column", {"column": "u8"}),
        ("schema.change_type", {"column": "i64", "to": "text"}),
    ],
)
def test_schema_faults_revert_exactly(kind: str, fault: str, params: dict[str, Any]) -> None:
    frame = frame_of(kind)
    done = corrupt(frame, fault, seed=3, **params)
    assert not done.frame.equals(frame)
    back = done.reverted()
    if kind == "pandas-arrow":  # a column put back has pandas' own dtype of the same values
        back = back.astype(frame.dtypes.to_dict())
    assert same(back, frame)


def test_batches_of_seven_hit_what_the_whole_hits() -> None:
    params: dict[str, Any] = {"column": "v", "rate": 0.05, "seed": 9}
    frame = pd.DataFrame({"v": np.arange(1000.0)})
    whole = chaos.inject(frame, "data.null_spike", **params)
    parts = [chaos.inject(frame[i : i + 7], "data.null_spike", first_row=i, **params) for i in range(0, 1000, 7)]
    pd.testing.assert_frame_equal(pd.concat(parts), whole)
    assert 25 <= whole["v"].isna().sum() <= 80


def test_rows_named_by_key_do_not_depend_on_order_or_container() -> None:
    frame = pd.DataFrame({"id": [f"f{i}" for i in range(200)], "v": np.arange(200.0)})
    params: dict[str, Any] = {"column": "v", "rate": 0.2, "seed": 5, "key": ["id"]}
    hit = chaos.inject(frame, "data.null_spike", **params)
    mixed = chaos.inject(frame.sample(frac=1, random_state=1), "data.null_spike", **params).sort_index()
    pd.testing.assert_frame_equal(mixed, hit)
    arrow = chaos.inject(pl.from_pandas(frame), "data.null_spike", **params)
    assert nulls(arrow, "v") == nulls(hit, "v")


def test_a_duplicate_or_odd_index_makes_no_difference() -> None:
    frame = pd.DataFrame({"v": np.arange(100.0)}, index=[7] * 100)
    plain = chaos.inject(frame.reset_index(drop=True), "data.null_spike", column="v", rate=0.2, seed=2)
    odd = chaos.inject(frame, "data.null_spike", column="v", rate=0.2, seed=2)
    assert odd.index.equals(frame.index)
    assert odd["v"].isna().tolist() == plain["v"].isna().tolist()


def test_none_and_nan_in_object_columns_stay_what_they_were() -> None:
    frame = pd.DataFrame({"o": pd.Series(["a", None, float("nan"), "b"] * 10, dtype=object)})
    done = corrupt(frame, "data.null_spike", column="o", rate=0.3, seed=4)
    for was, now in zip(frame["o"], done.frame["o"], strict=True):
        assert now is was or now is None


def test_fewer_changed_than_selected_where_nothing_was() -> None:
    frame = pa.table({"v": pa.array([None] * 50 + [1.0] * 50)})
    ledger = corrupt(frame, "data.null_spike", column="v", rate=1.0, seed=1).ledger
    assert (ledger.requested, ledger.selected, ledger.changed) == (100.0, 100, 50)


def test_outliers_keep_sign_and_type_and_lie_beyond_the_fences() -> None:
    frame = pd.DataFrame({"v": np.array([1, 100, 200], dtype=np.uint8)})
    out = chaos.inject(frame, "data.outliers", column="v", rate=1.0, seed=1, magnitude=10)
    assert out["v"].tolist() == [10, 255, 255]
    wide = pd.DataFrame({"v": np.linspace(0, 1, 500)})
    far = chaos.inject(wide, "data.outliers", column="v", rate=1.0, seed=1, low=0.0, high=1.0)["v"]
    assert ((far > 1.0) & (far <= 2.0) | (far < 0.0) & (far >= -1.0)).all()
    assert 150 < (far > 1).sum() < 350


def test_int64_at_its_limits_saturates() -> None:
    frame = pa.table({"v": pa.array([2**63 - 1, -(2**63), 3], pa.int64())})
    out = chaos.inject(frame, "data.unit_change", column="v", factor=4.0, seed=1)
    assert out["v"].to_pylist() == [2**63 - 1, -(2**63), 12]


def test_decimals_are_numbers_too() -> None:
    import decimal

    frame = pa.table({"v": pa.array([decimal.Decimal("1.25"), None], pa.decimal128(6, 2))})
    out = chaos.inject(frame, "data.unit_change", column="v", factor=2.0, seed=1)
    assert out.schema == frame.schema
    assert out["v"].to_pylist() == [decimal.Decimal("2.50"), None]


@pytest.mark.parametrize(
    ("frame", "params", "message"),
    [
        (TABLE, {"column": "f46"}, r"column: no column 'f46'\. Did you mean 'f64'\?"),
        (TABLE, {"column": "f64", "key": ["idd"]}, "key: no column 'idd'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {"column": "a"}, "column 'a' occurs 2 times"),
        (pd.DataFrame({0: [1]}), {"column": "a"}, r"no column 'a'\. Columns: 0"),
        (pd.DataFrame(), {"column": "a"}, r"no column 'a'\. Columns: none"),
        (pd.DataFrame({"a": pd.Series([1, "x", []], dtype=object)}), {"column": "a"}, "not of one type"),
    ],
)
def test_bad_input_gets_a_clear_error(frame: Any, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFault, match=message):
        chaos.inject(frame, "data.null_spike", rate=1, seed=1, **params)


def test_other_misuse_gets_a_clear_error() -> None:
    with pytest.raises(TypeError, match=r"expected a pandas DataFrame.*got builtins.list"):
        chaos.inject([1], "data.null_spike", column="a", rate=0.5, seed=1)
    with pytest.raises(TypeError, match=r"collect\(\) it first"):
        chaos.inject(pl.LazyFrame({"a": [1]}), "data.null_spike", column="a", rate=0.5, seed=1)
    with pytest.raises(InvalidFault, match="not on what is in a frame"):
        chaos.inject(TABLE, "freshness.freeze", seed=1)
    with pytest.raises(InvalidFault, match="has its parameters already"):
        chaos.inject(TABLE, NullSpike(column="f64", rate=0.1), seed=1, rate=0.2)
    with pytest.raises(InvalidFault, match="is string, expected a number"):
        chaos.inject(TABLE, "data.unit_change", column="text", factor=2, seed=1)
    with pytest.raises(InvalidFault, match="there is a column 'f32' already"):
        chaos.inject(TABLE, "schema.rename_column", column="f64", to="f32", seed=1)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_frame_stays_empty(kind: str) -> None:
    frame = frame_of(kind, TABLE.slice(0, 0))
    for column in TABLE.column_names:
        assert len(chaos.inject(frame, "data.null_spike", column=column, rate=0.5, seed=1)) == 0


def test_record_batches_and_chunked_slices() -> None:
    batch = TABLE.to_batches()[0]
    out = chaos.inject(batch, "data.null_spike", column="i64", rate=0.3, seed=11)
    assert isinstance(out, pa.RecordBatch)
    assert nulls(out, "i64") == nulls(chaos.inject(TABLE, "data.null_spike", column="i64", rate=0.3, seed=11), "i64")
    chunked = pa.concat_tables([TABLE.slice(0, 13), TABLE.slice(13)])
    for column in TABLE.column_names:
        one = chaos.inject(chunked, "data.null_spike", column=column, rate=0.3, seed=11)
        two = chaos.inject(TABLE, "data.null_spike", column=column, rate=0.3, seed=11)
        assert one.to_pylist() == two.to_pylist()
        part = chaos.inject(TABLE.slice(13), "data.null_spike", column=column, rate=0.3, seed=11, first_row=13)
        assert part.to_pylist() == two.slice(13).to_pylist()


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.floats(width=64) | st.none(), max_size=40),
    rate=st.floats(0, 1),
    seed=st.integers(0, 2**64 - 1),
    fault=st.sampled_from(
        [("data.null_spike", {}), ("data.unit_change", {"factor": -2.0}), ("data.outliers", {"high": 5.0})]
    ),
)
def test_revert_is_identity_on_any_floats(
    values: list[float | None], rate: float, seed: int, fault: tuple[str, dict[str, Any]]
) -> None:
    frame = pa.table({"v": pa.array(values, pa.float64())})
    done = corrupt(frame, fault[0], column="v", rate=rate, seed=seed, **fault[1])
    back = revert(done.frame, done.ledger)
    assert [repr(v) for v in back["v"].to_pylist()] == [repr(v) for v in values]
    changed = [repr(a) != repr(b) for a, b in zip(done.frame["v"].to_pylist(), values, strict=True)]
    assert sum(changed) >= done.ledger.changed  # -0.0 and 0.0 are equal, and print differently


def test_hash_randomisation_does_not_matter() -> None:
    script = (
        "import chaos, pyarrow as pa; t = pa.table({'k': [str(i) for i in range(99)], 'v': range(99)});"
        "print(chaos.inject(t, 'data.null_spike', column='v', rate=.5, seed=3, key=['k'])['v'].to_pylist())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
