"""Batches in CSV, JSON and Parquet: what no fault touched comes out as it went in."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from gateway_hop import FORMATS, manifest_of, payload_of
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import PayloadError
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.formats import decode, encode
from chaos.registry import registry


@pytest.mark.parametrize("feed", FORMATS)
def test_decoding_and_encoding_give_the_same_bytes(feed: str) -> None:
    ref = BatchRef.from_json(manifest_of(feed, 3))
    assert ref.to_json() == manifest_of(feed, 3)
    batch = decode(payload_of(feed, 3), ref)
    assert encode(batch) == payload_of(feed, 3)
    assert ref.describing(batch.table, payload_of(feed, 3)) == ref


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXT, FLOATS | st.none(), st.integers(-(2**63), 2**63 - 1) | st.none()), max_size=8),
    kind=st.sampled_from(["csv", "json", "parquet"]),
)
def test_any_values_survive_every_format(rows: list[tuple[str, float | None, int | None]], kind: str) -> None:
    columns = {"name": "string", "value": "float64", "count": "int64"}
    table = pa.table(
        {
            "name": pa.array([r[0] for r in rows], pa.string()),
            "value": pa.array([r[1] for r in rows], pa.float64()),
            "count": pa.array([r[2] for r in rows], pa.int64()),
        }
    )
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), columns=columns, format=kind)
    payload = encode(Batch(table, ref))
    assert decode(payload, ref).table.to_pydict() == table.to_pydict()
    assert encode(decode(payload, ref)) == payload


def test_nested_json_passes() -> None:
    records = [{"a": {"b": [1, 2]}, "c": None}, {"a": {"b": []}, "c": True}]
    ref = replace(BatchRef.from_json(manifest_of("flights", 0)), columns={"a": "object", "c": "bool"})
    assert json.loads(encode(decode(json.dumps(records).encode(), ref))) == records


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("payload", [b"\x00\xff\x00", b'{"a": 1}', b"origin,temp\nJFK,warm\n"])
def test_unreadable_payloads_are_named(kind: str, payload: bytes) -> None:
    if kind == "csv" and payload != b"origin,temp\nJFK,warm\n":
        return  # any text is some CSV
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), format=kind)
    with pytest.raises(PayloadError, match=r"batch 'weather-000'"):
        decode(payload, ref)


def test_manifests_and_formats_that_cannot_be() -> None:
    with pytest.raises(PayloadError, match=r"manifest 'weather-000' lacks sha256"):
        BatchRef.from_json({k: v for k, v in manifest_of("weather", 0).items() if k != "sha256"})
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), format="orc")
    with pytest.raises(PayloadError, match="unknown format 'orc'; formats: csv, json, parquet"):
        decode(b"", ref)


RECORDS = [{"a": 1, "b": None, "c": "x"}, {"a": 2}, {"b": 3.5, "c": None}, {"c": "y", "a": None}]
SPARSE = {"a": "int64", "b": "float64", "c": "string"}


def sparse() -> Batch:
    ref = replace(BatchRef.from_json(manifest_of("flights", 0)), columns=SPARSE)
    return decode(json.dumps(RECORDS).encode(), ref)


def test_fields_that_records_lack_stay_absent_and_null_stays_null() -> None:
    batch = sparse()
    assert json.loads(encode(batch)) == RECORDS
    assert batch.names == ["a", "b", "c"]
    assert batch.column_types() == SPARSE
    assert batch.ref.describing(batch.table, b"").columns == SPARSE


def test_absent_fields_go_with_their_rows_and_with_a_renamed_column() -> None:
    batch = sparse()
    moved = batch.with_table(batch.table.take(pa.array([3, 1, 1])))
    assert json.loads(encode(moved)) == [{"c": "y", "a": None}, {"a": 2}, {"a": 2}]
    renamed, _ = registry.create("schema.rename_column", {"column": "b", "to": "z"}).corrupt(batch, seed=7)
    assert json.loads(encode(renamed)) == [
        {"a": 1, "z": None, "c": "x"},
        {"a": 2},
        {"z": 3.5, "c": None},
        {"a": None, "c": "y"},
    ]


def test_a_value_that_a_fault_puts_into_an_absent_field_is_there() -> None:
    fault = registry.create("schema.change_nullability", {"column": "b", "to": "mandatory"})
    batch, ledger = fault.corrupt(sparse(), seed=7)
    assert [record.get("b") for record in json.loads(encode(batch))] == [0.0, 0.0, 3.5, 0.0]
    assert ledger.changed == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({}, optional={"a": st.integers(0, 9) | st.none(), "b": TEXT | st.none()}), max_size=6
    )
)
def test_any_records_survive(records: list[dict[str, object]]) -> None:
    ref = replace(BatchRef.from_json(manifest_of("flights", 0)), columns={"a": "int64", "b": "string"})
    kept = [record for record in records if record] and records
    assert json.loads(encode(decode(json.dumps(kept).encode(), ref))) == kept


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_parquet_keeps_its_compression(codec: str) -> None:
    table = pa.table({"n": list(range(1000)), "s": ["x"] * 1000})
    out = io.BytesIO()
    pq.write_table(table, out, compression=codec)
    ref = replace(BatchRef.from_json(manifest_of("planes", 0)), columns={"n": "int64", "s": "string"})
    batch = decode(out.getvalue(), ref)
    assert encode(batch) == out.getvalue()
    renamed = batch.with_table(batch.table.rename_columns(["m", "s"]))
    assert compressions(encode(renamed)) == {"m": codec, "s": codec}


def test_parquet_keeps_a_compression_for_each_column() -> None:
    table = pa.table({"n": list(range(1000)), "s": ["x"] * 1000, "t": ["y"] * 1000})
    out = io.BytesIO()
    pq.write_table(table, out, compression={"n": "none", "s": "gzip", "t": "gzip"})
    batch = decode(out.getvalue(), replace(BatchRef.from_json(manifest_of("planes", 0)), columns={}))
    assert compressions(encode(batch)) == {"n": "none", "s": "gzip", "t": "gzip"}
    more = batch.with_table(batch.table.append_column("u", pa.array(["z"] * 1000)))
    assert compressions(encode(more)) == {"n": "none", "s": "gzip", "t": "gzip", "u": "gzip"}


def test_parquet_keeps_a_compression_for_each_column_inside_of_another() -> None:
    inner = pa.array([{"a": k, "b": "x"} for k in range(1000)])
    table = pa.table({"n": list(range(1000)), "s": inner, "l": [[k] for k in range(1000)]})
    codecs = {"n": "none", "s.a": "gzip", "s.b": "zstd", "l.list.element": "brotli"}
    out = io.BytesIO()
    pq.write_table(table, out, compression=codecs)
    batch = decode(out.getvalue(), replace(BatchRef.from_json(manifest_of("planes", 0)), columns={}))
    assert compressions(encode(batch)) == codecs
    fewer = batch.with_table(batch.table.set_column(1, "s", pc.struct_field(inner, "a")))
    assert compressions(encode(fewer)) == {"n": "none", "s": "gzip", "l.list.element": "brotli"}


def compressions(payload: bytes) -> dict[str, str]:
    group = pq.ParquetFile(io.BytesIO(payload)).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return {c.path_in_schema: c.compression.lower().replace("uncompressed", "none") for c in columns}


def test_what_a_format_cannot_hold_is_named() -> None:
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), columns={"a": "float64"})
    with pytest.raises(PayloadError, match="more than one column 'a'"):
        decode(b"a,a\n1,2\n", ref)
    with pytest.raises(PayloadError, match="no readable json"):
        decode(b"[" * 200_000, replace(ref, format="json"))
    with pytest.raises(PayloadError, match="rows is '3'"):
        BatchRef.from_json(manifest_of("weather", 0) | {"rows": "3"})


def test_objects_in_csv_are_json() -> None:
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), columns={"a": "object"})
    table = pa.table({"a": [{"b": 1}, None]})
    assert encode(Batch(table, ref)) == b'a\n"{""b"":1}"\n""\n'


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("csv", b"a,b\n5,5.0\n-2,1.5\n2.5,\n,7.25\n"),
        ("json", b'[{"a":5,"b":5.0},{"a":2.5,"b":null},{"a":-1,"b":1.0}]'),
    ],
)
def test_whole_numbers_among_fractions_are_written_as_they_were(kind: str, payload: bytes) -> None:
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), columns={"a": "float64", "b": "float64"}, format=kind)
    batch = decode(payload, ref)
    assert batch.column_types() == {"a": "float64", "b": "float64"}
    assert encode(batch) == payload
