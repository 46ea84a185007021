"""The reference target: what it says there is, its workload, and what its driver does to a world."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bare_world import Lab

from chaos.fault import Action
from chaos.points import Point
from harness.targets.reference import ReferenceTarget, layout
from harness.targets.reference.libraries import Libraries
from harness.targets.reference.store_agent import EVERY_S
from harness.targets.reference.workload import LEAD_S, plan_asks
from reference_pipeline.assembly import SERVICES
from reference_pipeline.data import prepare
from reference_pipeline.sources import FEEDS

START = layout.DEFAULT_START.timestamp()


def test_facts_name_what_is_deployed() -> None:
    facts = ReferenceTarget().facts()
    assert {name: dict(columns) for name, columns in facts.feeds.items()} == {
        name: dict(feed.columns) for name, feed in FEEDS.items()
    }
    assert set(facts.services) == {*SERVICES, layout.CONSUMER}
    ends = {end for link in facts.links for end in link.split("->")}
    assert ends <= set(layout.HOSTS)


def test_each_flight_is_asked_about_once_two_to_three_hours_ahead_and_the_seed_decides_when() -> None:
    flights = prepare().flights(START, START + 86400)
    asks = plan_asks(flights, START, 86400, seed=1)
    assert [ask.at for ask in asks] == sorted(ask.at for ask in asks)
    assert len({ask.flight["flight_id"] for ask in asks}) == len(asks) > 500
    assert all(LEAD_S[0] <= ask.flight["sched_dep"] - START - ask.at <= LEAD_S[1] + 0.001 for ask in asks)
    assert asks == plan_asks(flights, START, 86400, seed=1)
    moved = {ask.flight["flight_id"]: ask.at for ask in plan_asks(flights, START, 86400, seed=2)}
    assert any(moved.get(ask.flight["flight_id"]) != ask.at for ask in asks)
    assert {ask.late for ask in asks} == {0, 1}


def test_an_overlay_stands_before_one_services_library_until_it_is_removed(tmp_path: Path) -> None:
    loads: list[str] = []
    libraries = Libraries(tmp_path, loads.append)
    libraries.add("training", "o1", {"colorsys/__init__.py": "raise ImportError('another binary interface')\n"})
    with pytest.raises(ImportError, match="another binary interface"):
        libraries.load("training", "colorsys")
    assert libraries.load("serving", "colorsys").rgb_to_hsv(1, 1, 1) == (0.0, 0.0, 1)
    libraries.remove("training", "o1")
    libraries.remove("training", "o1")
    assert libraries.load("training", "colorsys") is libraries.load("serving", "colorsys")
    assert loads == ["o1"]


def state(lab: Lab, name: str) -> str:
    return lab.world.network.hosts[name].state


def test_processes_are_killed_and_paused_and_the_evidence_stays(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        point = Point.parse("service:training")
        for verb, expected in (("kill", "down"), ("kill", "down"), ("start", "running"), ("start", "running")):
            await lab.driver.perform("f1", point, Action(verb))
            assert state(lab, "training") == expected
        for verb, expected in (("pause", "paused"), ("resume", "running"), ("resume", "running")):
            await lab.driver.perform("f2", point, Action(verb))
            assert state(lab, "training") == expected
        for fault in ("f1", "f2"):
            evidence = await lab.driver.evidence(fault)
            assert evidence is not None
            assert (evidence.touched, evidence.what) == (1, "processes")
        assert await lab.driver.evidence("never") is None

    Lab(tmp_path).run(script)


def test_skewed_clocks_add_up_and_a_reading_is_the_evidence(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        point, clock = Point.parse("clock:training"), lab.world.clock("training")
        true = lab.world.clock("serving")
        for fault, by_s in (("f1", 3600.0), ("f1", 3600.0), ("f2", -600.0)):
            await lab.driver.perform(fault, point, Action("skew", {"skew_id": fault, "by_s": by_s}))
        assert await lab.driver.evidence("f1") is None  # nobody has looked yet
        assert clock.now() - true.now() == 3000.0
        for fault in ("f1", "f2"):
            evidence = await lab.driver.evidence(fault)
            assert evidence is not None
            assert (evidence.touched, evidence.what) == (1, "readings")
        for fault in ("f1", "f1", "f2"):
            await lab.driver.perform(fault, point, Action("unskew", {"skew_id": fault}))
        assert clock.now() == true.now()
        evidence = await lab.driver.evidence("f1")
        assert evidence is not None
        assert evidence.touched == 1

    Lab(tmp_path).run(script)


def test_held_entries_stay_old_until_released_and_then_get_what_was_written(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        point = Point.parse("store:store")
        await lab.redis.set("a", "old", ex=500)
        await lab.redis.set("b", "old")
        seen = await lab.driver.observe(point, "entries")
        assert seen == {"entries": {"a": "old", "b": "old"}}
        await lab.driver.perform("f", point, Action("hold", {"hold_id": "f", "entries": {"a": "old"}}))
        assert await lab.driver.evidence("f") is None  # nothing was written: nothing is stale
        await lab.redis.set("a", "new", ex=900)
        await lab.redis.set("b", "new")
        await asyncio.sleep(EVERY_S + 1)
        assert await lab.redis.mget("a", "b") == [b"old", b"new"]
        evidence = await lab.driver.evidence("f")
        assert evidence is not None
        assert (evidence.touched, evidence.what) == (1, "keys")
        for _ in range(2):
            await lab.driver.perform("f", point, Action("release", {"hold_id": "f"}))
        assert await lab.redis.get("a") == b"new"
        assert 800 < await lab.redis.ttl("a") <= 900  # when it expires is not the fault's business

    Lab(tmp_path).run(script)


def test_a_store_that_lost_its_data_comes_back_empty(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        point = Point.parse("store:store")
        await lab.redis.set("a", "1")
        await lab.driver.perform("f", point, Action("kill"))
        await lab.driver.perform("f", point, Action("start", {"empty": False}))
        assert await lab.redis.get("a") == b"1"
        await lab.driver.perform("f", point, Action("kill"))
        await lab.driver.perform("f", point, Action("start", {"empty": True}))
        assert await lab.redis.get("a") is None

    Lab(tmp_path).run(script)


def test_toxics_act_on_open_connections_and_count_their_transfers(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        point = Point.parse("link:serving->store")
        toxic = {"name": "f.latency", "type": "latency", "stream": "downstream", "attributes": {"latency": 200}}

        async def timed() -> float:
            from redis.asyncio import Redis

            redis = Redis(host=layout.STORE)
            await redis.ping()
            await lab.driver.perform("f", point, Action("add_toxic", {"toxic": toxic}))
            begun = lab.world.loop.time()
            await redis.ping()
            return lab.world.loop.time() - begun

        assert 0.2 <= await lab.world.spawn("serving", timed()) < 0.21
        evidence = await lab.driver.evidence("f")
        assert evidence is not None
        assert evidence.touched >= 1
        assert evidence.what == "transfers"
        for _ in range(2):
            await lab.driver.perform("f", point, Action("remove_toxic", {"name": "f.latency"}))
        assert all(not link.toxics for link in lab.world.network.links.values())

    Lab(tmp_path).run(script)
