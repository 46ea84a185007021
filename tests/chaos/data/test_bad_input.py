"""Whatever a frame looks like: a clear error, or the right result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from frame_kinds import DATA_FAULTS, KINDS, frame_of, mixed_table, values_of

import chaos
from chaos.data.frames import corrupt
from chaos.errors import InvalidFault
from chaos.fault import FeedFault
from chaos.registry import registry
from chaos.testing import sample_table

TABLE = mixed_table(60)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), float("inf"), "many", None])
def test_a_rate_outside_0_to_1_is_refused(rate: Any) -> None:
    with pytest.raises(InvalidFault, match="rate"):
        chaos.inject(TABLE, "data.null_spike", column="i64", rate=rate, seed=1)


@pytest.mark.parametrize(
    ("fault", "params", "message"),
    [
        ("data.typos", {"column": "i64"}, "column 'i64' is int64, expected a text"),
        ("data.gaussian_noise", {"column": "text", "sigma": 1}, "column 'text' is string, expected a number"),
        ("data.gaussian_noise", {"column": "flag", "sigma": 1}, "column 'flag' is bool, expected a number"),
        ("data.time_shift", {"column": "f64", "by_s": 1}, "column 'f64' is float64, expected a time"),
        ("data.disguised_null", {"column": "i64", "value": "N/A"}, "value: does not fit a column of int64"),
        ("data.disguised_null", {"column": "u8", "value": -999}, "value: does not fit a column of uint8"),
        ("data.disguised_null", {"column": "text", "value": 0}, "value: does not fit a column of (large_)?string"),
        ("data.wrong_category", {"column": "i64", "categories": ["a", "b"]}, "categories: "),
        ("data.wrong_category", {"column": "cat", "categories": ["a", "a"]}, "to be different, got 'a', 'a'"),
        ("data.bit_flips", {"column": "i16", "bit": 16}, "bit: int16 has bits 0 to 15, got 16"),
        ("data.broken_keys", {"column": "flag"}, "expected keys of text or numbers, it holds bool"),
        ("data.null_spike", {"column": "f46"}, r"no column 'f46'\. Did you mean 'f64'\?"),
        ("data.swapped_columns", {"column": "f64", "other": "f64"}, "got 'f64' for both"),
        ("data.stuck_at", {"column": "f64"}, "expected a value, or burst of 2 rows"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_said(kind: str, fault: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFault, match=message):
        chaos.inject(frame_of(kind, TABLE), fault, rate=1.0, seed=1, **params)


@pytest.mark.parametrize("name", DATA_FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_and_nothing_but_nulls(name: str, kind: str) -> None:
    fault = registry.create(name, registry.get(name).example[1])
    assert isinstance(fault, FeedFault)
    table = sample_table(fault, 40)
    empty = frame_of(kind, table.slice(0, 0))
    assert values_of(chaos.inject(empty, fault, seed=1)) == values_of(empty)
    nulls = pa.table([pa.nulls(40, field.type) for field in table.schema], schema=table.schema)
    frame = frame_of(kind, nulls)
    done = corrupt(frame, fault, seed=1)
    assert values_of(done.reverted()) == values_of(frame)
    if not done.ledger.changed:
        assert values_of(done.frame) == values_of(frame)


@pytest.mark.parametrize("name", DATA_FAULTS)
def test_a_missing_column_is_named(name: str) -> None:
    fault = registry.create(name, registry.get(name).example[1])
    columns = list(dict.fromkeys(column for _, column, _ in fault.column_refs()))
    if columns:
        with pytest.raises(InvalidFault, match=f"no column '{columns[0]}'"):
            chaos.inject(pa.table({"something": [1]}), fault, seed=1)  # type: ignore[arg-type]


def test_duplicate_column_names_matter_only_where_they_are_named() -> None:
    frame = pd.DataFrame([[1.0, 2.0, 3.0]] * 50, columns=["a", "a", "b"])
    out = chaos.inject(frame, "data.null_spike", column="b", rate=0.5, seed=1)
    assert list(out.columns) == ["a", "a", "b"]
    assert 10 < out["b"].isna().sum() < 40
    with pytest.raises(InvalidFault, match="column 'a' occurs 2 times"):
        chaos.inject(frame, "data.null_spike", column="a", rate=0.5, seed=1)
    assert len(chaos.inject(frame, "data.delete_rows", rate=1.0, seed=1)) == 0


def test_nested_columns_pass_and_can_be_nulled_swapped_and_moved() -> None:
    table = pa.table(
        {"l": [[i] for i in range(30)], "m": [[i, i] for i in range(30)], "s": [{"x": i} for i in range(30)]}
    )
    for fault, params in [
        ("data.null_spike", {"column": "s"}),
        ("data.swapped_columns", {"column": "l", "other": "m"}),
        ("data.shifted_rows", {"column": "l"}),
        ("data.permuted_within_group", {"column": "s"}),
        ("data.duplicate_rows", {}),
    ]:
        done = corrupt(table, fault, rate=0.5, seed=1, **params)
        assert done.ledger.changed > 0
        assert done.reverted().equals(table)
    with pytest.raises(InvalidFault, match="expected a number"):
        chaos.inject(table, "data.sign_flip", column="l", rate=1, seed=1)


def test_new_values_in_a_categorical_become_categories_and_a_revert_restores_the_dtype() -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b", None] * 20, categories=["b", "a"], ordered=True)})
    done = corrupt(frame, "data.affix", column="c", suffix="!", rate=0.5, seed=1)
    assert done.frame["c"].cat.categories.tolist()[:2] == ["b", "a"]
    assert {"a!", "b!"} == set(done.frame["c"].cat.categories[2:])
    pd.testing.assert_frame_equal(done.reverted(), frame)
    enum = pl.DataFrame({"c": pl.Series(["a", "b"] * 20, dtype=pl.Enum(["a", "b"]))})
    grown = corrupt(enum, "data.affix", column="c", suffix="!", rate=0.5, seed=1)
    assert grown.reverted().equals(enum)
    assert grown.reverted().schema == enum.schema


@pytest.mark.parametrize("kind", KINDS)
def test_text_of_any_width_and_layout(kind: str) -> None:
    for text in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        table = pa.table({"s": pa.array(["Zürich", None, "JFK"] * 20).cast(text)})
        if kind.startswith("pandas") and text == pa.string_view():
            continue
        frame = frame_of(kind, table)
        done = corrupt(frame, "data.typos", column="s", rate=0.5, seed=1)
        expected = chaos.inject(
            pa.table({"s": ["Zürich", None, "JFK"] * 20}), "data.typos", column="s", rate=0.5, seed=1
        )
        assert values_of(done.frame) == values_of(expected)
        assert done.reverted().equals(frame)


def test_a_column_of_many_kinds_of_objects() -> None:
    frame = pd.DataFrame({"o": pd.Series([1, "x", []] * 10, dtype=object)})
    with pytest.raises(InvalidFault, match="not of one type"):
        chaos.inject(frame, "data.null_spike", column="o", rate=0.9, seed=1)
    rest = chaos.inject(frame.assign(v=np.arange(30.0)), "data.null_spike", column="v", rate=0.9, seed=1)
    assert rest["o"].tolist() == frame["o"].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_another_frame_is_not_reverted(kind: str) -> None:
    ledger = corrupt(frame_of(kind, TABLE), "data.null_spike", column="i64", rate=1.0, seed=1).ledger
    with pytest.raises(ValueError, match="of 60 rows, got one of 10"):
        chaos.revert(frame_of(kind, TABLE.slice(0, 10)), ledger)
    with pytest.raises(ValueError, match="got one without column 'i64'"):
        chaos.revert(frame_of(kind, TABLE.drop_columns("i64")), ledger)


def test_a_column_whose_name_is_no_text_is_told_apart_from_one_that_is_missing() -> None:
    with pytest.raises(InvalidFault, match=r"no column '0'\. The name of column 0 is no text: rename it first\."):
        chaos.inject(pd.DataFrame({0: [1.0]}), "data.null_spike", column="0", rate=1.0, seed=1)


def test_frames_of_a_kind_of_ones_own_are_frames() -> None:
    class Own(pd.DataFrame):
        @property
        def _constructor(self) -> Any:
            return Own

    done = corrupt(Own({"x": [1.0, 2.0]}), "data.null_spike", column="x", rate=1.0, seed=1)
    assert isinstance(done.frame, Own)
    assert done.reverted()["x"].tolist() == [1.0, 2.0]
