"""Runbooks and jobs, on virtual time, with services that only remember what they were asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from orchestrated import Deployment, alert

from harness.sim import World
from reference_pipeline.orchestration.app import Orchestrator
from reference_pipeline.rhythm import Rhythm


async def nothing(_: Orchestrator) -> None:
    return


def test_the_nightly_retrain_is_released_at_once_without_a_canary() -> None:
    deployment = Deployment()
    deployment.run(nothing, 8 * 3600)
    assert deployment.paths("training") == [(7 * 3600, "/train")]
    assert [body for _, name, _, body in deployment.calls if name == "registry"] == [
        {"stage": "production", "version": "m2"}
    ]


def test_a_failed_training_is_tried_again_with_back_off() -> None:
    deployment = Deployment(retries=3, training_failures=2)
    deployment.run(nothing, 9 * 3600)
    assert [at - 7 * 3600 for at, _ in deployment.paths("training")] == [0, 600, 1800]
    asked = [body for _, name, _, body in deployment.calls if name == "training"]
    assert asked == [{"as_of": 7 * 3600}] * 3, "every attempt is to give the model of that night"


@pytest.mark.parametrize(("alarmed", "released"), [(False, True), (True, False)])
def test_a_canary_is_promoted_only_if_nothing_new_fires(alarmed: bool, released: bool) -> None:
    deployment = Deployment(canary_s=7200)

    async def script(orchestrator: Orchestrator) -> None:
        await asyncio.sleep(8 * 3600)
        if alarmed:
            orchestrator.alert([alert("PredictionDrift")])

    orchestrator = deployment.run(script, 10 * 3600)
    stages = [body for _, name, path, body in deployment.calls if name == "registry" and path == "/stages"]
    assert stages[:2] == [{"stage": "canary", "version": "m2"}, {"stage": "canary", "version": None}]
    assert ({"stage": "production", "version": "m2"} in stages) is released
    assert orchestrator.status()["deployment_failures"] == (not released)


def test_a_silent_service_is_restarted_after_its_patience_and_not_twice_in_a_row() -> None:
    deployment = Deployment()

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([alert("ServiceDown", "features")])

    deployment.run(script, 500)
    assert [service for _, service in deployment.restarted] == ["features"]
    assert 120 <= deployment.restarted[0][0] <= 180


def test_a_bad_model_is_rolled_back_once_unless_data_is_to_blame() -> None:
    for excuse, expected in (([], 1), ([alert("DataContract", "weather", feed="weather")], 0)):
        deployment = Deployment()

        async def script(orchestrator: Orchestrator, excuse: list[dict[str, Any]] = excuse) -> None:
            await asyncio.sleep(7.5 * 3600)
            orchestrator.alert([*excuse, alert("ModelQuality", "model")])

        deployment.run(script, 9 * 3600)
        assert [path for _, path in deployment.paths("registry")].count("/rollback") == expected


def test_a_drifted_view_is_distrusted_and_taken_back_after_its_probation() -> None:
    deployment = Deployment()
    drift = alert("FeatureDrift", "features", view="weather")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([drift])
        await asyncio.sleep(600)
        orchestrator.alert([{**drift, "endsAt": "1970-01-01T00:10:00Z"}])

    deployment.run(script, 3 * 3600)
    told = [body["views"] for _, _, path, body in deployment.calls if path == "/suspect"]
    assert told == [["weather"], []]


def test_a_feed_that_is_well_again_is_read_again() -> None:
    deployment = Deployment()
    stale = alert("SourceStale", "weather", feed="weather")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([stale])
        await asyncio.sleep(600)
        assert deployment.paths("ingestion") == []
        orchestrator.alert([{**stale, "endsAt": "1970-01-01T00:10:00Z"}])

    deployment.run(script, 900)
    assert deployment.paths("ingestion") == [(600.0, "/backfill?feed=weather")]


def test_failed_training_is_tried_every_hour_by_the_runbook() -> None:
    deployment = Deployment()

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([alert("TrainingFailed", "training")])

    deployment.run(script, 3.5 * 3600)
    assert [round(at / 3600, 1) for at, _ in deployment.paths("training")] == [1.0, 2.0, 3.0]


def test_a_rhythm_skips_beats_and_shifts_none() -> None:
    world = World(epoch=0.0, seed=1)
    world.add_host("monitoring")
    beats: list[float] = []

    async def main() -> None:
        await asyncio.sleep(3.0)
        rhythm = Rhythm(10.0, world.clock("monitoring"))
        for work_s in (1.0, 25.0, 0.0):
            await asyncio.sleep(work_s)
            await rhythm.wait()
            beats.append(world.loop.time())

    world.run(main())
    assert beats == [13.0, 43.0, 53.0]
