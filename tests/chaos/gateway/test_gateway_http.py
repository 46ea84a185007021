"""The feed gateway over real HTTP, in all three formats."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from gateway_hop import FORMATS, Hop, hop, manifest_of, payload_of

#: A numeric column and one to rename, by feed.
NUMERIC = {"weather": "temp", "flights": "arr_delay", "planes": "seats"}


def rows(feed: str, payload: bytes) -> list[dict[str, Any]]:
    """The rows as a consumer reads them."""
    if FORMATS[feed] == "csv":
        return list(csv.DictReader(io.StringIO(payload.decode())))
    if FORMATS[feed] == "json":
        return json.loads(payload)
    return pq.read_table(io.BytesIO(payload)).to_pylist()


async def batch(there: Hop, feed: str, sequence: int) -> tuple[dict[str, Any], bytes]:
    """Manifest and payload of a batch, as ingestion gets them."""
    (manifest,) = await there.json(f"/{feed}/batches?after={sequence - 1}&limit=1")
    status, payload = await there.get(f"/{feed}/batches/{manifest['batch_id']}")
    assert status == 200
    return manifest, payload


@pytest.mark.parametrize("feed", FORMATS)
async def test_without_a_rule_bytes_pass_untouched(feed: str) -> None:
    async with hop() as there:
        there.source.now = 350.0
        status, body = await there.get(f"/{feed}/batches?after=0")
        assert (status, json.loads(body)) == (200, [manifest_of(feed, 1), manifest_of(feed, 2)])
        assert there.source.asked == [f"/{feed}/batches?after=0"]
        _, payload = await batch(there, feed, 1)
        assert payload == payload_of(feed, 1)
        assert (await there.get(f"/{feed}/batches/nothing-1"))[0] == 404


@pytest.mark.parametrize("feed", FORMATS)
async def test_a_corrupted_batch_has_a_manifest_that_agrees(feed: str) -> None:
    async with hop() as there:
        there.source.now = 250.0
        column = NUMERIC[feed]
        assert (await there.install("r1", feed, "data.null_spike", column=column, rate=1.0))[0] == 200
        there.source.now = 350.0
        old, old_payload = await batch(there, feed, 1)
        assert (old, old_payload) == (manifest_of(feed, 1), payload_of(feed, 1))
        assert await there.evidence("r1") == pytest.approx(
            {"touched": 0, "what": "batches", "batches": 0, "rows": 0, "cells": 0}
            | {"skipped": 0, "skipped_reason": None}
        )
        manifest, payload = await batch(there, feed, 2)
        assert manifest["sha256"] == hashlib.sha256(payload).hexdigest() != manifest_of(feed, 2)["sha256"]
        assert {**manifest, "sha256": ""} == {**manifest_of(feed, 2), "sha256": ""}
        assert {row[column] for row in rows(feed, payload)} <= {None, ""}
        untouched = [{k: v for k, v in row.items() if k != column} for row in rows(feed, payload)]
        assert untouched == [{k: v for k, v in row.items() if k != column} for row in rows(feed, payload_of(feed, 2))]
        cells = sum(row[column] not in (None, "") for row in rows(feed, payload_of(feed, 2)))
        assert (await there.evidence("r1"))["cells"] == cells
        await batch(there, feed, 2)
        assert there.touches == [("r1", "cells", cells)]
        assert await there.uninstall("r1") == 204
        assert (await batch(there, feed, 2))[1] == payload_of(feed, 2)
        assert (await there.evidence("r1"))["touched"] == cells


@pytest.mark.parametrize("feed", FORMATS)
@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("schema.rename_column", {"to": "renamed"}),
        ("schema.drop_column", {}),
        ("schema.change_type", {"to": "text_comma"}),
        ("data.unit_change", {"factor": 2.0}),
        ("data.outliers", {"rate": 0.5, "magnitude": 100.0}),
    ],
)
async def test_every_payload_fault_passes_every_format(feed: str, fault: str, params: dict[str, Any]) -> None:
    async with hop() as there:
        column = NUMERIC[feed]
        status, _ = await there.install("r1", feed, fault, column=column, **params)
        assert status == 200
        there.source.now = 150.0
        manifest, payload = await batch(there, feed, 0)
        was, now = rows(feed, payload_of(feed, 0)), rows(feed, payload)
        assert manifest["sha256"] == hashlib.sha256(payload).hexdigest()
        assert list(now[0]) == list(manifest["columns"])
        if fault == "schema.rename_column":
            assert [row["renamed"] for row in now] == [row[column] for row in was]
        elif fault == "schema.drop_column":
            assert column not in manifest["columns"]
        elif fault == "schema.change_type":
            assert manifest["columns"][column] == "string"
            assert str(now[1][column]) == str(was[1][column]).replace(".", ",")
        else:
            assert manifest["columns"] == manifest_of(feed, 0)["columns"]
            assert [row[column] for row in now] != [row[column] for row in was]
        assert (await there.evidence("r1"))["batches"] == 1


async def test_in_transit_leaves_the_manifest_as_it_was() -> None:
    async with hop() as there:
        there.source.now = 150.0
        await there.install("r1", "weather", "data.unit_change", column="temp", factor=2, in_transit=True)
        there.source.now = 250.0
        for sequence in (0, 1):  # also what was made before
            manifest, payload = await batch(there, "weather", sequence)
            assert manifest == manifest_of("weather", sequence)
            assert hashlib.sha256(payload).hexdigest() != manifest["sha256"]


async def test_rules_stack_in_the_order_they_were_installed() -> None:
    async with hop() as there:
        await there.install("r1", "weather", "schema.rename_column", column="temp", to="t")
        await there.install("r2", "weather", "data.unit_change", column="t", factor=2)
        await there.install("r3", "weather", "data.null_spike", column="temp", rate=1.0)
        there.source.now = 150.0
        _, payload = await batch(there, "weather", 0)
        assert [float(row["t"]) for row in rows("weather", payload)][:2] == [60.0, 62.0]
        evidence = await there.evidence("r3")
        assert (evidence["touched"], evidence["skipped"]) == (0, 1)
        assert "no column 'temp'" in evidence["skipped_reason"]


async def test_a_rate_of_zero_is_no_evidence() -> None:
    async with hop() as there:
        await there.install("r1", "weather", "data.null_spike", column="temp", rate=0.0)
        there.source.now = 150.0
        manifest, payload = await batch(there, "weather", 0)
        assert (manifest, payload) == (manifest_of("weather", 0), payload_of("weather", 0))
        assert (await there.evidence("r1"))["touched"] == 0


async def test_freeze_and_delay() -> None:
    async with hop() as there:
        there.source.now = 250.0
        await there.install("r1", "weather", "freshness.freeze")
        assert [m["sequence"] for m in await there.json("/weather/batches")] == [0, 1]
        assert (await there.evidence("r1"))["touched"] == 0
        there.source.now = 450.0
        assert await there.json("/weather/batches?after=1") == []
        assert await there.json("/weather/batches?after=1") == []
        assert (await there.evidence("r1"))["batches"] == 2
        assert (await there.get("/weather/batches/weather-003"))[0] == 404
        await there.uninstall("r1")
        assert [m["sequence"] for m in await there.json("/weather/batches?after=1")] == [2, 3]
        await there.install("r2", "weather", "freshness.delay", by_s=120)
        there.source.now = 550.0
        assert await there.json("/weather/batches?after=3") == []
        there.source.now = 620.0
        assert [m["sequence"] for m in await there.json("/weather/batches?after=3")] == [4]
        assert there.touches == [("r1", "batches", 1)] * 2 + [("r2", "batches", 1)] * 2


@pytest.mark.parametrize("feed", FORMATS)
async def test_right_stamps_on_old_data(feed: str) -> None:
    async with hop() as there:
        there.source.now = 250.0
        await there.install("r1", feed, "freshness.freeze", republish=True)
        there.source.now = 450.0
        for sequence in (2, 3):
            manifest, payload = await batch(there, feed, sequence)
            assert payload == payload_of(feed, 1)
            assert manifest == manifest_of(feed, sequence) | {"sha256": manifest_of(feed, 1)["sha256"]}
        assert (await there.evidence("r1"))["batches"] == 2
        assert there.source.asked.count(f"/{feed}/batches/{feed}-001") == 1


async def test_a_source_that_lists_in_pages() -> None:
    async with hop() as there:
        there.source.page = 3
        there.source.now = 1050.0
        await there.install("r1", "weather", "freshness.delay", by_s=10)
        assert [m["sequence"] for m in await there.json("/weather/batches")] == list(range(10))
        assert [m["sequence"] for m in await there.json("/weather/batches?after=4&limit=2")] == [5, 6]


async def test_failures_of_the_source_are_passed_on() -> None:
    async with hop(timeout_s=0.2) as there:
        there.source.now = 150.0
        there.source.mode = "broken"
        assert await there.get("/weather/batches") == (500, b"out of order")
        await there.install("r1", "weather", "freshness.freeze")
        status, body = await there.get("/weather/batches")
        assert (status, json.loads(body)["error"]) == (502, "feed 'weather': the source answered 500 to a listing")
        there.source.mode = "garbage"
        status, body = await there.get("/weather/batches")
        assert status == 502
        assert "the source's listing cannot be read" in json.loads(body)["error"]
        there.source.mode = "hang"
        for feed in ("weather", "flights"):
            status, body = await there.get(f"/{feed}/batches")
            assert status == 504
            assert f"feed '{feed}': the source did not answer: no answer within 0.2 s" in json.loads(body)["error"]


async def test_a_source_that_is_not_there() -> None:
    async with hop(upstream=lambda _: "http://127.0.0.1:1") as there:
        status, body = await there.get("/weather/batches")
        assert status == 502
        assert "feed 'weather': the source cannot be reached" in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/", 404, "expected /<feed>/batches"),
        ("/weahter/batches", 404, "unknown feed 'weahter'; feeds: weather, flights, planes"),
        ("/weather/batches?after=x", 400, "expected after to be a whole number, got 'x'"),
        ("/weather/batches/weather-999", 404, "has no batch 'weather-999'"),
    ],
)
async def test_requests_that_cannot_be_served(path: str, status: int, reason: str) -> None:
    async with hop() as there:
        await there.install("r1", "weather", "freshness.freeze")
        got, body = await there.get(path)
        assert (got, reason in json.loads(body)["error"]) == (status, True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "the body is not JSON"),
        ("[]", "expected a rule as a JSON object"),
        ('{"feed": "weather"}', "field 'fault' is missing"),
        ('{"feed": ["weather"], "fault": "freshness.freeze"}', "expected feed to be a name"),
        ('{"feed": "weather", "fault": 7}', "expected fault to be a name, got 7"),
        ('{"feed": "weather", "fault": "freshness.freeze", "parms": {}}', "Did you mean 'params'?"),
        ('{"feed": "wether", "fault": "freshness.freeze"}', "unknown feed 'wether'. Did you mean 'weather'?"),
        ('{"feed": "weather", "fault": "freshness.freze"}', "Did you mean 'freshness.freeze'?"),
        ('{"feed": "weather", "fault": "freshness.delay"}', "by_s: required"),
        ('{"feed": "weather", "fault": "process.kill"}', "does not act on feeds"),
        ('{"feed": "weather", "fault": "freshness.freeze", "seed": "x"}', "expected seed to be a whole number"),
        ('{"feed": "weather", "fault": "freshness.freeze", "params": 3}', "expected params to be an object"),
        ('{"feed": "weather", "fault": "freshness.freeze", "rule_id": "r2"}', "is not the address's 'r1'"),
    ],
)
async def test_rules_that_cannot_be_installed(body: str, reason: str) -> None:
    async with hop() as there:
        status, answer = await there.put("r1", body)
        assert (status, reason in answer["error"]) == (400, True), answer


async def test_installing_twice_keeps_the_first_and_another_is_a_conflict() -> None:
    async with hop() as there:
        there.source.now = 10.0
        _, first = await there.install("r1", "weather", "freshness.delay", by_s=5)
        there.source.now = 20.0
        assert await there.install("r1", "weather", "freshness.delay", by_s=5) == (200, first)
        status, answer = await there.install("r1", "weather", "freshness.delay", by_s=6)
        assert (status, answer["error"]) == (409, "rule 'r1' exists and is another one; delete it first")
        async with there.session.get(f"{there.control}/rules") as answer:
            assert await answer.json() == [first]
        assert [await there.uninstall("r1"), await there.uninstall("r1")] == [204, 204]
        async with there.session.get(f"{there.control}/rules/r9/evidence") as answer:
            assert answer.status == 404
