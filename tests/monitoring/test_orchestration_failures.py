"""What orchestration does when the services that it works with fail, and when things happen at the same time."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from orchestrated import Deployment, alert, over

from reference_pipeline.orchestration.app import Orchestrator
from reference_pipeline.orchestration.runbooks.restart import GRACE_S
from reference_pipeline.training.gate import CAUSE

HOUR = 3600.0


async def nothing(_: Orchestrator) -> None:
    return


def stages(deployment: Deployment) -> list[tuple[str, str | None]]:
    bodies = [body for _, name, path, body in deployment.calls if (name, path) == ("registry", "/stages")]
    return [(body["stage"], body["version"]) for body in bodies]


def test_the_nightly_retrain_comes_every_night() -> None:
    deployment = Deployment()
    deployment.run(nothing, 56 * HOUR)
    assert [at for at, _ in deployment.paths("training")] == [7 * HOUR, 31 * HOUR, 55 * HOUR]


def test_when_no_try_is_left_nothing_is_released_and_the_next_night_comes() -> None:
    deployment = Deployment(retries=2, training_failures=3)
    orchestrator = deployment.run(nothing, 32 * HOUR)
    assert [round(at) for at, _ in deployment.paths("training")] == [25200, 25800, 27000, 31 * 3600]
    assert stages(deployment) == [("production", "m2")]
    assert orchestrator.status()["job_failures"] == 3


def test_retrains_do_not_overlap() -> None:
    deployment = Deployment()
    deployment.services["training"].takes_s = 600

    async def script(orchestrator: Orchestrator) -> None:
        for _ in range(3):
            orchestrator.start_retrain()
            await asyncio.sleep(100)
        await asyncio.sleep(900)
        orchestrator.start_retrain()

    deployment.run(script, 2 * HOUR)
    assert [at for at, _ in deployment.paths("training")] == [0.0, 1200.0]


@pytest.mark.parametrize("answer", [{}, None, [], "m2"])
def test_an_answer_without_a_version_is_a_failed_job_and_no_end(answer: Any) -> None:
    deployment = Deployment()
    deployment.services["training"].answer = answer
    orchestrator = deployment.run(nothing, 8 * HOUR)
    assert stages(deployment) == []
    assert orchestrator.status()["job_failures"] == 1


def test_a_new_alert_rejects_a_canary_also_when_an_old_one_has_ended_meanwhile() -> None:
    deployment = Deployment(canary_s=2 * HOUR)
    old = alert("ModelQuality", "model", segment="JFK")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([old])
        await asyncio.sleep(8 * HOUR)
        orchestrator.alert([over(old), alert("PredictionDrift")])

    deployment.run(script, 10 * HOUR)
    assert ("production", "m2") not in stages(deployment)


def test_an_alert_that_fired_before_does_not_reject_a_canary() -> None:
    deployment = Deployment(canary_s=2 * HOUR)

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([alert("PredictionDrift")])

    deployment.run(script, 10 * HOUR)
    assert ("production", "m2") in stages(deployment)


def test_a_canary_that_cannot_be_taken_down_at_once_does_not_stand_for_ever() -> None:
    deployment = Deployment(canary_s=2 * HOUR)

    async def script(orchestrator: Orchestrator) -> None:
        await asyncio.sleep(8 * HOUR)
        deployment.services["registry"].failures = 2

    deployment.run(script, 11 * HOUR)
    assert [at for at, _ in deployment.paths("registry")][1:4] == [9 * HOUR, 9 * HOUR + 600, 9 * HOUR + 1200]
    assert stages(deployment)[3] == ("canary", None)


def test_a_distrusted_view_is_trusted_again_when_nothing_else_happens() -> None:
    deployment = Deployment()
    drift = alert("FeatureDrift", "features", view="weather")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([drift])
        await asyncio.sleep(600)
        orchestrator.alert([over(drift)])

    deployment.run(script, 24 * HOUR)
    told = [(at, body["views"]) for at, _, path, body in deployment.calls if path == "/suspect"]
    assert [views for _, views in told] == [["weather"], []]
    assert told[1][0] <= 600 + 2 * HOUR + 60


def test_a_backfill_that_failed_is_tried_again_though_nothing_fires_any_more() -> None:
    deployment = Deployment()
    deployment.services["ingestion"].failures = 1
    stale = alert("SourceStale", "weather", feed="weather")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([stale])
        await asyncio.sleep(600)
        orchestrator.alert([over(stale)])

    orchestrator = deployment.run(script, 2 * HOUR)
    assert [at for at, _ in deployment.paths("ingestion")] == [600.0, 660.0]
    assert orchestrator.status()["runbook_errors"] == 1


def test_a_rollback_that_failed_is_tried_again_and_one_that_succeeded_is_not() -> None:
    deployment = Deployment()

    async def script(orchestrator: Orchestrator) -> None:
        await asyncio.sleep(7.5 * HOUR)
        deployment.services["registry"].failures = 1
        orchestrator.alert([alert("ModelQuality", "model", segment="all")])

    deployment.run(script, 9 * HOUR)
    rollbacks = [at for at, path in deployment.paths("registry") if path == "/rollback"]
    assert rollbacks == [7.5 * HOUR, 7.5 * HOUR + 60]
    assert deployment.paths("serving")[-1] == (rollbacks[-1], "/reload")


@pytest.mark.parametrize(
    ("fires_at", "why"), [(6.0, "it fired before the promotion"), (32.5, "the promotion is a day and more ago")]
)
def test_a_model_is_not_blamed_for_what_it_cannot_have_caused(fires_at: float, why: str) -> None:
    deployment = Deployment()
    deployment.services["training"].failures = 0

    async def script(orchestrator: Orchestrator) -> None:
        await asyncio.sleep(20 * HOUR if fires_at > 24 else 0)
        if fires_at > 24:
            deployment.services["training"].failures = 99  # no second promotion
        await asyncio.sleep(fires_at * HOUR - deployment.now())
        orchestrator.alert([alert("PredictionDrift")])

    deployment.run(script, fires_at * HOUR + 3 * HOUR)
    assert "/rollback" not in [path for _, path in deployment.paths("registry")], why


def test_a_service_that_comes_back_by_itself_is_not_restarted() -> None:
    deployment = Deployment()
    down = alert("ServiceDown", "features")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([down])
        await asyncio.sleep(90)
        orchestrator.alert([over(down)])

    deployment.run(script, HOUR)
    assert deployment.restarted == []


def test_a_service_that_stays_down_is_restarted_again_after_the_grace() -> None:
    deployment = Deployment()

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([alert("ServiceDown", "features")])

    deployment.run(script, 2.5 * GRACE_S)
    times = [at for at, _ in deployment.restarted]
    assert len(times) == 3
    assert all(GRACE_S <= later - earlier <= GRACE_S + 60 for earlier, later in pairwise(times))


@pytest.mark.parametrize(("excuses", "expected"), [([], [6.0, 30.0]), ([alert("DataContract", feed="weather")], [])])
def test_lasting_bad_quality_is_answered_by_a_retrain_a_day_unless_data_is_to_blame(
    excuses: list[dict[str, Any]], expected: list[float]
) -> None:
    deployment = Deployment()

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([*excuses, alert("ModelQuality", "model", segment="all")])

    deployment.run(script, 31.5 * HOUR)
    nightly = [7.0, 31.0]
    assert [h for at, _ in deployment.paths("training") if (h := round(at / HOUR, 1)) not in nightly] == expected


def test_a_job_that_failed_is_run_again_of_its_moment_and_bad_quality_answered_by_what_is_known_now() -> None:
    deployment = Deployment(training_failures=2)

    async def script(orchestrator: Orchestrator) -> None:
        await asyncio.sleep(7.5 * HOUR)
        orchestrator.alert([failed := alert("JobFailed", "orchestration")])
        await asyncio.sleep(3 * HOUR)
        orchestrator.alert([over(failed), alert("ModelQuality", "model", segment="all")])

    deployment.run(script, 34 * HOUR)
    bodies = [(at, body) for at, name, _, body in deployment.calls if name == "training"]
    asked = [(round(at / HOUR, 1), round(body["as_of"] / HOUR, 1)) for at, body in bodies]
    assert asked == [(7.0, 7.0), (8.5, 7.0), (9.5, 7.0), (31.0, 31.0), (33.5, 33.5)]


def test_a_model_that_was_rejected_is_not_trained_again_from_the_same_data() -> None:
    deployment = Deployment(training_failures=2)

    async def script(orchestrator: Orchestrator) -> None:
        await asyncio.sleep(7.5 * HOUR)
        orchestrator.alert([alert("TrainingFailed", "training", cause=CAUSE), alert("JobFailed", "orchestration")])

    deployment.run(script, 9 * HOUR)
    assert [round(body["as_of"] / HOUR, 1) for _, name, _, body in deployment.calls if name == "training"] == [7.0, 8.5]


def test_a_serving_that_was_started_again_is_told_again_whom_to_distrust() -> None:
    deployment = Deployment()
    drift, restarted = alert("FeatureDrift", "features", view="weather"), alert("ServiceRestarted")

    async def script(orchestrator: Orchestrator) -> None:
        orchestrator.alert([drift])
        await asyncio.sleep(600)
        orchestrator.alert([restarted])
        await asyncio.sleep(10)
        orchestrator.alert([over(restarted)])

    deployment.run(script, HOUR)
    told = [body["views"] for _, _, path, body in deployment.calls if path == "/suspect"]
    assert told == [["weather"], ["weather"]]
