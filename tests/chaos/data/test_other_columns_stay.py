"""Faults on which columns there are leave those that they are not about exactly as they were, whatever those hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chaos
from chaos.data.adapters import adapter_of
from chaos.data.frames import corrupt
from chaos.errors import InvalidFault

RESHAPING: Mapping[str, Mapping[str, Any]] = {
    "schema.add_column": {"to": "n", "value": 4.0},
    "schema.duplicate_column": {"column": "a"},
    "schema.reorder_columns": {"last": ["a"]},
    "schema.move_field": {"column": "a", "into": "o"},
}
FAULTS = {**RESHAPING, "schema.drop_column": {"column": "a"}, "schema.rename_column": {"column": "a", "to": "z"}}
reshaping = pytest.mark.parametrize("fault", RESHAPING)
each = pytest.mark.parametrize("fault", FAULTS)


def odd_frame() -> pd.DataFrame:
    """A pandas frame of dtypes, of which some have no counterpart in Arrow."""
    frame = pd.DataFrame(
        {
            "i": pd.array([2**53 + 1, None], dtype="Int64"),
            "a": pd.array([1, None], dtype="Int8"),
            "b": pd.array([True, None], dtype="boolean"),
            "arrow": pd.array([1, 2], dtype=pd.ArrowDtype(pa.int16())),
            "category": pd.Categorical(["x", None], categories=["y", "x"]),
            "period": pd.period_range("2020-01", periods=2, freq="M"),
            "mixed": pd.Series([1, "x"], dtype=object),
            "sparse": pd.arrays.SparseArray([0, 1]),
            "interval": pd.interval_range(0, 2),
            "large": pd.Series([2**64, None], dtype=object),
        }
    )
    frame.index = pd.MultiIndex.from_tuples([("r", 1), ("r", 1)], names=["k", "l"])
    frame.attrs["source"] = "here"
    frame.columns.name = "columns"
    return frame


@each
def test_other_columns_of_pandas(fault: str) -> None:
    frame, before = odd_frame(), odd_frame()
    done = corrupt(frame, fault, seed=1, **FAULTS[fault])
    for name in done.frame.columns.intersection(frame.columns.drop("a")):
        pd.testing.assert_series_equal(done.frame[name], frame[name])
        assert done.frame[name].dtype == frame[name].dtype
    assert done.frame.index.equals(frame.index)
    assert done.frame.index.names == ["k", "l"]
    assert done.frame.attrs == frame.attrs
    assert done.frame.columns.name == "columns"
    pd.testing.assert_frame_equal(done.reverted(), before)
    pd.testing.assert_frame_equal(frame, before)


def test_the_copy_of_a_column_is_of_its_dtype() -> None:
    made = chaos.inject(odd_frame(), "schema.duplicate_column", column="period", seed=1)
    pd.testing.assert_series_equal(made["period_1"], made["period"], check_names=False)
    assert list(made.columns[5:7]) == ["period", "period_1"]


@pytest.mark.parametrize("name", ["period", "mixed", "sparse", "interval", "large"])
@pytest.mark.parametrize("fault", ["schema.drop_column", "schema.rename_column"])
def test_a_column_goes_or_gets_another_name_whatever_it_holds(fault: str, name: str) -> None:
    frame = odd_frame()
    done = corrupt(frame, fault, seed=1, **{**FAULTS[fault], "column": name})
    assert name not in done.frame
    pd.testing.assert_frame_equal(done.reverted(), frame)


def test_frames_in_arrows_dtypes_get_new_columns_in_them() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None], dtype=pd.ArrowDtype(pa.int16()))})
    made = chaos.inject(frame, "schema.move_field", column="a", into="o", seed=1)
    assert made.dtypes.tolist() == [pd.ArrowDtype(pa.struct([("a", pa.int16())]))]


def test_rows_without_columns_get_one() -> None:
    made = chaos.inject(pd.DataFrame(index=["r", "s"]), "schema.add_column", to="n", value=4.0, seed=1)
    assert made["n"].to_dict() == {"r": 4.0, "s": 4.0}


def test_names_that_are_no_texts_stay() -> None:
    frame = pd.DataFrame(np.eye(2))
    assert chaos.inject(frame, "schema.add_column", to="n", seed=1).columns.tolist() == [0, 1, "n"]
    assert chaos.inject(frame, "schema.reorder_columns", seed=1).columns.tolist() == [1, 0]


@each
def test_other_columns_of_polars(fault: str) -> None:
    frame = pl.DataFrame({"a": [1, 2], "object": pl.Series([object(), 1], dtype=pl.Object)}).with_columns(
        enum=pl.Series(["x", None], dtype=pl.Enum(["y", "x"])), category=pl.Series(["x", None], dtype=pl.Categorical)
    )
    made = chaos.inject(frame, fault, seed=1, **FAULTS[fault])
    assert {name: made.schema[name] for name in frame.columns[1:]} == dict(list(frame.schema.items())[1:])
    assert made["enum"].equals(frame["enum"])


@each
@pytest.mark.parametrize("kind", [pa.table, pa.RecordBatch.from_pydict])
def test_other_columns_of_arrow(fault: str, kind: Any) -> None:
    schema = pa.schema(
        [pa.field("a", pa.int8()), pa.field("b", pa.string_view(), nullable=False, metadata={"unit": "m"})],
        metadata={"source": "here"},
    )
    frame = kind({"a": [1, 2], "b": ["x", "y"]}, schema=schema)
    done = corrupt(frame, fault, seed=1, **FAULTS[fault])
    assert type(done.frame) is type(frame)
    assert done.frame.schema.metadata == schema.metadata
    assert done.frame.schema.field("b").equals(schema.field("b"), check_metadata=True)
    assert done.frame.column("b").equals(frame.column("b"))
    assert done.reverted().equals(frame)


@pytest.mark.parametrize("rows", [2, 0])
def test_a_batch_without_its_only_column_still_has_rows(rows: int) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1, 2]}).slice(0, rows)
    done = corrupt(batch, "schema.drop_column", column="a", seed=1)
    assert (done.frame.num_rows, done.frame.num_columns) == (rows, 0)
    assert done.reverted().equals(batch)


@reshaping
@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_names_that_occur_twice_are_a_clear_error(fault: str, kind: str) -> None:
    frame: Any = pa.table([[1], [2], [3]], names=["a", "b", "b"])
    if kind == "pandas":
        frame = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "b"])
    with pytest.raises(InvalidFault, match="column 'b' occurs 2 times"):
        chaos.inject(frame, fault, seed=1, **RESHAPING[fault])


TEXTS = ["Jfk", None, "Lga", "Jfk"]
NUMBERS = [1.0, None, 3.0, 2.0]
STAMPS = [datetime(2020, 1, 1), None, datetime(2020, 1, 3), datetime(2020, 1, 4)]
LOWER = ("schema.recode_categories", {"column": "x", "style": "lower"}, ["jfk", None, "lga", "jfk"])
MERGED = ("schema.merge_categories", {"column": "x", "values": ["Jfk"], "into": "Ewr"}, ["Ewr", None, "Lga", "Ewr"])
NULLED = ("schema.change_nullability", {"column": "x", "rate": 1.0}, [None] * 4)
TEXT_FILLED = ("schema.change_nullability", {"column": "x", "to": "mandatory"}, ["Jfk", "", "Lga", "Jfk"])
FILLED = ("schema.change_nullability", {"column": "x", "to": "mandatory"}, [1, 0, 3, 2])
ROUNDED = ("schema.change_precision", {"column": "x", "decimals": -1}, [0, None, 0, 0])
SKEWED = (
    "freshness.skew_stamps",
    {"columns": ["x"], "by_s": 60.0},
    [stamp and stamp + timedelta(minutes=1) for stamp in STAMPS],
)
REWRITTEN: Mapping[str, tuple[Any, Any]] = {
    "category": (pd.Series(TEXTS, dtype="category"), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "object": (pd.Series(TEXTS, dtype=object), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "string": (pd.Series(TEXTS, dtype=pd.StringDtype("python")), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "str": (pd.Series(TEXTS, dtype="str"), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "arrow string": (pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "Int64": (pd.Series(NUMBERS, dtype="Int64"), (NULLED, FILLED, ROUNDED)),
    "Float32": (pd.Series(NUMBERS, dtype="Float32"), (NULLED, FILLED, ROUNDED)),
    "arrow int64": (pd.Series(NUMBERS, dtype=pd.ArrowDtype(pa.int64())), (NULLED, FILLED, ROUNDED)),
    "float32": (pd.Series(NUMBERS, dtype="float32"), (NULLED, FILLED, ROUNDED)),
    "arrow stamps": (pd.Series(STAMPS, dtype=pd.ArrowDtype(pa.timestamp("us"))), (SKEWED, NULLED)),
    "object stamps": (pd.Series(STAMPS, dtype=object), (SKEWED, NULLED)),
    "polars categorical": (pl.Series(TEXTS, dtype=pl.Categorical), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "polars enum": (pl.Series(TEXTS, dtype=pl.Enum(["Jfk", "Lga"])), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "polars text": (pl.Series(TEXTS), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "dictionary": (pa.array(TEXTS).dictionary_encode(), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "view": (pa.array(TEXTS, pa.string_view()), (LOWER, MERGED, NULLED, TEXT_FILLED)),
    "large": (pa.array(TEXTS, pa.large_string()), (LOWER, MERGED, NULLED, TEXT_FILLED)),
}


@pytest.mark.parametrize(
    ("kind", "fault", "params", "wanted"),
    [(kind, *case) for kind, (_, cases) in REWRITTEN.items() for case in cases],
)
def test_a_column_that_is_rewritten_keeps_its_dtype(
    kind: str, fault: str, params: Mapping[str, Any], wanted: list[Any]
) -> None:
    column = REWRITTEN[kind][0]
    make = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}.get(type(column), pa.table)
    frame: Any = make({"x": column})
    done = corrupt(frame, fault, seed=1, **params)
    adapter = adapter_of(frame)
    made = adapter.column(done.frame, "x")
    assert adapter.gather(made, None).to_pylist() == wanted
    assert _class_of(made) == _class_of(adapter.column(frame, "x"))
    assert done.reverted().equals(frame)


def test_what_a_rewritten_column_of_arrow_is_annotated_with_stays() -> None:
    frame = pa.table({"x": [1.5]}, schema=pa.schema([pa.field("x", pa.float64(), metadata={"unit": "m"})]))
    made = chaos.inject(frame, "schema.change_precision", column="x", decimals=0, seed=1)
    assert made.schema.equals(frame.schema, check_metadata=True)


def _class_of(column: Any) -> Any:
    """A column's dtype; without its categories, which grow."""
    if isinstance(column, tuple):
        return column[0].type
    return str(column.dtype) if isinstance(column, pd.Series) else type(column.dtype)
