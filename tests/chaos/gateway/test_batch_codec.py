"""Batches in CSV, JSON and Parquet: what no fault touched comes out as it went in."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from gateway_hop import FORMATS, manifest_of, payload_of
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import PayloadError
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.formats import decode, encode


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
