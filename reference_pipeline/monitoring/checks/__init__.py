"""One check a file; each is a pure function of two looks at the pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from reference_pipeline.monitoring.checks import (
    access,
    configuration,
    contract,
    dependencies,
    drift,
    errors,
    fallbacks,
    feature_age,
    health,
    jobs,
    latency,
    libraries,
    model_age,
    outcome,
    predictions,
    quality,
    releases,
    replica,
    seasonal,
    segments,
    source_age,
    training,
)
from reference_pipeline.monitoring.snapshot import Check

CHECKS: Mapping[str, Check] = {
    "serving_health": health.serving,
    "health": health.others,
    "errors": errors.check,
    "latency": latency.check,
    "fallbacks": fallbacks.check,
    "dependencies": dependencies.check,
    "source_age": source_age.check,
    "contract": contract.check,
    "feature_age": feature_age.check,
    "drift": drift.check,
    "predictions": predictions.check,
    "quality": quality.check,
    "model_age": model_age.check,
    "training": training.check,
    "replica": replica.check,
    "releases": releases.check,
    "libraries": libraries.check,
    "access": access.check,
    "jobs": jobs.check,
    "configuration": configuration.check,
    "seasonal": seasonal.check,
    "segments": segments.check,
    "outcome": outcome.check,
}

#: Checks of serving's status alone: cheap enough for every watch. (Health is of all services, and needs all of them.)
QUICK = ("serving_health", "errors", "latency", "fallbacks", "access")

#: Checks of the predictions of the last hours, which need serving's log and the labels.
REVIEWS = ("feature_age", "drift", "predictions", "quality", "seasonal", "segments", "outcome")

#: Those of them that look at whole days.
DAILY = ("seasonal", "segments", "outcome")

__all__ = ["CHECKS", "DAILY", "QUICK", "REVIEWS"]
