"""The schema family in detail: forms, types, and frames of every kind."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos
from chaos.data.frames import corrupt
from chaos.errors import InvalidFault, PayloadError
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.registry import registry

TABLE = pa.table(
    {
        "origin": pa.array(["JFK", "LGA", None, "EWR"]),
        "carrier": pa.array(["UA", "B6", "UA", "DL"]).dictionary_encode(),
        "distance": pa.array([2475.5, -1760.25, None, 0.5]),
        "flight": pa.array([12345, -7, 0, 1], pa.int64()),
        "at": pa.array([dt.datetime(2013, 3, 4, 17, 5, 6, tzinfo=dt.UTC)] * 3 + [None], pa.timestamp("ns", "UTC")),
        "day": pa.array([dt.date(2013, 3, 4)] * 3 + [None], pa.date32()),
        "text": pa.array(["2013-03-04T12:05:06-05:00", "soon", None, "2013-03-04T17:05:06Z"]),
    }
)
REF = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")


def made(name: str, **params: Any) -> FeedFault:
    fault = registry.create(name, params)
    assert isinstance(fault, FeedFault)
    return fault


def column(fault: str, column: str, **params: Any) -> list[Any]:
    return chaos.inject(TABLE, fault, seed=7, column=column, **params)[column].to_pylist()


def ref_of(kind: str) -> BatchRef:
    return BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, kind, "")


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("us", ["2,475.5", "-1,760.25", None, "0.5"]),
        ("de", ["2.475,5", "-1.760,25", None, "0,5"]),
        ("fr", ["2\u00a0475,5", "-1\u00a0760,25", None, "0,5"]),
        ("ch", ["2'475.5", "-1'760.25", None, "0.5"]),
        ("accounting", ["2,475.5", "(1,760.25)", None, "0.5"]),
    ],
)
def test_numbers_as_people_write_them(locale: str, expected: list[str | None]) -> None:
    assert column("schema.number_format", "distance", locale=locale) == expected


def test_whole_numbers_get_no_decimals() -> None:
    assert column("schema.number_format", "flight", locale="de") == ["12.345", "-7", "0", "1"]


SECONDS = 1362416706


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("epoch_s", SECONDS),
        ("epoch_ms", SECONDS * 1000),
        ("epoch_us", SECONDS * 1_000_000),
        ("epoch_2000_s", SECONDS - 946_684_800),
        ("excel_days", pytest.approx(41337.71187, abs=1e-4)),
        ("no_zone", "2013-03-04T17:05:06"),
        ("us", "03/04/2013 05:05 PM"),
        ("european", "04/03/2013 17:05"),
        ("day", "2013-03-04"),
        ("compact", "20130304170506"),
    ],
)
def test_times_in_other_forms(to: str, expected: Any) -> None:
    assert column("schema.change_time_format", "at", to=to) == [expected] * 3 + [None]
    text = column("schema.change_time_format", "text", to=to)
    assert (text[0], text[2], text[3]) == (expected, None, expected)
    assert text[1] == ("soon" if isinstance(expected, str) else None)


def test_days_are_times_too() -> None:
    assert column("schema.change_time_format", "day", to="epoch_s") == [1362355200] * 3 + [None]


def test_nullability_both_ways() -> None:
    assert column("schema.change_nullability", "origin", to="mandatory") == ["JFK", "LGA", "", "EWR"]
    assert column("schema.change_nullability", "distance", to="mandatory") == [2475.5, -1760.25, 0.0, 0.5]
    assert column("schema.change_nullability", "day", to="mandatory")[3] == dt.date(1970, 1, 1)
    assert column("schema.change_nullability", "at", to="mandatory")[3].year == 1970
    assert column("schema.change_nullability", "flight", to="optional", rate=1.0) == [None] * 4
    nothing = corrupt(TABLE, "schema.change_nullability", seed=7, column="flight", to="mandatory")
    assert not nothing.ledger.effective
    assert nothing.frame is TABLE or nothing.frame.equals(TABLE)


def test_categories() -> None:
    assert column("schema.merge_categories", "carrier", values=["B6", "DL"], into="UA") == ["UA"] * 4
    assert column("schema.recode_categories", "carrier", style="lower") == ["ua", "b6", "ua", "dl"]
    assert column("schema.recode_categories", "origin", style="padded") == [" JFK ", " LGA ", None, " EWR "]
    numbers = column("schema.recode_categories", "origin", style="number")
    assert numbers[2] is None
    assert len({n for n in numbers if n is not None}) == 3
    assert all(isinstance(n, int) for n in numbers if n is not None)
    assert column("schema.new_category", "origin", value="ZZZ", rate=1.0) == ["ZZZ", "ZZZ", None, "ZZZ"]
    assert column("schema.new_category", "carrier", value="ZZ", rate=1.0) == ["ZZ"] * 4


def test_a_category_that_is_not_there_is_inert() -> None:
    done = corrupt(TABLE, "schema.merge_categories", seed=7, column="origin", values=["ORD"], into="JFK")
    assert (done.ledger.changed, done.ledger.effective) == (0, False)


def test_precision() -> None:
    assert column("schema.change_precision", "distance", decimals=0) == [2476.0, -1760.0, None, 0.0]
    assert column("schema.change_precision", "flight", decimals=-3) == [12000, 0, 0, 0]
    assert column("schema.change_precision", "flight", decimals=2) == [12345, -7, 0, 1]
    single = chaos.inject(TABLE, "schema.change_precision", seed=7, column="distance", single=True)
    assert single.schema.field("distance").type == pa.float32()


RESHAPING: list[tuple[str, dict[str, Any], list[str]]] = [
    ("schema.add_column", {"to": "new", "value": 3.0, "place": "start"}, ["new", *TABLE.column_names]),
    (
        "schema.duplicate_column",
        {"column": "origin"},
        ["origin", "origin_1", *TABLE.column_names[1:]],
    ),
    (
        "schema.reorder_columns",
        {"last": ["flight", "day"]},
        ["origin", "carrier", "distance", "at", "text", "flight", "day"],
    ),
    (
        "schema.move_field",
        {"column": "distance", "into": "how_far"},
        ["origin", "carrier", "how_far", "flight", "at", "day", "text"],
    ),
    ("schema.drop_column", {"column": "day"}, [n for n in TABLE.column_names if n != "day"]),
]


@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars"])
@pytest.mark.parametrize(("fault", "params", "names"), RESHAPING, ids=[spec[0] for spec in RESHAPING])
def test_other_columns_on_every_kind_of_frame_and_back(
    kind: str, fault: str, params: dict[str, Any], names: list[str]
) -> None:
    frame: Any = TABLE
    if kind == "pandas":
        frame = TABLE.to_pandas()
    elif kind == "polars":
        frame = pl.from_arrow(TABLE)
    done = corrupt(frame, registry.create(fault, params), seed=7)  # type: ignore[arg-type]
    found = list(done.frame.schema.names if kind == "arrow" else done.frame.columns)
    assert found == names
    if kind == "pandas":
        pd.testing.assert_frame_equal(done.reverted(), frame)
    else:
        assert done.reverted().equals(frame)


def test_an_order_that_is_drawn_is_another_one_and_the_same_for_a_seed() -> None:
    for seed in range(20):
        one, two = (made("schema.reorder_columns").corrupt(Batch.of(TABLE), seed=seed)[0] for _ in range(2))
        assert one.names == two.names != TABLE.column_names
        assert sorted(one.names) == sorted(TABLE.column_names)
    single = Batch.of(TABLE.select(["day"]))
    assert made("schema.reorder_columns").corrupt(single, seed=1)[0] is single


def test_a_field_moves_in_and_out_again() -> None:
    batch = Batch.of(pa.table({"a": [1, 2], "b": ["x", None]}))
    nested, ledger = made("schema.move_field", column="b", into="inner").corrupt(batch, seed=7)
    assert nested.table.to_pylist() == [{"a": 1, "inner": {"b": "x"}}, {"a": 2, "inner": {"b": None}}]
    assert ledger is not None
    assert ledger.revert(nested.table).equals(batch.table)
    lifted, _ = made("schema.move_field", column="inner", field="b").corrupt(nested, seed=7)
    assert [row["b"] for row in lifted.table.to_pylist()] == ["x", None]


@pytest.mark.parametrize(
    ("fault", "params", "reason"),
    [
        ("schema.add_column", {"to": "origin"}, "to: there is a column 'origin' already"),
        ("schema.duplicate_column", {"column": "origin", "to": "day"}, "to: there is a column 'day' already"),
        ("schema.rename_column", {"column": "origin", "to": "day"}, "to: there is a column 'day' already"),
        ("schema.move_field", {"column": "origin", "into": "day"}, "into: there is a column 'day' already"),
        ("schema.move_field", {"column": "origin"}, "expected either into or field"),
        ("schema.reorder_columns", {"last": ["dya"]}, "last: no column 'dya'. Did you mean 'day'?"),
        ("schema.number_format", {"column": "origin"}, "column: column 'origin' is string, expected a number"),
        ("schema.merge_categories", {"column": "origin", "values": [], "into": "x"}, "values: "),
    ],
)
def test_what_cannot_be_is_said(fault: str, params: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidFault) as caught:
        made(fault, **params).corrupt(Batch.of(TABLE), seed=7)
    assert reason in str(caught.value)


def test_a_field_that_an_object_does_not_have() -> None:
    batch = Batch.of(pa.table({"a": [{"b": 1}]}))
    with pytest.raises(InvalidFault, match="no field 'c' in 'a'; it has b"):
        made("schema.move_field", column="a", field="c").corrupt(batch, seed=7)


# -- below the table


def test_encodings() -> None:
    text = "name,city\n1,Montr\u00e9al \u0160\n".encode()
    changed = {to: made("schema.change_encoding", to=to).mangle(text, REF, seed=7) for to in ("latin-1", "utf-8-bom")}
    assert changed["latin-1"] == b"name,city\n1,Montr\xe9al ?\n"
    assert changed["utf-8-bom"] == b"\xef\xbb\xbf" + text
    assert made("schema.change_encoding", to="cp1252").mangle(b"a\n1\n", REF, seed=7) == b"a\n1\n"
    escaped = json.dumps([{"city": "Montr\u00e9al"}]).encode()
    assert b"\xe9" in made("schema.change_encoding", to="latin-1").mangle(escaped, ref_of("json"), seed=7)
    with pytest.raises(PayloadError, match="no UTF-8 text"):
        made("schema.change_encoding").mangle(b"\xff\xfe", REF, seed=7)


def test_delimiters_keep_what_is_in_quotes() -> None:
    text = b'name,note\n1,"a, b; c"\n2,"say ""no"""\n'
    assert made("schema.change_delimiter", to="semicolon").mangle(text, REF, seed=7) == (
        b'name;note\n1;"a, b; c"\n2;"say ""no"""\n'
    )
    assert made("schema.change_delimiter", to="tab").mangle(text, REF, seed=7).splitlines()[1] == b"1\ta, b; c"


RECORDS = [{"a": 1, "b": None}, {"b": "x"}]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("lines", b'{"a":1,"b":null}\n{"b":"x"}\n'),
        ("wrapped", b'{"data":[{"a":1,"b":null},{"b":"x"}],"count":2}'),
        ("columns", b'{"a":[1,null],"b":[null,"x"]}'),
        ("arrays", b'[[1,null],["x"]]'),
    ],
)
def test_layouts_of_json(to: str, expected: bytes) -> None:
    assert (
        made("schema.change_json_layout", to=to).mangle(json.dumps(RECORDS).encode(), ref_of("json"), seed=7)
        == expected
    )


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["csv", "json", "parquet"]), st.sampled_from(sorted(registry.names())))
def test_any_bytes_are_mangled_or_refused_with_a_reason(payload: bytes, kind: str, name: str) -> None:
    fault_class = registry.get(name)
    fault = fault_class(**fault_class.example[1])
    if not isinstance(fault, FeedFault) or not fault.overrides("mangle"):
        return
    try:
        one, two = (fault.mangle(payload, ref_of(kind), seed=7) for _ in range(2))
    except (PayloadError, InvalidFault):
        return
    assert one == two


def test_compressed_bytes_are_the_same_every_time() -> None:
    fault = made("schema.change_compression", codec="gzip")
    one = fault.mangle(b"a\n1\n", REF, seed=7)
    assert one == fault.mangle(b"a\n1\n", REF, seed=8)
    assert gzip.decompress(one) == b"a\n1\n"
    assert made("schema.change_compression", codec="none").mangle(b"a\n1\n", REF, seed=7) == b"a\n1\n"


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.4", "3.0"), ("2", "4"), (7, 9), ("2013-01", "2013-01"), (None, None), (True, True)],
)
def test_versions_are_skipped_where_they_can_be_read(version: Any, expected: Any) -> None:
    ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "", version)
    (seen,) = made("schema.skip_contract_version").deliver([ref], now=100.0, since=0.0, seed=7)
    assert seen.contract_version == expected
    assert (seen is ref) == (version == expected)
    (named,) = made("schema.skip_contract_version", version="next").deliver([ref], now=100.0, since=0.0, seed=7)
    assert named.contract_version == "next"
