"""What scenarios may name is what a deployment has: its links, its feeds' columns, its libraries."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from played import Played, play

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.points import Point
from harness.targets.reference import layout
from reference_pipeline.columns import COLUMNS


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """From before the nightly retrain until after its canary, without a fault."""

    async def script(played: Played) -> None:
        await asyncio.sleep(3.5 * 3600)

    start = datetime(2013, 6, 11, 6, tzinfo=UTC)
    return play("mature", script, tmp_path_factory.mktemp("night"), hours=4, start=start)


def test_hosts_talk_over_the_links_that_scenarios_can_name(night: Played) -> None:
    used = {"->".join(ends) for ends in night.world.network.links if "operator" not in ends}
    assert used - set(layout.LINKS) == set()
    # what trouble sets off, and a way that is configured and that no runbook takes
    by_incident = {"orchestration->ingestion", "monitoring->alerts", "ingestion->mirror", "orchestration->features"}
    # another profile's second store, and the consumer that users may ask instead
    not_here = {"serving->replica", "features->replica", "users->dispatch", "dispatch->serving"}
    assert set(layout.LINKS) - used == by_incident | not_here


def test_a_quiet_night_has_no_errors_and_no_alerts(night: Played) -> None:
    assert night.alerts() == []
    requests = [r for r in night.lines if r["kind"] == "request"]
    assert len(requests) > 30
    assert {r["status"] for r in requests} == {200}
    assert {r["source"] for r in requests} == {"model"}
    assert len({r["model"] for r in requests}) == 2  # the retrained one took over
    assert [error for error in night.world.loop.errors if error.exception is not None] == []


def test_manifests_have_the_columns_that_scenarios_are_checked_against(tmp_path: Path) -> None:
    found: dict[str, dict[str, str]] = {}

    async def look(feed: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"http://gateway:8000/{feed}/batches") as answer:
            found[feed] = json.loads(await answer.read())[-1]["columns"]

    async def script(played: Played) -> None:
        for feed in COLUMNS:
            await played.world.spawn("operator", look(feed))

    play("ad_hoc", script, tmp_path)
    assert found == {feed: dict(columns) for feed, columns in COLUMNS.items()}


def test_a_rule_at_a_feed_leaves_evidence_that_stays_when_it_is_gone(tmp_path: Path) -> None:
    point = Point.parse("feed:weather")
    rule = {
        "rule_id": "f",
        "feed": "weather",
        "fault": "data.null_spike",
        "params": {"column": "temp", "rate": 1.0},
        "seed": 1,
    }

    async def script(played: Played) -> None:
        driver = played.stage.driver
        await driver.perform("f", point, Action("install", rule))
        assert await driver.evidence("f") is None  # nothing has passed yet
        await asyncio.sleep(2 * 3600)
        before = await driver.evidence("f")
        assert before is not None
        assert before.what == "cells"
        assert before.touched > 0
        for _ in range(2):
            await driver.perform("f", point, Action("uninstall", {"rule_id": "f", "feed": "weather"}))
        await asyncio.sleep(2 * 3600)
        assert await driver.evidence("f") == before

    play("ad_hoc", script, tmp_path, hours=5)


def test_a_gateway_that_cannot_be_reached_or_refuses_is_an_injection_error(tmp_path: Path) -> None:
    point = Point.parse("feed:weather")

    async def script(played: Played) -> None:
        driver = played.stage.driver
        rule = {"rule_id": "f", "feed": "weather", "fault": "data.no_such", "params": {}, "seed": 1}
        with pytest.raises(InjectionError, match=r"feed gateway: HTTP 4\d\d: .*data.no_such"):
            await driver.perform("f", point, Action("install", rule))
        played.world.kill("gateway")
        with pytest.raises(InjectionError, match="feed gateway: "):
            await driver.perform("f", point, Action("uninstall", {"rule_id": "f", "feed": "weather"}))

    play("ad_hoc", script, tmp_path)


def test_answers_in_a_services_place_are_counted_and_end(tmp_path: Path) -> None:
    point = Point.parse("service:registry")

    async def script(played: Played) -> None:
        driver = played.stage.driver
        await driver.perform("f", point, Action("answer", {"status": 503}))
        await asyncio.sleep(2 * 3600)
        evidence = await driver.evidence("f")
        assert isinstance(evidence, Evidence)
        assert evidence.what == "requests"
        assert ("firing", "RegistryUnreachable", "registry") in played.alerts()
        for _ in range(2):
            await driver.perform("f", point, Action("unanswer"))
        await asyncio.sleep(3600)
        assert await driver.evidence("f") == evidence
        assert ("resolved", "RegistryUnreachable", "registry") in played.alerts()

    play("mature", script, tmp_path, hours=4)


@pytest.mark.parametrize("service", layout.facts(COLUMNS).envs)
def test_every_env_that_scenarios_can_name_loads_its_library_through_overlays(tmp_path: Path, service: str) -> None:
    broken = {"lightgbm/__init__.py": "raise ImportError('no such binary')\n"}

    async def train() -> int:
        async with aiohttp.ClientSession() as session, session.post("http://training:8000/train") as answer:
            return answer.status

    async def script(played: Played) -> None:
        driver = played.stage.driver
        point = Point.parse(f"env:{service}")
        await driver.perform("f", point, Action("overlay", {"overlay_id": "f", "files": broken}))
        if service == "training":
            assert await played.world.spawn("orchestration", train()) >= 500
        else:
            played.world.kill(service)
            await asyncio.sleep(60)
        evidence = await driver.evidence("f")
        assert evidence is not None
        assert evidence.what == "loads"

    play("mature", script, tmp_path)
