"""Columns of every type that the containers have: each fault gives a clear error, or can be reverted exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import chaos
from chaos.data.adapters.objects import from_objects
from chaos.data.casts import cast
from chaos.data.frames import corrupt
from chaos.errors import ChaosError, InvalidFault
from chaos.fault import FeedFault, kinds_of_type
from chaos.gateway.batch import Batch
from chaos.registry import registry

N = 24
I = np.arange(N)  # noqa: E741
WORDS = [None if k % 7 == 0 else f"c{k % 4}" for k in range(N)]

ARROW: Mapping[str, pa.Array] = {
    "ns": pa.array(I * 60_000_000_001, pa.timestamp("ns")),
    "tz": pa.array(I * 60_000_000, pa.timestamp("us", "Europe/Zurich")),
    "date32": pa.array([date(2020, 1, 1) + timedelta(k) for k in range(N)]),
    "date64": pa.array([date(2020, 1, 1) + timedelta(k) for k in range(N)], pa.date64()),
    "time": pa.array(I * 1000, pa.time64("us")),
    "duration": pa.array(I * 1000, pa.duration("ms")),
    "decimal": pa.array([Decimal(k) / 4 for k in range(N)], pa.decimal128(10, 2)),
    "half": pa.array(I.astype(np.float16)),
    "uint64": pa.array(2**63 + I.astype(np.uint64)),
    "dictionary": pa.array(WORDS).dictionary_encode(),
    "numbers' dictionary": pa.array(I % 4).dictionary_encode(),
    "view": pa.array([f"a text of {k} characters" for k in range(N)], pa.string_view()),
    "binary": pa.array([f"b{k}".encode() for k in range(N)]),
    "fixed binary": pa.array([b"abcd"] * N, pa.binary(4)),
    "bytes": pa.array([bytes([0xFF, k]) for k in range(N)], pa.large_binary()),
    "fixed bytes": pa.array([bytes([0xFF, k]) for k in range(N)], pa.binary(2)),
    "bytes view": pa.array([bytes([0xFF, k]) for k in range(N)], pa.binary_view()),
    "list": pa.array([[k, 2] for k in range(N)]),
    "struct": pa.array([{"a": k, "b": "x"} for k in range(N)]),
    "map": pa.array([[("k", k)] for k in range(N)], pa.map_(pa.string(), pa.int64())),
    "seconds of a day": pa.array(I.astype(np.int32), pa.time32("s")),
    "nanoseconds of a day": pa.array(I * 1001, pa.time64("ns")),
    "small decimal": pa.array([Decimal(k) / 4 for k in range(N)], pa.decimal32(7, 2)),
    "medium decimal": pa.array([Decimal(k) / 4 for k in range(N)], pa.decimal64(12, 2)),
    "large decimal": pa.array([Decimal(k) / 4 for k in range(N)], pa.decimal256(60, 2)),
    "round decimal": pa.array([Decimal(100 * k) for k in range(N)], pa.decimal128(5, -2)),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([k]) * 16 for k in range(N)], pa.binary(16))),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array([str(k) for k in range(N)])),
    "interval": pa.array([pa.MonthDayNano([0, k, 2]) for k in range(N)]),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([10, N], pa.int32()), pa.array(["c1", "c2"])),
    "dictionary with null": pa.DictionaryArray.from_arrays(pa.array(I % 3), pa.array(["c0", None, "c2"])),
    "list view": pa.array([[k] for k in range(N)], pa.list_view(pa.int64())),
    "null": pa.nulls(N),
    "null floats": pa.nulls(N, pa.float64()),
    "null text": pa.nulls(N, pa.string()),
}
POLARS: Mapping[str, pl.Series] = {
    "enum": pl.Series([f"c{k % 3}" for k in range(N)], dtype=pl.Enum(["c0", "c1", "c2"])),
    "categorical": pl.Series(WORDS, dtype=pl.Categorical),
    "list": pl.Series([[k] for k in range(N)]),
    "array": pl.Series([[k, 1] for k in range(N)], dtype=pl.Array(pl.Int64, 2)),
    "struct": pl.Series([{"a": k} for k in range(N)]),
    "decimal": pl.Series([Decimal(k) / 4 for k in range(N)], dtype=pl.Decimal(10, 2)),
    "time": pl.Series([time(k) for k in range(N)]),
    "duration": pl.Series([timedelta(k) for k in range(N)]),
    "tz": pl.Series([datetime(2020, 1, 1)] * N).dt.replace_time_zone("Europe/Berlin"),
    "null": pl.Series([None] * N),
    "binary": pl.Series([b"x"] * N),
    "128 bits": pl.Series(list(range(N)), dtype=pl.Int128),
    "bytes": pl.Series([bytes([0xFF, k]) for k in range(N)]),
    "object": pl.Series([object() for _ in range(N)], dtype=pl.Object),
}
PANDAS: Mapping[str, Any] = {
    "Int64": pd.array([None if k % 7 == 0 else k for k in range(N)], dtype="Int64"),
    "Int8": pd.array(list(range(N)), dtype="Int8"),
    "boolean": pd.array([None if k % 7 == 0 else k % 2 == 1 for k in range(N)], dtype="boolean"),
    "python text": pd.array(WORDS, dtype=pd.StringDtype("python")),
    "arrow text": pd.array(WORDS, dtype=pd.StringDtype("pyarrow")),
    "category": pd.Categorical(WORDS),
    "ordered": pd.Categorical(WORDS, categories=["c3", "c2", "c1", "c0"], ordered=True),
    "category of numbers": pd.Categorical([k % 3 for k in range(N)]),
    "tz": pd.date_range("2020-10-25", periods=N, freq="h", tz="Europe/Berlin"),
    "timedelta": pd.to_timedelta(I, unit="s"),
    "period": pd.period_range("2020-01", periods=N, freq="M"),
    "interval": pd.interval_range(0, N),
    "category of intervals": pd.cut(I, 3),
    "category of periods": pd.Categorical(pd.period_range("2020-01", periods=N, freq="M")),
    "complex": I * 1j,
    "arrow decimal": pd.array([Decimal(k) for k in range(N)], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
    "arrow date": pd.array([date(2020, 1, 1)] * N, dtype=pd.ArrowDtype(pa.date32())),
    "arrow view": pd.arrays.ArrowExtensionArray(pa.chunked_array([ARROW["view"]])),
    "arrow runs": pd.arrays.ArrowExtensionArray(pa.chunked_array([ARROW["runs"]])),
    "other byte order": I.astype(">i8"),
    "sparse": pd.arrays.SparseArray(I % 2),
    "mixed": pd.Series([k if k % 2 else f"s{k}" for k in range(N)], dtype=object),
    "nulls of all kinds": pd.Series([[None, np.nan, pd.NaT, "x"][k % 4] for k in range(N)], dtype=object),
    "objects": pd.Series(list(range(N)), dtype=object),
    "no objects": pd.Series([None] * N, dtype=object),
    "large objects": pd.Series([2**63 + k for k in range(N)], dtype=object),
    "objects with a zone": pd.Series([pd.Timestamp("2020-01-01", tz="Europe/Berlin")] * N, dtype=object),
    "decimals": pd.Series([Decimal(k) for k in range(N)], dtype=object),
    "dicts": pd.Series([{"a": k} for k in range(N)], dtype=object),
    "arrays": pd.Series([np.array([k, 1]) for k in range(N)], dtype=object),
    "text with NUL": pd.Series([f"a\0{k}" for k in range(N)], dtype=object),
    "half characters": pd.Series([f"a\ud800{k}" for k in range(N)], dtype=object),
}
FRAMES: Mapping[str, Any] = {
    **{f"arrow {name}": pa.table({"x": column, "x2": column}) for name, column in ARROW.items()},
    **{f"polars {name}": pl.DataFrame({"x": column, "x2": column}) for name, column in POLARS.items()},
    **{f"pandas {name}": pd.DataFrame({"x": column, "x2": column}) for name, column in PANDAS.items()},
}
FAULTS = [
    (name, registry.get(name))
    for name in registry.names()
    if name.startswith(("data.", "schema.")) and "column" in registry.get(name).model_fields
]


def held(frame: Any) -> list[Any]:
    """All that a frame holds, and in which types."""
    if isinstance(frame, pd.DataFrame):
        cells = [repr((type(value), value)) for name in frame for value in frame[name]]
        return [*map(str, frame.dtypes), *frame.columns, *cells]
    if isinstance(frame, pl.DataFrame):
        return [repr(frame.schema), *map(repr, frame.rows())]
    return [str(frame.schema), frame.to_pylist()]


@pytest.mark.parametrize("rows", [N, 0])
@pytest.mark.parametrize("kind", FRAMES)
def test_a_clear_error_or_an_exact_revert(kind: str, rows: int) -> None:
    frame = FRAMES[kind][:rows]
    before = held(frame)
    for name, fault in FAULTS:
        params = {**fault.example[1], "column": "x"}
        params |= {param: "x2" for param in ("other", "score") if param in params}
        params |= {"rate": 0.5} if "rate" in fault.model_fields else {}
        params.pop("where", None)
        try:
            after: Any = held(corrupt(frame, name, seed=3, **params).reverted())
        except ChaosError as error:
            after = str(error)
        assert after == before or str(after).startswith(f"fault '{name}': "), name
        assert held(frame) == before, name


@pytest.mark.parametrize("kind", FRAMES)
def test_rows_of_any_type_can_be_repeated_and_left_out(kind: str) -> None:
    frame = FRAMES[kind]
    for name in ("data.duplicate_rows", "data.delete_rows"):
        done = corrupt(frame, name, rate=0.5, seed=3)
        assert done.ledger.changed
        assert held(done.reverted()) == held(frame)


@pytest.mark.parametrize("fault", ["data.duplicate_rows", "data.delete_rows", "data.shuffled_rows"])
@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(10, 10 + 2 * N, 2, name="k"),
        pd.date_range("2020-01-01", periods=N, freq="D"),
        pd.MultiIndex.from_product([["a", "b"], range(N // 2)], names=["k", "l"]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_rows_that_come_back_have_the_index_that_they_had(fault: str, index: Any) -> None:
    frame = pd.DataFrame({"x": I}, index=index)
    done = corrupt(frame, fault, rate=0.5, seed=3)
    pd.testing.assert_index_equal(done.frame.index, frame.index.take(done.frame["x"]))
    pd.testing.assert_frame_equal(done.reverted(), frame, check_index_type="exact", check_freq=True)
    assert done.ledger.changed


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (FRAMES["pandas period"], r"they are period\[M\], which is a type of pandas alone"),
        (FRAMES["polars object"], "they are objects of Python"),
        (FRAMES["polars 128 bits"], "they are Int128, which is a type of polars alone"),
        (FRAMES["pandas sparse"], r"they are Sparse\[int64, 0\], which is a type of pandas alone"),
        (FRAMES["pandas mixed"], "not of one type"),
    ],
)
def test_types_that_nobody_else_has_are_named(frame: Any, why: str) -> None:
    with pytest.raises(InvalidFault, match=why):
        chaos.inject(frame, "data.null_spike", column="x", rate=1, seed=1)


@pytest.mark.parametrize(
    ("column", "written"),
    [
        *[
            (pa.array([b"a.c", b"\xff\0.", None], kind), ["b'a.c'", r"b'\xff\x00.'", None])
            for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3))
        ],
        (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\xff" * 16], pa.binary(16))),
            ["ffffffff-ffff-ffff-ffff-ffffffffffff"],
        ),
        (pa.array([pa.MonthDayNano([0, 1, 2])]), ["MonthDayNano(months=0, days=1, nanoseconds=2)"]),
    ],
)
def test_what_arrow_has_no_text_for_is_written_as_python_does(column: pa.Array, written: list[str | None]) -> None:
    assert cast(column, "text").to_pylist() == written
    assert cast(column, "text_comma").to_pylist() == [text and text.replace(".", ",") for text in written]
    assert cast(column, "float").to_pylist() == [None] * len(column)


def test_bytes_become_the_same_text_in_every_frame() -> None:
    frames = [FRAMES[f"{kind} bytes"] for kind in ("arrow", "polars")]
    made = [list(chaos.inject(frame, "schema.change_type", column="x", seed=1)["x"]) for frame in frames]
    assert [str(text) for text in made[0]] == made[1]


def test_categories_that_are_intervals() -> None:
    frame = pd.DataFrame({"x": pd.cut([1, 5, 9, np.nan], 3), "y": pd.cut([10, 20, 30, 40], 3)})
    emptied = corrupt(frame, "data.null_spike", column="x", rate=1.0, seed=1)
    assert emptied.frame["x"].isna().all()
    assert emptied.frame["x"].dtype == frame["x"].dtype
    assert emptied.reverted().equals(frame)
    turned = corrupt(frame, "data.permuted_within_group", column="x", seed=1)
    assert not turned.frame["x"].equals(frame["x"])
    assert turned.frame["x"].value_counts(dropna=False).equals(frame["x"].value_counts(dropna=False))
    assert turned.frame["x"].dtype == frame["x"].dtype
    assert turned.reverted().equals(frame)
    with pytest.raises(InvalidFault, match="cannot hold the new values: no category is the interval from"):
        chaos.inject(frame, "data.swapped_columns", column="x", other="y", rate=1.0, seed=1)


@pytest.mark.parametrize("rate", [0.9, 1.0])
@pytest.mark.parametrize("values", [ARROW["view"], ARROW["dictionary"]], ids=str)
def test_another_category_for_all_rows_as_for_some(values: pa.Array, rate: float) -> None:
    table = pa.table({"x": values})
    fault = registry.create("data.wrong_category", {"column": "x", "categories": ["p", "q"], "rate": rate})
    assert isinstance(fault, FeedFault)
    done = corrupt(table, fault, seed=1)
    assert done.ledger.changed > 0
    assert done.frame["x"].type == values.type
    assert done.frame.equals(fault.corrupt(Batch.of(table), seed=1)[0].table)
    assert done.reverted().equals(table)


@pytest.mark.parametrize(
    ("kind", "given", "held_then"),
    [
        (pa.date32(), "2020-02-29", date(2020, 2, 29)),
        (pa.date64(), "2020-02-29", date(2020, 2, 29)),
        (pa.time32("s"), "06:30", time(6, 30)),
        (pa.time64("us"), "06:30:00.5", time(6, 30, 0, 500_000)),
        (pa.duration("s"), -999, timedelta(seconds=-999)),
    ],
)
def test_dates_times_and_durations_can_be_given(kind: pa.DataType, given: Any, held_then: Any) -> None:
    table = pa.table({"x": pa.array([0, 0], pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)})
    out = chaos.inject(table, "data.constant_column", column="x", value=given, seed=1)
    out.validate(full=True)
    assert out["x"].to_pylist() == [held_then] * 2


@pytest.mark.parametrize(
    ("values", "given", "why"),
    [
        (ARROW["date64"], -999, r"date64\[ms\]: expected a text such as 2013-01-31, got -999"),
        (ARROW["time"], -999, r"time64\[us\]: expected a text such as 06:30:00, got -999"),
        (ARROW["time"], "25:00", "expected a time of day such as 06:30:00, got '25:00'"),
        (ARROW["time"], "06:00Z", "expected a time of day without a zone, got '06:00Z'"),
        (ARROW["ns"], "soon", "expected a time such as 2013-01-31T06:00:00Z, got 'soon'"),
        (ARROW["duration"], 1.5, r"expected whole numbers of ms, got 1\.5"),
        (ARROW["binary"], "x", "values are given as flags, numbers or texts, and it holds none of these"),
        (ARROW["uuid"], "x", "values are given as flags, numbers or texts, and it holds none of these"),
        (ARROW["half"], "x", "expected a number, got 'x'"),
    ],
)
def test_a_value_that_a_column_cannot_hold_is_refused(values: pa.Array, given: Any, why: str) -> None:
    with pytest.raises(InvalidFault, match=why):
        chaos.inject(pa.table({"x": values}), "data.disguised_null", column="x", value=given, rate=1, seed=1)


def test_a_value_for_a_column_that_tells_no_type_is_refused_clearly() -> None:
    table = pa.table({"x": pa.nulls(3), "late": [0, 0, 0]})
    with pytest.raises(InvalidFault, match="pattern: does not fit a column of null: it has no value yet that tells"):
        chaos.inject(table, "data.trigger_pattern", column="late", target=1, pattern={"x": 7}, rate=1, seed=1)


@pytest.mark.parametrize("fault", ["data.class_confusion", "data.targeted_flips"])
def test_no_class_is_taken_for_another_where_there_is_none(fault: str) -> None:
    table = pa.table({"x": pa.nulls(3)})
    done = corrupt(table, fault, column="x", source="a", target="b", rate=1, seed=1)
    assert (done.ledger.selected, done.ledger.changed) == (0, 0)
    assert done.frame.equals(table)


@pytest.mark.parametrize("kind", ["date32", "date64", "time", "seconds of a day", "nanoseconds of a day"])
@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.shifted_columns", {"order": ["n", "x", "s"]}),
        ("data.shifted_columns", {"order": ["s", "x", "n"]}),
        ("data.shifted_columns", {"order": ["x", "x2"]}),
        ("data.swapped_columns", {"column": "x", "other": "n"}),
        ("data.swapped_columns", {"column": "x", "other": "s"}),
        ("data.shifted_rows", {"column": "x"}),
        ("data.shuffled_rows", {}),
        ("data.permuted_within_group", {"column": "x"}),
        ("data.window_off_by_one", {"column": "x"}),
        ("data.time_shift", {"column": "x", "by_s": 100_000}),
    ],
)
def test_dates_and_times_of_day_that_move_stay_what_they_are(kind: str, fault: str, params: dict[str, Any]) -> None:
    values = ARROW[kind]
    table = pa.table({"x": values, "x2": values.take(pa.array(I[::-1])), "n": I * 7, "s": ["06:00:00", "x"] * (N // 2)})
    done = corrupt(table, fault, seed=3, rate=0.7, **params)
    done.frame.validate(full=True)
    assert done.ledger.changed
    assert done.frame.schema == table.schema
    assert done.reverted().equals(table)


@pytest.mark.parametrize(
    "name", ["uuid", "interval", "runs", "round decimal", "list view", "fixed bytes", "bytes view"]
)
def test_values_of_odd_types_move(name: str) -> None:
    table = pa.table({"x": ARROW[name], "n": I})
    done = corrupt(table, "data.shifted_rows", column="x", by=3, seed=3)
    assert done.ledger.changed
    assert done.frame["x"].to_pylist() == [None] * 3 + table["x"].to_pylist()[:-3]
    assert done.frame.schema == table.schema
    assert done.reverted().equals(table)


def test_a_word_that_is_none_stays_null() -> None:
    table = pa.table({"x": ARROW["dictionary with null"]})
    made = chaos.inject(table, "data.wrong_category", column="x", categories=["c0", "c2"], rate=1.0, seed=1)
    swapped = {"c0": "c2", "c2": "c0", None: None}
    assert made["x"].to_pylist() == [swapped[word] for word in table["x"].to_pylist()]
    done = corrupt(table.slice(1, 1), "data.wrong_category", column="x", categories=["c0", "c2"], rate=1.0, seed=1)
    assert (done.ledger.selected, done.ledger.changed) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.duplicate_rows", {}),
        ("data.delete_rows", {"where": {"column": "a", "missing": False}}),
        ("data.null_spike", {"column": "a"}),
        ("data.wrong_category", {"column": "a", "categories": ["p", "q"]}),
    ],
)
def test_a_word_that_is_none_in_chunks_with_other_words(fault: str, params: Mapping[str, Any]) -> None:
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["p", None])),
        pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], pa.int8()), pa.array([None, "q"])),
    ]
    table = pa.table({"a": pa.chunked_array(chunks), "b": range(6)})
    done = corrupt(table, fault, rate=0.8, seed=3, **params)
    words = pa.table({"a": ["p", None, None, "q", None, "q"], "b": range(6)})
    assert done.ledger.changed
    assert done.frame.to_pylist() == chaos.inject(words, fault, rate=0.8, seed=3, **params).to_pylist()
    assert done.reverted().to_pylist() == words.to_pylist()
    assert done.reverted().schema == table.schema


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_is_no_other_text_for_being_stored_in_another_way(kind: pa.DataType) -> None:
    table = pa.table({"x": pa.array(["a", None, "b"], kind)})
    done = corrupt(table, "schema.change_type", column="x", to="text", seed=1)
    assert done.ledger.changed == 0
    assert done.frame.schema == table.schema


def test_names_that_are_categories_stay_categories() -> None:
    frame = pd.DataFrame([[1, 2]], columns=pd.CategoricalIndex(["x", "y"], name="names"))
    done = corrupt(frame, "schema.rename_column", column="x", to="z", seed=1)
    assert done.frame.columns.tolist() == ["z", "y"]
    pd.testing.assert_frame_equal(done.reverted(), frame, check_column_type="exact")


def test_nan_among_nulls_comes_back_as_nan() -> None:
    """In a nullable column of floats the one is not the other."""
    values = pd.arrays.FloatingArray(np.array([np.nan, 1.5] * 6), np.array([False, False, True] * 4))
    frame = pd.DataFrame({"x": values, "y": np.arange(12.0)})
    for fault, params in (("data.null_spike", {}), ("data.swapped_columns", {"other": "y"})):
        back = corrupt(frame, fault, column="x", rate=0.7, seed=1, **params).reverted()
        assert repr(list(back["x"])) == repr(list(frame["x"]))


def test_whole_numbers_that_are_moved_into_a_field_stay_whole() -> None:
    frame = pd.DataFrame({"x": pd.array([2**53 + 1, None], dtype="Int64"), "y": [1, 2]})
    made = chaos.inject(frame, "schema.move_field", column="x", into="z", seed=1)
    assert made["z"].tolist() == [{"x": 2**53 + 1}, {"x": None}]


def test_numbers_in_the_other_byte_order() -> None:
    frame = pd.DataFrame({"x": np.arange(10).astype(">i4"), "y": np.arange(10)})
    for fault, params in (("data.delete_rows", {}), ("data.unit_change", {"column": "x", "factor": 2})):
        done = corrupt(frame, fault, rate=0.5, seed=1, **params)
        assert done.ledger.changed
        assert done.frame["x"].dtype == ">i4"
        pd.testing.assert_frame_equal(done.reverted(), frame)
    emptied = corrupt(frame, "data.null_spike", column="x", rate=0.5, seed=1)
    assert emptied.frame["x"].dtype == "Int32"
    pd.testing.assert_frame_equal(emptied.reverted(), frame)


def test_a_struct_is_no_text() -> None:
    assert not kinds_of_type("struct<a: int64>")


@pytest.mark.parametrize("texts", [[], ["Zürich", "", "x"], ["a\0b", "c"], ["x", None], [None], ["x", float("nan")]])
def test_texts_of_objects_are_read_as_arrow_reads_them(texts: list[Any]) -> None:
    for times in (1, 3000):  # also over several parts, of which only the last is not all text
        values = np.array(["before"] * (times - 1) * bool(texts) + texts, dtype=object)
        assert from_objects(values).equals(pa.array(values.tolist(), from_pandas=True))


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_victims_without_a_value_are_of_the_columns_type(rate: float) -> None:
    frame = pd.DataFrame({"x": pd.Series(["N1", None], dtype=object)})
    for seed in range(20):
        where = {"missing": True} if rate == 1.0 else ()
        chaos.inject(frame, "data.typos", column="x", rate=rate, where=where, seed=seed)
    assert chaos.inject(frame, "data.disguised_null", column="x", value="?", rate=1.0, seed=1)["x"].notna().all()


def test_whole_numbers_among_fractions_are_no_whole_numbers() -> None:
    """Whichever of the values are hit: a fault does not guess the type by them."""
    frame = pd.DataFrame({"x": pd.Series([k if k % 2 else k + 0.5 for k in range(N)], dtype=object)})
    where = {"column": "n", "among": [k for k in range(N) if k % 2]}
    frame["n"] = range(N)
    made = chaos.inject(frame, "data.gaussian_noise", column="x", sigma=0.1, rate=1.0, where=where, seed=1)["x"]
    assert all(value != round(value) for value in made[1::2])


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("data.gaussian_noise", {"sigma": 1.0, "rate": 1.0}),
        ("data.typos", {"rate": 1.0}),
        ("data.time_shift", {"by_s": 60.0, "rate": 1.0}),
        ("schema.number_format", {}),
        ("schema.change_precision", {"decimals": 1}),
    ],
)
@pytest.mark.parametrize("kind", ["pandas no objects", "arrow null"])
def test_a_column_without_a_value_may_be_of_any_type(kind: str, fault: str, params: Mapping[str, Any]) -> None:
    frame = FRAMES[kind]
    done = corrupt(frame, fault, column="x", seed=1, **params)
    assert done.ledger.changed == 0
    assert held(done.frame) == held(frame)


@pytest.mark.parametrize("numbers", [[2**64, 1], [-1, 2**63]])
def test_whole_numbers_beyond_all_types_are_a_clear_error(numbers: list[int]) -> None:
    frame = pd.DataFrame({"x": pd.Series(numbers, dtype=object)})
    with pytest.raises(InvalidFault, match="not of one type"):
        chaos.inject(frame, "data.null_spike", column="x", rate=1.0, seed=1)


@pytest.mark.parametrize("seed", ["7", 7.0, None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(TypeError, match="expected a whole number as seed, got"):
        chaos.inject(pa.table({"x": [1]}), "data.null_spike", column="x", rate=1, seed=seed)


def test_a_whole_number_of_any_type_is_a_seed() -> None:
    table = pa.table({"x": range(200)})
    one, two = (chaos.inject(table, "data.null_spike", column="x", rate=0.5, seed=s) for s in (7, np.uint8(7)))
    assert one.equals(two)


def test_positions_begin_at_0_and_a_fault_is_a_fault() -> None:
    table: Any = pa.table({"x": [1]})
    with pytest.raises(ValueError, match="0 or more, as first_row, got -1"):
        chaos.inject(table, "data.null_spike", column="x", rate=1, seed=1, first_row=-1)
    with pytest.raises(TypeError, match="expected the name of a fault, or a fault, got None"):
        chaos.inject(table, None, seed=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [pa.string_view(), pa.run_end_encoded(pa.int16(), pa.string())], ids=str)
def test_categories_in_any_layout_of_arrow_in_pandas(kind: pa.DataType) -> None:
    """All rows of them are read as some are."""
    words = pa.array(["p", "p", "q"])
    values = (
        pc.run_end_encode(words, run_end_type=pa.int16()) if pa.types.is_run_end_encoded(kind) else words.cast(kind)
    )
    frame = pd.DataFrame({"a": pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([values])))})
    done = corrupt(frame, "data.wrong_category", column="a", categories=["p", "q"], rate=1, seed=1)
    assert done.frame["a"].tolist() == ["q", "q", "p"]
    assert done.frame["a"].dtype == frame["a"].dtype
    assert done.reverted().equals(frame)


def test_a_categorical_without_categories_has_no_label_to_change() -> None:
    words = pd.CategoricalDtype(pd.Index([], dtype=object))
    frame = pd.DataFrame({"a": pd.Categorical([None, None], dtype=words)})
    done = corrupt(frame, "data.label_noise", column="a", classes=["p", "q"], rate=1, seed=1)
    assert (done.ledger.selected, done.ledger.changed) == (2, 0)
    assert done.frame.equals(frame)


def test_longer_decimals_than_polars_has_are_refused_by_name() -> None:
    frame = pl.from_arrow(pa.table({"a": pa.array([], pa.decimal256(50, 3))}))
    with pytest.raises(InvalidFault, match="cannot give"):
        corrupt(frame, "data.sign_flip", column="a", rate=1, seed=1)


@pytest.mark.parametrize("scale", [5, 0, -2, 18, 30])
def test_a_decimal_as_a_float_is_the_one_next_to_it(scale: int) -> None:
    values = pa.array([Decimal(n).scaleb(-scale) for n in (50001, 7, -123456789, 0)] + [None], pa.decimal128(38, scale))
    expected = [None if v is None else float(v) for v in values.to_pylist()]
    assert cast(values, "float").to_pylist() == expected
