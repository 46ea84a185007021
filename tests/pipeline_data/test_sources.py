"""The providers over real HTTP."""

from __future__ import annotations

import csv
import io
import json
from hashlib import sha256
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.data import Prepared
from reference_pipeline.sources import DATA_EPOCH, FEEDS, Schedule, create_source

from .conftest import HandClock, Serve


async def get(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with session.get(url) as response:
        return response.status, await response.read()


async def manifests(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    status, body = await get(session, url)
    assert status == 200, body
    listed: list[dict[str, Any]] = json.loads(body)
    return listed


def rows_in(manifest: dict[str, Any], payload: bytes) -> list[dict[str, Any]]:
    if manifest["format"] == "json":
        return list(json.loads(payload))
    if manifest["format"] == "csv":
        return list(csv.DictReader(io.StringIO(payload.decode())))
    return list(pq.read_table(pa.BufferReader(payload)).to_pylist())


@pytest.mark.parametrize("feed", FEEDS)
async def test_manifest_and_payload_agree(
    feed: str, prepared: Prepared, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    url = await serve(create_source(feed, prepared, clock, history_s=2 * 86400))
    listed = await manifests(session, f"{url}/batches?limit=5")
    assert listed
    for manifest in listed:
        status, payload = await get(session, f"{url}/{feed}/batches/{manifest['batch_id']}")
        assert status == 200
        assert sha256(payload).hexdigest() == manifest["sha256"]
        rows = rows_in(manifest, payload)
        assert len(rows) == manifest["rows"]
        assert list(rows[0]) == list(manifest["columns"]) == list(FEEDS[feed].columns)
        assert manifest["produced_at"] <= clock.at
        assert manifest["window_end"] - manifest["window_start"] == FEEDS[feed].period_s


async def test_flights_say_when_and_nothing_else(
    prepared: Prepared, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    url = await serve(create_source("flights", prepared, clock))
    (manifest,) = await manifests(session, f"{url}/batches?limit=1")
    row = json.loads((await get(session, f"{url}/batches/{manifest['batch_id']}"))[1])[0]
    assert row["sched_dep"].endswith("Z")
    assert len(row["event_time"]) == len("2013-06-10T05:15:00Z")


async def test_batches_appear_when_they_are_produced(
    prepared: Prepared, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    url = await serve(create_source("flights", prepared, clock, history_s=3600, seed=3))
    newest = (await manifests(session, f"{url}/batches"))[-1]
    after = f"{url}/batches?after={newest['sequence']}"
    assert (await get(session, after))[1] == b"[]"
    due = Schedule(FEEDS["flights"], seed=3).produced_at(newest["sequence"] + 1)
    clock.at = due - 0.01
    assert await manifests(session, after) == []
    clock.at = due
    assert [m["sequence"] for m in await manifests(session, after)] == [newest["sequence"] + 1]


async def test_sequences_survive_a_restart(
    prepared: Prepared, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    first = await serve(create_source("weather", prepared, clock))
    seen = await manifests(session, f"{first}/batches")
    clock.at += 3600
    second = await serve(create_source("weather", prepared, clock))
    again = await manifests(session, f"{second}/batches?after={seen[3]['sequence']}")
    assert again[:-1] == seen[4:]
    assert again[-1]["sequence"] == seen[-1]["sequence"] + 1


async def test_what_is_asked_wrongly(
    prepared: Prepared, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    url = await serve(create_source("weather", prepared, clock))
    assert await get(session, f"{url}/batches?after=x") == (
        400,
        b"after and limit are whole numbers: invalid literal for int() with base 10: 'x'\n",
    )
    future = Schedule(FEEDS["weather"]).batch_id(8000)
    assert await get(session, f"{url}/batches/{future}") == (404, f"weather has no batch '{future}'\n".encode())
    assert (await get(session, f"{url}/batches/nonsense"))[0] == 404
    assert (await get(session, f"{url}/health"))[0] == 200
    assert b'source_lists_total{feed="weather"} 0' in (await get(session, f"{url}/metrics"))[1]


def test_seeds_give_other_phases(prepared: Prepared) -> None:
    one, other = (Schedule(FEEDS["flights"], seed) for seed in (1, 2))
    assert [one.produced_at(n) for n in range(50)] != [other.produced_at(n) for n in range(50)]


@given(feed=st.sampled_from(sorted(FEEDS)), seed=st.integers(0, 9), now=st.floats(DATA_EPOCH, DATA_EPOCH + 3e7))
def test_newest_is_the_last_produced(feed: str, seed: int, now: float) -> None:
    schedule = Schedule(FEEDS[feed], seed)
    newest = schedule.newest(now)
    assert schedule.produced_at(newest) <= now < schedule.produced_at(newest + 1)
    assert schedule.sequence_of(schedule.batch_id(newest)) == newest
