"""Maturity profiles: which defences a deployment of the pipeline has. One table, read from top to bottom.

The columns are readings of the comparison matrix of the field (monitoring coverage, incident response, data validation,
deployment safety, recovery). A profile changes what the pipeline *has*, never what a harness thinks of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Validation = Literal["none", "schema", "statistical"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The defences of one deployment. Durations in seconds."""

    name: str

    # Data validation
    validation: Validation
    poll_s: float

    # Serving: time-outs, isolation, fallbacks
    store_timeout_s: float | None
    """Socket time-out of the feature store's client; None leaves the library's defaults (5 s, with retries)."""
    breaker: bool
    cached_features_s: float
    """How long features that were read before may stand in for ones that can't be read; 0 for never."""
    simplified_model: bool
    view_dropout: float
    """Share of training rows in which a feature view is hidden, so that the model learns to do without it."""
    checks_feature_age: bool
    """Features older than their view allows are treated as missing."""

    # Deployment safety
    validation_gate: bool
    canary_s: float
    """How long a new model serves a tenth of the traffic before it may take all; 0 for no canary."""
    verify_artifacts: bool

    # Monitoring coverage
    watched: tuple[str, ...]
    """The services whose health is looked at."""
    checks: tuple[str, ...]
    watch_s: float
    """How often serving is watched."""
    scrape_s: float
    """How often what data passes through is looked at: ingestion and features."""
    review_s: float
    """How often every service, and the predictions of the last hours (drift, quality), are looked at."""

    # Incident response and recovery
    supervised: bool
    """A supervisor restarts a process that died."""
    job_retries: int
    runbooks: tuple[str, ...]


AD_HOC = Profile(
    name="ad_hoc",
    validation="none",
    poll_s=900,
    store_timeout_s=None,
    breaker=False,
    cached_features_s=0,
    simplified_model=False,
    view_dropout=0.0,
    checks_feature_age=False,
    validation_gate=False,
    canary_s=0,
    verify_artifacts=False,
    watched=("serving",),
    checks=("serving_health", "errors"),
    watch_s=300,
    scrape_s=900,
    review_s=900,
    supervised=False,
    job_retries=0,
    runbooks=(),
)

MATURE = Profile(
    name="mature",
    validation="statistical",
    poll_s=300,
    store_timeout_s=0.25,
    breaker=True,
    cached_features_s=2 * 3600,
    simplified_model=True,
    view_dropout=0.05,
    checks_feature_age=True,
    validation_gate=True,
    canary_s=2 * 3600,
    verify_artifacts=True,
    watched=("serving", "ingestion", "features", "training", "registry", "orchestration"),
    checks=(
        "serving_health",
        "health",
        "errors",
        "latency",
        "fallbacks",
        "dependencies",
        "source_age",
        "contract",
        "feature_age",
        "drift",
        "predictions",
        "quality",
        "model_age",
        "training",
    ),
    watch_s=120,
    scrape_s=300,
    review_s=900,
    supervised=True,
    job_retries=3,
    runbooks=("restart", "rollback", "fallback", "backfill", "retrain"),
)

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (AD_HOC, MATURE)}
