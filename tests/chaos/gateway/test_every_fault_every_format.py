"""Each fault on feeds, over each format, over real HTTP: honest evidence, manifests that agree, and an exact revert."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from gateway_hop import FORMATS, Hop, hop, manifest_of, payload_of

from chaos.errors import PayloadError
from chaos.fault import ColumnKind, ColumnRef, FeedFault, PayloadFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.column_types import type_name
from chaos.gateway.formats import decode, encode
from chaos.registry import registry
from chaos.testing import sample_table

FAMILIES = ("schema", "freshness", "volume")
FAULTS = [name for name in registry.names() if name.partition(".")[0] in FAMILIES]
#: Columns that a fault may be given, the first first.
COLUMNS: Mapping[str, Mapping[ColumnKind, tuple[str, ...]]] = {
    "weather": {
        ColumnKind.ANY: ("wind_dir", "temp"),
        ColumnKind.NUMBER: ("wind_dir", "temp"),
        ColumnKind.TEXT: ("origin", "observed_at"),
        ColumnKind.TIME: ("observed_at",),
    },
    "flights": {
        ColumnKind.ANY: ("arr_delay", "flight"),
        ColumnKind.NUMBER: ("arr_delay", "flight"),
        ColumnKind.TEXT: ("flight_id", "event_time"),
        ColumnKind.TIME: ("event_time",),
    },
    "planes": {
        ColumnKind.ANY: ("year", "seats"),
        ColumnKind.NUMBER: ("year", "seats"),
        ColumnKind.TEXT: ("tailnum",),
        ColumnKind.TIME: ("tailnum",),  # text may hold times; here it does not
    },
}
#: Sizes for batches of ten rows, one each 100 s.
SIZES = {"by_s": 150.0, "gap_s": 250.0, "age_s": 200.0, "rate": 0.5, "share_of_batches": 1.0, "decimals": -2}
CATEGORIES = {
    "weather": ["JFK"],
    "flights": [f"UA-{n}-3" for n in range(9)],
    "planes": [f"N{n}3" for n in range(9)],
}
#: Formats that a fault has nothing to do with: it says so, and the feed passes.
SKIPPED = {
    ("schema.change_delimiter", "json"),
    ("schema.change_delimiter", "parquet"),
    ("schema.change_encoding", "parquet"),
    ("schema.change_json_layout", "csv"),
    ("schema.change_json_layout", "parquet"),
}
#: Faults below the table: rows and columns of the manifest are those that were meant.
BELOW = {
    *("schema.change_delimiter", "schema.change_encoding", "schema.change_json_layout", "schema.change_compression"),
    *("schema.lose_header", "volume.partial_file", "volume.cut_record", "volume.empty"),
}
FIRST, LAST = 2, 7


def params_for(name: str, feed: str) -> dict[str, Any]:
    """The fault's example, with columns of the feed and sizes that fit it."""
    fault = registry.get(name)
    params = dict(fault.example[1])
    for param, info in fault.model_fields.items():
        mark = next((mark for mark in info.metadata if isinstance(mark, ColumnRef)), None)
        if param in params and mark is not None:
            columns = COLUMNS[feed][mark.kind]
            params[param] = columns[0] if isinstance(params[param], str) else list(columns[: len(params[param])])
        elif param in params and param in SIZES:
            params[param] = SIZES[param]
    if name == "schema.merge_categories":
        params["values"] = CATEGORIES[feed]
    if name == "schema.reorder_columns":
        params["last"] = [COLUMNS[feed][ColumnKind.TEXT][0]]
    if name == "volume.missing_partitions":
        params["column"] = COLUMNS[feed][ColumnKind.NUMBER][1]
    return params


async def seen_by_a_consumer(there: Hop, feed: str) -> tuple[list[Any], dict[str, bytes]]:
    """What a consumer that polls gets to see while the batches 2 to 6 are made: listings, and each batch's bytes."""
    listings, payloads = [], {}
    for last in range(FIRST, LAST):
        there.source.now = (last + 1) * 100.0 + 50.0
        listed = await there.json(f"/{feed}/batches?after={FIRST - 1}")
        listings.append(listed)
        for manifest in listed:
            status, body = await there.get(f"/{feed}/batches/{manifest['batch_id']}")
            assert status == 200
            payloads[manifest["batch_id"]] = body
    return listings, payloads


def truth(feed: str) -> tuple[list[Any], dict[str, bytes]]:
    """What it would see without a fault."""
    listings = [[manifest_of(feed, n) for n in range(FIRST, last + 1)] for last in range(FIRST, LAST)]
    return listings, {f"{feed}-{n:03}": payload_of(feed, n) for n in range(FIRST, LAST)}


@pytest.mark.parametrize("feed", FORMATS)
@pytest.mark.parametrize("name", FAULTS)
async def test_evidence_manifests_and_revert(name: str, feed: str) -> None:
    async with hop() as there:
        there.source.now = FIRST * 100.0 + 50.0
        before = await there.json(f"/{feed}/batches")
        status, answer = await there.install("r1", feed, name, **params_for(name, feed))
        assert status == 200, answer
        listings, payloads = await seen_by_a_consumer(there, feed)
        evidence = await there.evidence("r1")
        skipped = (name, FORMATS[feed]) in SKIPPED
        assert (evidence["touched"] > 0) == ((listings, payloads) != truth(feed)) == (not skipped), evidence
        assert (evidence["skipped_reason"] is not None) == skipped
        assert sum(count for _, _, count in there.touches) >= evidence["batches"]
        for manifest in listings[-1]:
            payload = payloads[manifest["batch_id"]]
            assert manifest["sha256"] == hashlib.sha256(payload).hexdigest()
            if name not in BELOW:
                table = decode(payload, BatchRef.from_json(manifest)).table
                assert table.num_rows == manifest["rows"]
                if table.num_rows or FORMATS[feed] != "json":
                    assert [n for n in table.column_names if not n.startswith("\x00")] == list(manifest["columns"])
        assert await there.uninstall("r1") == 204
        for n in range(LAST):
            assert await there.get(f"/{feed}/batches/{feed}-{n:03}") == (200, payload_of(feed, n))
        assert (await there.json(f"/{feed}/batches"))[: len(before)] == before
        assert (await there.evidence("r1"))["touched"] == evidence["touched"]


#: Not those that write other manifests themselves.
PAYLOAD_FAULTS = [
    name
    for name in FAULTS
    if issubclass(fault := registry.get(name), PayloadFault) and fault.deliver is FeedFault.deliver
]


@pytest.mark.parametrize("feed", FORMATS)
@pytest.mark.parametrize("name", PAYLOAD_FAULTS)
async def test_in_transit_the_manifest_stays_and_no_longer_agrees(name: str, feed: str) -> None:
    params = params_for(name, feed) | {"in_transit": True}
    async with hop() as there:
        there.source.now = FIRST * 100.0 + 150.0
        await there.install("r1", feed, name, **params)
        (manifest,) = await there.json(f"/{feed}/batches?after={FIRST - 1}")
        _, payload = await there.get(f"/{feed}/batches/{manifest['batch_id']}")
        assert manifest == manifest_of(feed, FIRST)
        changed = payload != payload_of(feed, FIRST)
        assert changed == ((await there.evidence("r1"))["touched"] > 0)
        assert (manifest["sha256"] != hashlib.sha256(payload).hexdigest()) == changed


def unreadable(payload: bytes, manifest: Mapping[str, Any]) -> str | None:
    """Why the payload cannot be read; None if it can."""
    try:
        decode(payload, BatchRef.from_json(manifest))
    except PayloadError as error:
        return str(error)
    return None


@pytest.mark.parametrize("feed", FORMATS)
@pytest.mark.parametrize("name", [n for n in FAULTS if n in BELOW])
async def test_what_a_fault_made_unreadable_comes_out_and_the_next_rule_says_why_it_cannot_act(
    name: str, feed: str
) -> None:
    async with hop() as there:
        there.source.now = 50.0
        await there.install("r1", feed, name, **params_for(name, feed))
        await there.install("r2", feed, "data.null_spike", column="gone", rate=1.0, in_transit=True)
        there.source.now = 150.0
        (manifest,) = await there.json(f"/{feed}/batches")
        status, payload = await there.get(f"/{feed}/batches/{manifest['batch_id']}")
        assert (status, manifest["sha256"]) == (200, hashlib.sha256(payload).hexdigest())
        evidence = await there.evidence("r2")
        assert (evidence["touched"], evidence["skipped"]) == (0, 1)
        assert evidence["skipped_reason"]
        problem = unreadable(payload, manifest)
        assert evidence["skipped_reason"] == problem or (problem is None and "'gone'" in evidence["skipped_reason"])


DATA_FAULTS = [name for name in registry.names() if name.startswith("data.")]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("name", DATA_FAULTS)
async def test_data_faults_on_a_feed_that_has_what_they_look_for(name: str, kind: str) -> None:
    fault = registry.get(name)
    example = fault(**fault.example[1])
    assert isinstance(example, FeedFault)
    table = sample_table(example)
    columns = {f.name: type_name(f.type) for f in table.schema}
    ref = replace(BatchRef.from_json(manifest_of("weather", 0)), columns=columns, format=kind, rows=table.num_rows)
    payload = encode(Batch(table, ref))
    manifest = ref.sealing(payload).to_json()
    async with hop() as there:
        there.source.custom = manifest, payload
        assert (await there.install("r1", "weather", name, **fault.example[1]))[0] == 200
        there.source.now = 150.0
        (seen,) = await there.json("/weather/batches")
        status, made = await there.get("/weather/batches/weather-000")
        assert (status, seen["sha256"]) == (200, hashlib.sha256(made).hexdigest())
        evidence = await there.evidence("r1")
        assert evidence["touched"] > 0, evidence
        assert made != payload
        assert decode(made, BatchRef.from_json(seen)).table.num_rows == seen["rows"]
        await there.uninstall("r1")
        assert await there.get("/weather/batches/weather-000") == (200, payload)
        assert await there.json("/weather/batches") == [manifest]
