"""What the defences of the most mature deployment do when something goes wrong: each is seen to work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from played import Played, play

from chaos.fault import Action
from chaos.points import Point
from chaos.registry import registry
from harness.sim.http import stub

HOUR = 3600.0


async def inject(played: Played, fault: str, point: str, **params: Any) -> None:
    """Applies a fault that is never taken back."""
    from chaos.fault import PointView

    where = Point.parse(point)
    made = registry.get(fault).model_validate(params)
    observed = await played.stage.driver.observe(where, made.observes) if made.observes else {}
    for action in made.plan(PointView(where, "f", 7, observed)).do:
        await played.stage.driver.perform("f", where, action)


def requests(played: Played, since_s: float) -> list[dict[str, Any]]:
    return [r for r in played.lines if r["kind"] == "request" and r["sent"] >= since_s]


def fired(played: Played) -> set[tuple[str, str]]:
    return {(name, component) for state, name, component in played.alerts() if state == "firing"}


def test_when_the_first_store_dies_the_second_one_answers_and_fills_it_again(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(4 * HOUR)
        await inject(played, "store.outage", "store:store", mode="refuse", loses_data=True)
        await asyncio.sleep(HOUR)
        await played.stage.driver.perform("f", Point.parse("store:store"), Action("start", {"empty": True}))
        await asyncio.sleep(2 * HOUR)

    played = play("world_class", script, tmp_path, hours=7)
    seen = requests(played, 4 * HOUR)
    assert {r["status"] for r in seen} == {200}
    assert {r["source"] for r in seen} == {"model"}
    assert ("StoreFailover", "store") in fired(played)
    first, second = (store.data.dbs[0] for store in (played.stage._store, played.stage._replica))
    assert set(first) == set(second)


def test_a_feed_that_lies_is_read_from_the_second_provider_and_healed(tmp_path: Path) -> None:
    stands: list[bool] = []

    async def script(played: Played) -> None:
        await asyncio.sleep(4 * HOUR)
        await inject(played, "data.sign_flip", "feed:flights", column="dep_delay", rate=1.0)
        await asyncio.sleep(HOUR)
        stands.append(await standby(played))
        await played.stage.driver.perform(
            "f", Point.parse("feed:flights"), Action("uninstall", {"rule_id": "f", "feed": "flights"})
        )
        await asyncio.sleep(HOUR)
        stands.append(await standby(played))

    play("world_class", script, tmp_path, hours=6.5)
    assert stands == [True, False]


async def standby(played: Played) -> bool:
    """Whether flights are read from the second provider."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get("http://ingestion:8000/status") as answer:
        return bool((await answer.json())["feeds"]["flights"]["standby"])


def test_monitoring_that_hangs_is_told_of_and_started_again(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(HOUR)
        played.world.pause("monitoring")
        await asyncio.sleep(HOUR)
        assert played.state("monitoring") == "running"

    played = play("world_class", script, tmp_path)
    assert ("MonitoringDown", "monitoring") in fired(played)


def test_an_orchestrator_that_hangs_is_started_again_by_monitoring(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(HOUR)
        played.world.pause("orchestration")
        await asyncio.sleep(HOUR)
        assert played.state("orchestration") == "running"

    played = play("mature", script, tmp_path)
    assert ("ServiceDown", "orchestration") in fired(played)


def test_settings_that_nobody_reviewed_are_refused(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(HOUR)
        await inject(played, "config.changed", "env:serving", settings={"views": ["plane"]})
        await asyncio.sleep(HOUR)

    for profile, refused in (("mature", False), ("world_class", True)):
        played = play(profile, script, tmp_path / profile)
        assert (("SettingsRefused", "serving") in fired(played)) is refused
        fallbacks = {r["source"] for r in requests(played, 1.1 * HOUR)} - {"model"}
        assert bool(fallbacks) is not refused


def test_a_client_beyond_its_rate_is_limited_and_the_others_are_not(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(HOUR)
        await inject(played, "traffic.surge", "traffic:users", per_minute=300)
        await asyncio.sleep(0.2 * HOUR)

    played = play("world_class", script, tmp_path)
    assert ("ApiAbuse", "serving") in fired(played)
    assert {r["status"] for r in requests(played, HOUR)} == {200}


def test_dispatch_passes_failures_on_unless_it_is_isolated(tmp_path: Path) -> None:
    statuses: dict[str, set[int]] = {}

    async def script(played: Played) -> None:
        await played.world.start("dispatch")
        played.world.network.set_answer("dispatch->serving", stub(503, lambda: None))
        statuses[played.stage._deployment.profile.name] = {await ask(played) for _ in range(30)}

    for profile in ("ad_hoc", "mature"):
        play(profile, script, tmp_path / profile, hours=0.1)
    assert statuses == {"ad_hoc": {502, 503}, "mature": {200}}


async def ask(played: Played) -> int:
    """The status of one request to dispatch."""
    import aiohttp

    flight = dict(played.stage._users._asks[0].flight)
    async with (
        aiohttp.ClientSession() as session,
        session.post("http://dispatch:8000/predict", json=flight) as answer,
    ):
        return answer.status
