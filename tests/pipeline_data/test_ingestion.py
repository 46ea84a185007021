"""From providers over HTTP into a lake, with faults of the world around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reference_pipeline.data import Prepared
from reference_pipeline.ingestion import (
    CONTRACTS,
    Baseline,
    FeedStatus,
    FetchError,
    HttpSettings,
    Ingestion,
    Manifest,
    ManifestError,
    create_ingestion,
    read_lineage,
)
from reference_pipeline.ingestion.client import FeedClient
from reference_pipeline.sources import FEEDS

from .conftest import HandClock, Provider, Serve, edit_records

IMPATIENT = HttpSettings(timeout_s=0.2, attempts=2, backoff_s=0.001)


@dataclass
class Consumer:
    """Remembers what it was handed; fails as often as it is told to."""

    failures: int = 0
    taken: list[tuple[str, int, int]] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)

    async def __call__(self, feed: str, path: Path, manifest: Manifest, table: pa.Table) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("features are away")
        self.taken.append((feed, manifest.sequence, len(table)))
        self.paths.append(path)

    def sequences(self) -> list[int]:
        return [sequence for _, sequence, _ in self.taken]


class World:
    """A provider of flights, a lake, and ingestion, which can be started again."""

    def __init__(
        self, provider: Provider, url: str, lake: Path, session: aiohttp.ClientSession, clock: HandClock, baseline: Any
    ) -> None:
        self.provider = provider
        self.lake = lake
        self.clock = clock
        self.consumer = Consumer()
        self._url = url
        self._session = session
        self._baseline = baseline
        self.ingestion = self.start()

    def start(self, level: Any = "statistical") -> Ingestion:
        self.ingestion = create_ingestion(
            session=self._session,
            feed_urls={"flights": self._url},
            lake=self.lake,
            clock=self.clock,
            level=level,
            poll_s=300,
            on_partition=self.consumer,
            baseline=self._baseline,
            http=IMPATIENT,
        )
        return self.ingestion

    @property
    def status(self) -> FeedStatus:
        return self.ingestion.feeds["flights"].status

    async def after(self, minutes: float) -> None:
        """Time passes and ingestion polls."""
        self.clock.at += minutes * 60
        await self.ingestion.poll()

    def partitions(self) -> list[Path]:
        return sorted((self.lake / "flights").rglob("*.parquet"))


@pytest.fixture
async def world(
    prepared: Prepared,
    baseline: Baseline,
    clock: HandClock,
    serve: Serve,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> World:
    clock.at += 18 * 3600 + 60
    provider = Provider("flights", prepared, clock, history_s=6 * 3600)
    return World(provider, await serve(provider.app), tmp_path / "lake", session, clock, baseline)


Call = Callable[[str, str], Awaitable[tuple[int, Any]]]


@pytest.fixture
async def call(world: World, serve: Serve, session: aiohttp.ClientSession) -> Call:
    """Calls the ingestion service's own HTTP surface."""
    url = await serve(world.ingestion.app)

    async def request(method: str, path: str) -> tuple[int, Any]:
        async with session.request(method, url + path) as response:
            body = await response.read()
            return response.status, json.loads(body) if response.content_type == "application/json" else body

    return request


@pytest.mark.parametrize("feed", FEEDS)
async def test_each_format_reaches_the_lake(
    feed: str,
    prepared: Prepared,
    baseline: Baseline,
    clock: HandClock,
    serve: Serve,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    provider = Provider(feed, prepared, clock, history_s=2 * 86400)
    consumer = Consumer()
    url = await serve(provider.app)
    ingestion = create_ingestion(
        session=session, feed_urls={feed: url}, lake=tmp_path, clock=clock, level="statistical", poll_s=60,
        on_partition=consumer, baseline=baseline,
    )  # fmt: skip
    await ingestion.poll()
    expected = [(feed, manifest["sequence"], manifest["rows"]) for manifest, _ in provider.batches()]
    assert consumer.taken == expected
    assert expected
    manifest = provider.batches()[-1][0]
    table, path = pq.read_table(consumer.paths[-1]), consumer.paths[-1]
    assert table.schema.equals(CONTRACTS[feed].schema)
    assert path.name == f"{manifest['batch_id']}.parquet"
    assert path.parent.name.startswith("date=2013-06-0")
    lineage = read_lineage(path)
    assert lineage["sha256"] == manifest["sha256"]
    assert lineage["source_url"] == f"{url}/batches/{manifest['batch_id']}"
    assert lineage["produced_at"] == manifest["produced_at"] <= lineage["ingested_at"] == clock.at


async def test_polls_take_only_what_is_new(world: World) -> None:
    await world.after(0)
    first = len(world.consumer.taken)
    assert first == 24
    await world.after(5)
    await world.after(15)
    assert len(world.consumer.taken) == first + 1
    assert world.consumer.sequences() == sorted(set(world.consumer.sequences()))
    requests = world.provider.requests
    await world.after(0)
    assert world.provider.requests == requests + 1


async def test_status_says_what_monitoring_needs(world: World, call: Call) -> None:
    await world.after(0)
    status, body = await call("GET", "/status")
    flights = body["feeds"]["flights"]
    assert (status, body["level"]) == (200, "statistical")
    newest = world.provider.batches()[-1][0]
    assert flights["last_success_at"] == world.clock.at
    assert flights["last_window_end"] == newest["window_end"]
    assert flights["last_produced_at"] == newest["produced_at"]
    assert flights["rows_last_window"] == newest["rows"]
    assert flights["batches"] == 24
    assert flights["rows"] == sum(rows for _, _, rows in world.consumer.taken)
    assert flights["null_rates"]["dep_delay"] == 0.0
    assert (flights["violations"], flights["gaps"], flights["poll_errors"]) == ({}, 0, 0)
    _, metrics = await call("GET", "/metrics")
    assert b'ingestion_batches_total{feed="flights"} 24' in metrics
    assert (await call("GET", "/health"))[0] == 200


async def test_a_restart_goes_on_where_it_was(world: World) -> None:
    await world.after(0)
    before = world.consumer.sequences()
    world.start()
    assert world.status.last_window_end == world.provider.batches()[-1][0]["window_end"]
    await world.after(15)
    assert world.consumer.sequences() == [*before, before[-1] + 1]


async def test_a_torn_ledger_line_repeats_that_batch_only(world: World) -> None:
    await world.after(0)
    ledger = world.lake / "_state" / "flights.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:-2]) + lines[-2][:40])  # the last batch: neither stored nor delivered
    before = world.consumer.sequences()
    world.start("none")
    await world.after(0)
    assert world.consumer.sequences() == [*before, before[-1]]
    world.start("none")
    await world.after(0)
    assert world.consumer.sequences() == [*before, before[-1]]


async def test_a_consumer_that_fails_gets_everything_in_order(world: World) -> None:
    world.consumer.failures = 3
    await world.after(0)
    assert world.status.delivery_errors == 3
    assert world.status.undelivered == 0
    assert world.consumer.sequences() == sorted(world.consumer.sequences())
    assert len(world.consumer.taken) == 24


async def test_what_was_stored_but_not_handed_over_is_after_a_restart(world: World) -> None:
    world.consumer.failures = 10_000
    await world.after(0)
    assert world.status.undelivered == 24
    assert world.consumer.taken == []
    world.consumer.failures = 0
    world.start()
    assert world.status.undelivered == 24
    await world.after(0)
    assert len(world.consumer.taken) == 24
    assert world.consumer.sequences() == sorted(world.consumer.sequences())


async def test_a_bad_batch_waits_in_quarantine_and_can_be_released(world: World, call: Call) -> None:
    await world.after(0)
    world.provider.change = edit_records(lambda record: record | {"distance": "far"})
    await world.after(15)
    assert (world.status.quarantined, world.status.quarantine_open) == (1, 1)
    assert world.status.violations["type"] == 1
    assert world.status.last_violations[-1]["column"] == "distance"
    assert len(world.consumer.taken) == 24
    bad = world.provider.batches()[-1][0]["batch_id"]
    record = json.loads((world.lake / "_quarantine" / "flights" / f"{bad}.json").read_text())
    assert [v["kind"] for v in record["violations"]] == ["type"]
    status, body = await call("POST", f"/quarantine/{bad}/release")
    assert (status, body["released"]) == (200, True)
    assert len(world.consumer.taken) == 25
    assert world.status.quarantine_open == 0
    assert await call("POST", f"/quarantine/{bad}/release") == (
        404,
        {"detail": f"no batch '{bad}' waits in quarantine"},
    )


async def test_what_cannot_be_read_cannot_be_released(world: World, call: Call) -> None:
    world.provider.change = lambda raw, payload: (raw, payload[:-10])
    await world.after(0)
    assert world.status.quarantined == 24
    bad = world.provider.batches()[-1][0]["batch_id"]
    status, body = await call("POST", f"/quarantine/{bad}/release")
    assert (status, body["released"]) == (409, False)
    assert world.consumer.taken == []


async def test_backfill_takes_what_is_good_again(world: World, call: Call) -> None:
    await world.after(0)
    world.provider.change = edit_records(lambda record: record | {"event": "?"})
    await world.after(30)
    assert world.status.quarantined == 2
    world.provider.change = None
    cursor = world.consumer.sequences()[-1]
    assert await call("POST", f"/backfill?feed=flights&after={cursor}") == (
        200,
        {"feed": "flights", "accepted": 2},
    )
    assert world.status.quarantine_open == 0
    assert world.consumer.sequences()[-2:] == [cursor + 1, cursor + 2]
    assert (await call("POST", f"/backfill?feed=flights&after={cursor}"))[1]["accepted"] == 0


async def test_backfill_finds_what_is_lacking_by_itself(world: World, call: Call) -> None:
    await world.after(0)
    world.provider.change = edit_records(lambda record: record | {"event": "?"})
    await world.after(15)
    requests = world.provider.requests
    world.provider.change = None
    assert (await call("POST", "/backfill?feed=flights"))[1] == {"feed": "flights", "accepted": 1}
    assert world.provider.requests == requests + 2
    assert (await call("POST", "/backfill?feed=flights"))[1]["accepted"] == 0
    assert world.provider.requests == requests + 2


async def test_backfill_asked_wrongly(call: Call) -> None:
    assert await call("POST", "/backfill?feed=trains&after=1") == (
        404,
        {"detail": "unknown feed 'trains'; known are flights"},
    )
    assert await call("POST", "/backfill?feed=flights&after=yesterday") == (
        400,
        {"detail": "after is a sequence (a whole number), but got 'yesterday'"},
    )


async def test_a_changed_batch_is_a_revision_beside_the_first(world: World) -> None:
    await world.after(0)
    sequence = world.consumer.sequences()[-1]
    world.provider.change = lambda raw, payload: (
        edit_records(lambda record: record | {"tailnum": "N1"})(raw, payload)
        if raw["sequence"] == sequence
        else (raw, payload)
    )
    assert await world.ingestion.feeds["flights"].backfill(sequence - 3) == 1
    names = [path.name for path in world.partitions()]
    assert len(names) == 25
    assert names[-1].endswith("-r2.parquet") or names[-2].endswith("-r2.parquet")
    assert world.consumer.taken[-1][1] == sequence


@pytest.mark.parametrize("level", ["schema", "statistical"])
async def test_a_batch_that_is_published_anew_while_it_is_read_is_taken_as_it_is_then(world: World, level: Any) -> None:
    """Listed with one payload and read with another: the provider has mended it in between."""
    world.start(level)
    await world.after(0)

    def mended(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        if world.provider.requests - before > 1:
            return raw, payload
        return edit_records(lambda record: record | {"tailnum": "N1"})(raw, payload)

    before = world.provider.requests
    world.provider.change = mended
    taken = len(world.consumer.taken)
    await world.after(15)
    assert len(world.consumer.taken) == taken + 1
    assert world.status.violations == {}
    assert world.provider.requests - before == 4, "a listing and a payload, twice"
    table = pq.read_table(world.partitions()[-1])
    assert set(table["tailnum"].to_pylist()) != {"N1"}


@pytest.mark.parametrize("level", ["schema", "statistical"])
async def test_what_is_wrong_in_an_optional_column_only_goes_without_it(world: World, level: Any) -> None:
    world.start(level)
    await world.after(0)
    known = len(world.consumer.taken)
    columns = {name: kind for name, kind in FEEDS["flights"].columns.items() if name != "tailnum"}
    world.provider.change = edit_records(lambda record: record | {"tailnum": 7}, columns=columns)
    await world.after(15)
    assert len(world.consumer.taken) == known + 1
    assert world.status.violations["missing_column"] == 1, "and it is told"
    table = pq.read_table(world.partitions()[-1])
    assert table["tailnum"].null_count == len(table) > 0
    assert table["carrier"].null_count == 0


async def test_rows_that_come_twice_are_taken_once(world: World) -> None:
    """A provider that repeats the last hour's rows in each batch, at the level that doesn't look at windows."""
    world.start("schema")
    await world.after(0)
    known = json.loads(world.provider.batches()[-1][1])

    def repeat(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        rows = json.loads(payload)
        again = known[: len(rows) // 6]
        payload = json.dumps(rows + again).encode()
        return raw | {"rows": len(rows) + len(again), "sha256": sha256(payload).hexdigest()}, payload

    true_rows = len(world.consumer.taken)
    world.provider.change = repeat
    await world.after(15)
    assert len(world.consumer.taken) == true_rows + 1
    assert world.status.duplicate_rows > 0
    keys = [
        (row["flight_id"], row["event"])
        for path in world.partitions()
        for row in pq.read_table(path, columns=["flight_id", "event"], partitioning=None).to_pylist()
    ]
    assert len(keys) == len(set(keys))


async def test_a_batch_with_nothing_new_in_it_is_quarantined_as_duplicate(world: World) -> None:
    world.start("schema")
    await world.after(0)
    raw, payload = world.provider.batches()[-1]
    world.provider.change = lambda new, _: (
        new | {"rows": raw["rows"], "sha256": raw["sha256"]},
        payload,
    )
    await world.after(15)
    assert world.status.violations == {"duplicate": 1}
    assert world.status.quarantined == 1


async def test_a_gap_is_noticed_and_filled_when_the_batch_comes_late(world: World) -> None:
    await world.after(0)
    late = world.consumer.sequences()[-1] + 1
    world.provider.withheld = {late}
    await world.after(30)
    assert world.status.gaps == 1
    assert late not in world.consumer.sequences()
    newest = world.status.last_window_end
    world.provider.withheld = set()
    await world.after(5)
    assert world.status.gaps == 0
    assert world.consumer.sequences()[-1] == late
    assert world.status.last_window_end == newest


async def test_a_provider_in_trouble_is_counted_and_asked_again(world: World) -> None:
    world.provider.status = 503
    await world.after(0)
    assert world.provider.requests == IMPATIENT.attempts
    assert world.status.poll_errors == 1
    assert world.status.last_success_at is None
    assert str(world.status.last_error).endswith("HTTP 503")
    world.provider.status = 200
    await world.after(5)
    assert len(world.consumer.taken) == 24


async def test_a_provider_that_hangs_does_not_hang_ingestion(
    prepared: Prepared, clock: HandClock, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ingestion = create_ingestion(
        session=session, feed_urls={"flights": f"http://127.0.0.1:{port}"}, lake=tmp_path, clock=clock, level="none",
        poll_s=60, on_partition=Consumer(), http=HttpSettings(timeout_s=0.05, attempts=2, backoff_s=0.001),
    )  # fmt: skip
    await asyncio.wait_for(ingestion.poll(), 5)
    assert str(ingestion.feeds["flights"].status.last_error).endswith("no whole answer within 0.05 s")
    gone.set()
    server.close()


async def test_a_source_that_is_slow_is_waited_for_and_one_that_stalls_is_given_up(
    session: aiohttp.ClientSession,
) -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for piece in range(8):
            if piece == 4 and b"/stalls/" in asked:
                await gone.wait()
            writer.write(b"x")
            await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    patient = HttpSettings(stall_s=0.5, timeout_s=30, attempts=1)
    assert await FeedClient(session, f"{root}/slow", patient).payload("b") == b"x" * 8
    with pytest.raises(FetchError, match=r"nothing came for 0\.5 s"):
        await FeedClient(session, f"{root}/stalls", patient).payload("b")
    with pytest.raises(FetchError, match=r"no whole answer within 0\.3 s"):
        await FeedClient(session, f"{root}/slow", HttpSettings(timeout_s=0.3, attempts=1)).payload("b")
    gone.set()
    server.close()


async def test_run_polls_each_feed_in_its_rhythm(world: World) -> None:
    running = asyncio.create_task(world.ingestion.run())
    while world.status.last_success_at is None and not running.done():
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(world.consumer.taken) == 24


def test_statistics_need_a_baseline(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs a baseline: pass load_baseline"):
        create_ingestion(
            session=None, feed_urls={}, lake=tmp_path, clock=HandClock(), level="statistical", poll_s=60,
            on_partition=Consumer(),
        )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("batch_id", ["../../etc/passwd", "", "a/b", ".hidden"])
def test_a_batch_id_cannot_leave_the_lake(batch_id: str, prepared: Prepared, clock: HandClock) -> None:
    raw = Provider("flights", prepared, clock).batches()[0][0] | {"batch_id": batch_id}
    with pytest.raises(ManifestError, match="a batch id is 1-128 letters"):
        Manifest.from_json(raw)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": "3"}, "rows is '3'"),
        ({"produced_at": None}, "produced_at is None"),
        ({"sequence": True}, "sequence is True"),
        ({"columns": []}, r"columns is \[\]"),
    ],
    ids=str,
)
def test_a_manifest_of_the_wrong_kind(
    change: dict[str, Any], message: str, prepared: Prepared, clock: HandClock
) -> None:
    raw = Provider("flights", prepared, clock).batches()[0][0] | change
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(raw)
