"""Services that die or hang in a real deployment: who starts them again, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from played import Played, play

from chaos.fault import Action
from chaos.points import Point
from reference_pipeline.monitoring.app import Depth, Monitor


def test_a_supervisor_starts_a_dead_service_after_a_quarter_of_a_minute(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(600)
        for _ in range(2):  # and again
            played.world.kill("features")
            await asyncio.sleep(14)
            assert played.state("features") == "down"
            await asyncio.sleep(2)
            assert played.state("features") == "running"
        await asyncio.sleep(900)

    played = play("mature", script, tmp_path)
    assert ("firing", "ServiceRestarted", "features") in played.alerts()


def test_without_a_supervisor_it_stays_down(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        played.world.kill("features")
        await asyncio.sleep(3600)
        assert played.state("features") == "down"

    play("ad_hoc", script, tmp_path)


def test_a_service_that_hangs_is_restarted_by_the_runbook(tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(60)
        played.world.pause("features")
        await asyncio.sleep(1800)
        assert played.state("features") == "running"

    played = play("mature", script, tmp_path)
    firing = [name for state, name, component in played.alerts() if (state, component) == ("firing", "features")]
    assert firing[:1] == ["ServiceDown"]
    assert "ServiceRestarted" in firing


def test_a_service_that_dies_while_it_starts_is_started_again_until_it_runs(tmp_path: Path) -> None:
    broken = {"lightgbm/__init__.py": "raise ImportError('libomp.so.5: cannot open shared object file')\n"}
    point = Point.parse("env:monitoring")

    async def script(played: Played) -> None:
        driver = played.stage.driver
        await driver.perform("f", point, Action("overlay", {"overlay_id": "f", "files": broken}))
        played.world.kill("monitoring")
        await asyncio.sleep(100)
        evidence = await driver.evidence("f")
        assert evidence is not None
        assert evidence.what == "loads"
        assert evidence.touched >= 3  # tried again and again
        assert played.state("monitoring") == "down"
        await driver.perform("f", point, Action("remove_overlay", {"overlay_id": "f"}))
        await asyncio.sleep(20)
        assert played.state("monitoring") == "running"
        await asyncio.sleep(300)
        played.world.kill("serving")
        await asyncio.sleep(600)

    played = play("mature", script, tmp_path)
    assert any(component == "serving" for _, _, component in played.alerts())


def test_a_service_whose_work_dies_does_not_look_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Monitor.look
    looks: list[Depth] = []

    async def looks_once_into_an_abyss(monitor: Monitor, depth: Depth) -> None:
        looks.append(depth)
        if len(looks) == 3:
            raise KeyError("serving")
        await look(monitor, depth)

    monkeypatch.setattr(Monitor, "look", looks_once_into_an_abyss)

    async def script(played: Played) -> None:
        while len(looks) < 3:
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        assert played.state("monitoring") == "down"
        await asyncio.sleep(20)
        assert played.state("monitoring") == "running"
        await asyncio.sleep(300)

    played = play("mature", script, tmp_path)
    assert len(looks) > 4
    died = [(line["service"], line["why"]) for line in played.lines if line["kind"] == "service.died"]
    assert died == [("monitoring", "KeyError: 'serving'")]
    assert "monitoring died of its work" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("profile", ["ad_hoc", "mature"])
def test_a_fault_that_ends_beside_a_supervisor_leaves_one_process_that_answers(tmp_path: Path, profile: str) -> None:
    point = Point.parse("service:serving")

    async def script(played: Played) -> None:
        driver = played.stage.driver
        await driver.perform("f", point, Action("kill"))
        await asyncio.sleep(14.9)
        await driver.perform("f", point, Action("start", {"empty": False}))
        await asyncio.sleep(1800)

    played = play(profile, script, tmp_path)
    last = [r["status"] for r in played.lines if r["kind"] == "request"][-20:]
    assert last == [200] * 20
