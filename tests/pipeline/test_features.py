"""The features service: windows against an oracle, online against offline, restarts, and data that is no good."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import aiohttp
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as StoreGone

from reference_pipeline.columns import COLUMNS
from reference_pipeline.data import Prepared
from reference_pipeline.features.app import FeatureService, create_features
from reference_pipeline.features.definitions import LIVE_VIEWS, STORE_FEATURES, VIEWS, entity_keys, store_values
from reference_pipeline.features.offline import OfflineLog, as_of, entity_columns
from reference_pipeline.features.windows import ARRIVAL_WINDOW_S, ORIGIN_WINDOW_S, FeatureEngine
from reference_pipeline.http import Client, ServiceError
from reference_pipeline.sources import FEEDS
from reference_pipeline.store.online import STAMP, OnlineStore

from .conftest import START, HandClock, Serve, StoreProcess
from .partitions import ClockedStore, by_column, flight_row, real_partition, write

NAMES: dict[str, list[str | None]] = {
    "origin": ["JFK", "EWR", None],
    "dest": ["LAX", "BOS"],
    "carrier": ["UA", "B6"],
    "tailnum": ["N1", "N2", None],
}
DELAYS = st.one_of(st.none(), st.floats(-60, 600, width=32))


def test_the_feeds_columns_are_written_down_once() -> None:
    assert {name: feed.columns for name, feed in FEEDS.items()} == COLUMNS


# -- windows


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """One event of the 15 minutes that begin at 0; some came late, by up to four hours, some have no time."""
    return flight_row(
        **{name: draw(st.sampled_from(values)) for name, values in NAMES.items()},
        event=draw(st.sampled_from(["departed", "arrived", "cancelled"])),
        event_time=draw(st.one_of(st.none(), st.integers(-14_400, 899))),
        dep_delay=draw(DELAYS),
        arr_delay=draw(DELAYS),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(events(), max_size=8), min_size=1, max_size=24))
def test_windows_equal_a_computation_from_all_rows(batches: list[list[dict[str, Any]]]) -> None:
    engine, rows = FeatureEngine(), []
    for i, batch in enumerate(batches):
        start, end = START + i * 900, START + (i + 1) * 900
        timed = [row | {"event_time": late(row["event_time"], start)} for row in batch]
        rows += [row | {"at": end if row["event_time"] is None else row["event_time"]} for row in timed]
        updates = engine.update("flights", by_column(timed), end)
        for (kind, entity), values in updates.items():
            if kind != "tail":
                assert values == pytest.approx(oracle(pd.DataFrame(rows), kind, entity, end), abs=1e-5)
        named = {(k, r[k]) for r in timed for k in ("origin",) if r["event"] != "arrived" and r[k]}
        named |= {(k, r[k]) for r in timed for k in ("dest", "carrier") if r["event"] == "arrived"}
        assert {key for key in updates if key[0] != "tail"} == named


def late(offset: int | None, start: float) -> float | None:
    return None if offset is None else start + offset


def oracle(rows: pd.DataFrame, kind: str, entity: str, end: float) -> dict[str, Any]:
    """The view by brute force."""
    span = ORIGIN_WINDOW_S if kind == "origin" else ARRIVAL_WINDOW_S
    inside = rows[(rows[kind] == entity) & (rows["at"] >= end - span)]
    if kind == "origin":
        left = pd.to_numeric(inside["dep_delay"][inside["event"] == "departed"]).dropna()
        planned = inside[inside["event"] != "arrived"]
        share = (planned["event"] == "cancelled").mean() if len(planned) else None
        mean = left.mean() if len(left) else None
        return {"dep_delay_mean": mean, "dep_count": len(left), "cancel_share": share}
    arrived = pd.to_numeric(inside["arr_delay"][inside["event"] == "arrived"]).dropna()
    mean = arrived.mean() if len(arrived) else None
    return {"arr_delay_mean": mean, "arr_count": len(arrived)} if kind == "dest" else {"arr_delay_mean": mean}


def test_an_absurd_value_is_gone_with_its_window() -> None:
    engine = FeatureEngine()
    absurd = flight_row(event="departed", event_time=START, origin="JFK", dep_delay=1e300)
    normal = flight_row(event="departed", event_time=START + 8000, origin="JFK", dep_delay=12.0)
    engine.update("flights", by_column([absurd]), START + 900)
    updates = engine.update("flights", by_column([normal]), START + 8100)
    assert updates["origin", "JFK"]["dep_delay_mean"] == 12.0


def test_a_sum_beyond_every_float_is_no_mean() -> None:
    rows = [flight_row(event="departed", event_time=START, origin="JFK", dep_delay=1.7e308)] * 2
    updates = FeatureEngine().update("flights", by_column(rows), START + 900)
    assert updates["origin", "JFK"] == {"dep_delay_mean": None, "dep_count": 2, "cancel_share": 0.0}


def test_catching_up_gives_the_values_of_never_having_fallen_behind(prepared: Prepared) -> None:
    starts = [START + n * 900 for n in range(8)]
    batches = [(prepared.events(start, start + 900).to_pydict(), start + 900) for start in starts]
    one, other = FeatureEngine(), FeatureEngine()
    expected: dict[Any, Any] = {}
    for columns, end in batches:
        expected |= one.update("flights", columns, end)
    found: dict[Any, Any] = {}
    for columns, end in [*batches[:3], *batches[4:6], batches[3], *batches[6:]]:
        found |= other.update("flights", columns, end)
    stale = {key for key in expected if found[key] != expected[key]}
    assert not {key for key in stale if key[0] == "tail"}
    assert len(stale) < 0.1 * len(expected)  # those that nothing touched after the late batch


def test_older_observations_do_not_replace_newer_ones() -> None:
    engine = FeatureEngine()
    now: dict[str, list[Any]] = {"origin": ["JFK"], "observed_at": [START], "temp": [70.0]}
    earlier: dict[str, list[Any]] = {"origin": ["JFK"], "observed_at": [START - 3600], "temp": [50.0]}
    assert engine.update("weather", now, START)["weather", "JFK"]["temp"] == 70.0
    assert engine.update("weather", earlier, START + 60) == {}
    assert engine.update("weather", now, START + 120) != {}  # a correction of the same hour


CORRUPTION = st.sampled_from([None, "", "n/a", "12", -1, 10**18, 1e308, math.inf, math.nan, True, "2013-06-10", b"x"])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["flights", "weather", "planes"]),
    st.data(),
)
def test_no_content_makes_features_fail(feed: str, data: st.DataObject) -> None:
    """What the level "none" of validation lets through: missing columns, wrong types, nulls."""
    names = data.draw(st.lists(st.sampled_from([*COLUMNS[feed], "extra"]), unique=True))
    size = data.draw(st.integers(0, 4))
    columns: dict[str, list[Any]] = {
        name: data.draw(st.lists(CORRUPTION, min_size=size, max_size=size)) for name in names
    }
    if "event" in columns:
        columns["event"] = ["departed", "arrived", "cancelled", None][:size]
    engine = FeatureEngine()
    for moment in (START, START + 900):
        for (kind, entity), values in engine.update(feed, columns, moment).items():
            assert entity
            assert tuple(values) == VIEWS[kind].features
            assert json.dumps(values, allow_nan=False)


# -- online and offline

STEP = st.one_of(st.floats(0.5, 1200), st.floats(3600, 30_000))
ACTION = st.tuples(STEP, st.sampled_from(["flights", "flights", "weather", "read", "read"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTION, min_size=2, max_size=20), st.integers(0, 9), st.randoms(use_true_random=False))
def test_online_equals_offline(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[float, str]], fails: int, random: Any
) -> None:
    """At any moment the store gives what the log, read long after, says that it gave: also when a write had failed."""
    clock = HandClock()
    store, log = ClockedStore(clock), OfflineLog(tmp_path_factory.mktemp("log"))
    service = FeatureService(cast(OnlineStore, store), log, clock)
    asks: list[tuple[float, dict[str, Any], list[float], dict[str, float]]] = []

    async def play() -> None:
        for number, (pause, what) in enumerate(actions):
            clock.at += round(pause, 3)
            if what == "read":
                flight = {name: random.choice(values) for name, values in NAMES.items()} | {"origin": "JFK"}
                keys = entity_keys(flight)
                views = dict(zip(keys, await store.read(list(keys.values())), strict=True))
                ages = {k: clock.at - v[STAMP] for k in LIVE_VIEWS if (v := views[k]) is not None}
                asks.append((clock.at, flight, store_values(views), ages))
                continue
            columns = some_rows(what, random, clock.at)
            if number == fails:
                store.broken = StoreGone("gone")
                with suppress(StoreGone):  # a partition without rows writes nothing
                    await service.take(what, f"p{number:03}", columns, clock.at)
                store.broken, clock.at = None, clock.at + 30
            await service.take(what, f"p{number:03}", columns, clock.at - 10)

    asyncio.run(play())
    if not asks:
        return
    flights = {name: [flight[name] for _, flight, _, _ in asks] for name in NAMES}
    offline = as_of(log.read(), entity_columns(flights), np.array([moment for moment, *_ in asks]))
    for row, (_, _, online, ages) in enumerate(asks):
        np.testing.assert_array_equal([offline[name][row] for name in STORE_FEATURES], online)
        for kind in LIVE_VIEWS:
            assert offline[f"age.{kind}"][row] == pytest.approx(ages.get(kind, math.nan), nan_ok=True)


def some_rows(feed: str, random: Any, at: float) -> dict[str, list[Any]]:
    if feed == "weather":
        return {"origin": ["JFK"], "observed_at": [at - 60], "temp": [random.uniform(0, 99)], "humid": [None]}
    rows = [
        flight_row(
            **{name: random.choice(values) for name, values in NAMES.items()},
            event=random.choice(["departed", "arrived", "cancelled"]),
            event_time=at - random.randrange(900),
            dep_delay=random.uniform(-9, 99),
            arr_delay=random.choice([None, random.uniform(-9, 99)]),
        )
        for _ in range(random.randrange(6))
    ]
    return by_column(rows)


def test_as_of_never_looks_ahead_nor_past_expiry(tmp_path: Path) -> None:
    log = OfflineLog(tmp_path)
    log.append("weather", "a", {("weather", "JFK"): dict.fromkeys(VIEWS["weather"].features, 1.0)}, START, START)
    end = START + VIEWS["weather"].ttl_s
    moments = np.array([START - 0.0001, START, end - 0.0001, end])
    keys = entity_columns({name: ["JFK"] * 4 for name in ("origin", "dest", "carrier", "tailnum")})
    np.testing.assert_array_equal(as_of(log.read(), keys, moments)["weather.temp"], [np.nan, 1.0, 1.0, np.nan])


def test_the_log_of_nothing_is_empty(tmp_path: Path) -> None:
    keys = entity_columns({name: ["JFK"] for name in ("origin", "dest", "carrier", "tailnum")})
    found = as_of(OfflineLog(tmp_path).read(), keys, np.array([START]))
    assert all(np.isnan(values).all() for values in found.values())


# -- the service


async def test_partitions_arrive_at_least_once_and_count_once(
    prepared: Prepared, lake: Path, tmp_path: Path, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    store, log = ClockedStore(clock), OfflineLog(tmp_path / "log")
    service = FeatureService(cast(OnlineStore, store), log, clock)
    features = Client(session, await serve(create_features(service, lake)), timeout_s=5)
    clock.at = START + 905
    path = real_partition(prepared, lake, "flights", START).relative_to(lake)
    body = {"feed": "flights", "path": str(path)}
    store.broken = StoreGone("gone")
    with pytest.raises(ServiceError, match="gone") as refused:
        await features.post("/partitions", body)
    assert refused.value.status == 503
    assert not log.partitions("flights")
    store.broken = None
    await features.post("/partitions", body)
    before = dict(store.values)
    await features.post("/partitions", body)
    assert (store.writes, store.values) == (1, before)
    status = await features.get("/status")
    assert (status["partitions"], status["store_errors"]) == (1, 1)
    labels = await features.get("/labels?after=0")
    ended = prepared.events(START, START + 900)
    assert len(labels) == sum(event != "departed" for event in ended["event"].to_pylist())
    assert await features.get(f"/labels?after={labels[-2][0]}") == labels[-1:]


async def test_a_restarted_service_goes_on_where_it_was(prepared: Prepared, lake: Path, tmp_path: Path) -> None:
    """Also after a long time down: catching up must give what it would have given."""
    clock = HandClock()
    files = [real_partition(prepared, lake, "flights", START + 40_000 // 900 * 900 + n * 900) for n in range(16)]

    async def take(service: FeatureService, file: Path) -> None:
        table = pq.read_table(file)
        end = START + 40_000 // 900 * 900 + (files.index(file) + 1) * 900
        clock.at = max(clock.at, end + 5)
        await service.take("flights", file.stem, table.to_pydict(), end)

    steady, restarted = ClockedStore(clock), ClockedStore(clock)
    without = FeatureService(cast(OnlineStore, steady), OfflineLog(tmp_path / "a"), clock)
    first = FeatureService(cast(OnlineStore, restarted), OfflineLog(tmp_path / "b"), clock)
    for file in files[:14]:
        await take(without, file)
        await take(first, file)
    last_label = first.labels_after(0)[-1][0]
    clock.at += 5 * 3600
    again = FeatureService(cast(OnlineStore, restarted), OfflineLog(tmp_path / "b"), clock)
    create_features(again, lake)
    assert again.status()["taken_at"] == first.status()["taken_at"]
    await take(again, files[13])
    assert again.status()["partitions"] == 0  # it had been taken before the restart
    steady.values.clear()
    restarted.values.clear()
    for file in files[14:]:
        await take(without, file)
        await take(again, file)
    assert restarted.values == steady.values
    assert steady.values
    assert again.labels_after(last_label)[-1][1:] == without.labels_after(0)[-1][1:]


async def test_what_is_no_partition_is_refused_with_the_reason(
    lake: Path, tmp_path: Path, clock: HandClock, serve: Serve, session: aiohttp.ClientSession
) -> None:
    service = FeatureService(cast(OnlineStore, ClockedStore(clock)), OfflineLog(tmp_path / "log"), clock)
    url = await serve(create_features(service, lake))
    (lake / "flights").mkdir(parents=True)
    (lake / "flights" / "torn.parquet").write_bytes(b"PAR1 not really")
    for body, status, text in [
        (b"nonsense", 400, "expected"),
        (b"[]", 400, "expected"),
        (b'{"feed": "flights", "path": "../secret.parquet"}', 400, "no file of the feed"),
        (b'{"feed": "flights", "path": "flights/../../secret.parquet"}', 400, "no file of the feed"),
        (b'{"feed": "flights", "path": ""}', 400, "no file of the feed"),
        (b'{"feed": "flights", "path": "flights/torn.parquet"}', 422, "can't be read"),
        (b'{"feed": "flights", "path": "flights/missing.parquet"}', 503, "FileNotFoundError"),
    ]:
        async with session.post(f"{url}/partitions", data=body) as answer:
            assert (answer.status, text in await answer.text()) == (status, True), body
    async with session.get(f"{url}/labels?after=x") as answer:
        assert answer.status == 400


async def test_a_real_store_gets_the_values_their_stamp_and_their_time_to_live(
    prepared: Prepared, lake: Path, tmp_path: Path, clock: HandClock, store_process: StoreProcess
) -> None:
    store = store_process.client()
    service = FeatureService(store, OfflineLog(tmp_path / "log"), clock)
    clock.at = START + 4000
    for feed, start in (("weather", START), ("planes", START - 86400)):
        table = pq.read_table(real_partition(prepared, lake, feed, start))
        await service.take(feed, f"{feed}-1", table.to_pydict(), START + 3600)
    weather, plane, missing = await store.read(["f:weather:JFK", "f:plane:N14228", "f:plane:none"])
    assert weather is not None
    assert weather[STAMP] == START + 3600
    assert set(weather) == {*VIEWS["weather"].features, STAMP}
    assert plane is not None
    assert missing is None
    left_ms = await store._redis.pttl("f:weather:JFK")
    assert 0 < VIEWS["weather"].ttl_s * 1000 - left_ms < 5000
    await store.close()


async def test_empty_and_column_less_partitions_are_taken(lake: Path, tmp_path: Path, clock: HandClock) -> None:
    service = FeatureService(cast(OnlineStore, ClockedStore(clock)), OfflineLog(tmp_path / "log"), clock)
    write(lake, "flights", START - 900, pa.table({"flight_id": pa.array([], pa.string())}))
    contents: list[dict[str, list[Any]]] = [{}, {"origin": []}, {"event": ["departed"]}, {"flight_id": ["x"]}]
    for number, columns in enumerate(contents):
        await service.take("flights", f"p{number}", columns, START)
    assert service.status()["partitions"] == 4
    again = FeatureService(cast(OnlineStore, ClockedStore(clock)), OfflineLog(tmp_path / "log"), clock)
    again.restore(lake)
