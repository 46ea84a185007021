"""Several rules on one feed, upstream trouble, and what the gateway keeps in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gateway_hop import Hop, hop, manifest_of, payload_of

import chaos.data.chain
from chaos.data.frames import inject
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.formats import decode
from chaos.gateway.remake import Material, remake
from chaos.gateway.rulebook import Kept
from chaos.gateway.rules import Rule
from chaos.registry import registry

CELL_RULES: list[tuple[str, dict[str, Any], int]] = [
    ("data.null_spike", {"column": "temp", "rate": 0.4}, 1),
    ("data.outliers", {"column": "wind_dir", "rate": 0.5, "magnitude": 50.0}, 2),
    ("data.unit_change", {"column": "temp", "factor": 2.0, "rate": 0.5}, 3),
]


def rule(n: int, fault: str, params: dict[str, Any], seed: int) -> Rule:
    made = registry.create(fault, params)
    return Rule(f"r{n}", "weather", made, seed, 0.0)  # type: ignore[arg-type]


def source(sequence: int = 2) -> Material:
    return Material(BatchRef.from_json(manifest_of("weather", sequence)), payload_of("weather", sequence))


def test_several_rules_hit_the_same_rows_as_each_alone_in_one_pass_of_selection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passes = []
    really = chaos.data.chain.select_many

    def counted(draws: Any, *args: Any) -> Any:
        passes.append(len(draws))
        return really(draws, *args)

    monkeypatch.setattr(chaos.data.chain, "select_many", counted)
    served = remake([rule(n, *spec) for n, spec in enumerate(CELL_RULES)], source(), {})
    assert passes == [3]
    made = decode(served.payload, served.ref)
    table = decode(payload_of("weather", 2), source().ref).table
    for fault, params, seed in CELL_RULES:
        table = inject(table, fault, seed=seed, first_row=made.ref.first_row, **params)
    assert made.table.to_pylist() == table.to_pylist()
    assert [effect.rule_id for effect in served.effects if effect.cells] == ["r0", "r1", "r2"]


def test_a_rule_after_one_that_changes_the_rows_names_rows_by_their_new_places() -> None:
    rules = [
        rule(0, "volume.truncated", {"keep": 0.5}, 1),
        rule(1, "data.null_spike", {"column": "temp", "rate": 1.0}, 2),
    ]
    served = remake(rules, source(), {})
    assert served.ref.rows == 5
    assert [(effect.rows, effect.cells) for effect in served.effects] == [(5, 0), (5, 5)]


def test_rows_of_another_batch_go_through_the_rules_before() -> None:
    late = rule(1, "freshness.duplicate", {"how": "rows"}, 1)
    rules = [rule(0, "schema.rename_column", {"column": "temp", "to": "t"}, 1), late]
    served = remake(rules, source(2), {"r1": [source(1)]})
    made: Batch = decode(served.payload, served.ref)
    assert made.names == ["origin", "observed_at", "t", "wind_dir"]
    assert made.table["t"].to_pylist() == [30.0 + n for n in range(10)] * 2
    assert served.ref.rows == 20


def test_two_faults_that_cancel_out_are_no_evidence() -> None:
    there = rule(0, "schema.rename_column", {"column": "temp", "to": "t"}, 1)
    back = rule(1, "schema.rename_column", {"column": "t", "to": "temp"}, 1)
    served = remake([there, back], source(), {})
    assert (served.ref, served.payload, list(served.effects)) == (source().ref, source().payload, [])


async def test_late_rows_are_neither_lost_nor_doubled() -> None:
    async with hop() as there:
        there.source.now = 150.0
        await there.install("r1", "flights", "freshness.late_part", rate=0.5, by_s=150.0)
        there.source.now = 1050.0
        held, came = set[str](), set[str]()
        for manifest in await there.json("/flights/batches?after=0"):
            _, body = await there.get(f"/flights/batches/{manifest['batch_id']}")
            own = f"UA-{manifest['sequence']}-"
            ids = [row["flight_id"] for row in json.loads(body)]
            assert len(set(ids)) == len(ids) == manifest["rows"]
            came |= {i for i in ids if not i.startswith(own)}
            held |= {own + str(n) for n in range(10)} - set(ids)
        due = {i for i in held if int(i.split("-")[1]) <= 7}  # later ones have not come yet
        assert came == due != set()


async def test_batches_of_one_sequence_are_on_one_page() -> None:
    async with hop() as there:
        await there.install("r1", "weather", "freshness.duplicate", how="renamed")
        there.source.now = 350.0
        page = await there.json("/weather/batches?after=-1&limit=3")
        assert [m["batch_id"] for m in page] == ["weather-000", "weather-000-again", "weather-001", "weather-001-again"]
        assert await there.get("/weather/batches/weather-001-again") == (200, payload_of("weather", 1))


async def test_true_times_count_whatever_a_rule_has_done_to_the_stamps() -> None:
    async with hop() as there:
        there.source.now = 150.0
        await there.install("r1", "weather", "freshness.skew_stamps", by_s=-10_000)
        await there.install("r2", "weather", "data.null_spike", column="temp", rate=1.0)
        await there.install("r3", "weather", "freshness.delay", by_s=100)
        there.source.now = 350.0
        (manifest,) = await there.json("/weather/batches?after=0")
        assert (manifest["sequence"], manifest["produced_at"]) == (1, 200.0 - 10_000)
        assert manifest["sha256"] != manifest_of("weather", 1)["sha256"]


async def test_a_source_that_has_lost_a_batch_and_one_that_fails() -> None:
    async with hop() as there:
        await there.install("r1", "weather", "data.null_spike", column="temp", rate=1.0)
        there.source.now = 150.0
        there.source.lost = 404
        assert await there.json("/weather/batches") == [manifest_of("weather", 0)]
        assert (await there.get("/weather/batches/weather-000"))[0] == 404
        there.source.lost = 503
        status, body = await there.get("/weather/batches")
        reason = "feed 'weather': the source answered 503 for batch 'weather-000'"
        assert (status, json.loads(body)["error"]) == (502, reason)
        assert (await there.get("/weather/batches/weather-000"))[0] == 503
        there.source.lost = None
        (manifest,) = await there.json("/weather/batches")
        assert manifest["sha256"] != manifest_of("weather", 0)["sha256"]
        assert (await there.evidence("r1"))["touched"] == 0


async def test_a_source_that_sends_without_end() -> None:
    async with hop(body_max=1000) as there:
        there.source.now = 1050.0
        status, body = await there.get("/weather/batches")
        assert (status, "its answer is over 1000 bytes" in json.loads(body)["error"]) == (502, True)
        assert (await there.get("/weather/batches/weather-001"))[0] == 200


async def test_what_a_source_wrote_wrong_passes_and_the_rule_says_so() -> None:
    async with hop() as there:
        await there.install("r1", "flights", "data.null_spike", column="arr_delay", rate=1.0)
        there.source.now = 150.0
        there.source.broken_payload = b'[{"flight_id": '
        (manifest,) = await there.json("/flights/batches")
        assert manifest == manifest_of("flights", 0)
        assert await there.get("/flights/batches/flights-000") == (200, b'[{"flight_id": ')
        evidence = await there.evidence("r1")
        assert (evidence["touched"], evidence["skipped"]) == (0, 1)
        assert evidence["skipped_reason"].startswith("batch 'flights-000' is no readable json")


def test_what_is_kept_fits_and_the_newest_always_does() -> None:
    kept = Kept[int, bytes](100, len)
    for n in range(50):
        kept.put(n, bytes(30))
    assert [n for n in range(50) if kept.get(n) is not None] == [47, 48, 49]
    kept.put(50, bytes(500))
    assert [n for n in range(51) if kept.get(n) is not None] == [50]
    kept.put(50, bytes(1))
    kept.put(51, bytes(99))
    assert [kept.get(50), kept.get(51)] == [bytes(1), bytes(99)]


async def answers(there: Hop) -> list[Any]:
    return [await there.json(f"/{feed}/batches") for feed in ("weather", "flights", "planes")]


async def test_a_rule_touches_its_own_feed_only() -> None:
    async with hop() as there:
        there.source.now = 350.0
        before = await answers(there)
        await there.install("r1", "weather", "volume.empty", in_transit=True)
        after = await answers(there)
        assert before == after
        assert (await there.get("/weather/batches/weather-000"))[1].count(b"\n") == 1
        assert await there.get("/flights/batches/flights-000") == (200, payload_of("flights", 0))
