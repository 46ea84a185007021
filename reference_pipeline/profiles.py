"""Maturity profiles: which defences a deployment of the pipeline has. One table, read from left to right.

The columns are readings of the columns of the field's comparison matrix (monitoring coverage, incident response, data
validation, deployment safety, recovery) and of its architecture patterns (validation in depth, breakers, fallbacks,
canary, shadow mode, lineage, point-in-time retrieval, rollback, retrain triggers, failover). A profile changes what the
pipeline *has*, never what a harness thinks of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: As `reference_pipeline.ingestion.violation.Level`, without what comes with it.
Validation = Literal["none", "schema", "statistical", "learned"]

_MIN, _HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Profile:
    """The defences of one deployment. Durations in seconds."""

    name: str

    # Data validation
    validation: Validation
    poll_s: float
    second_provider: bool
    """A slower second provider of each feed, for a failover."""

    # Serving: time-outs, isolation, fallbacks
    store_timeout_s: float | None
    """Socket time-out of the feature store's client; None leaves the library's defaults (5 s, with retries). To give up
    sooner than users do helps those who have something to fall back on; to others a slow answer is better than none."""
    second_store: bool
    """A replica of the feature store that is read where the first one fails or is behind."""
    breaker: bool
    cached_features_s: float
    """How long features that were read before may stand in for ones that can't be read; 0 for never."""
    simplified_model: bool
    view_dropout: float
    """Share of training rows in which a feature view is hidden, so that the model learns to do without it."""
    checks_feature_age: bool
    """Features older than their view allows are treated as missing."""
    checks_requests: bool
    """Requests are held against what history knows: routes, carriers, distances."""
    requests_a_minute: float | None
    """How many requests of one client are answered in a minute; None for all."""

    # Deployment safety
    gate_segments: tuple[str, ...] | None
    """By which columns a candidate is compared with production besides overall; None for no gate at all."""
    shadow: bool
    """A candidate first answers yesterday's requests in the shadow, and must not differ much in any segment."""
    canary_s: float
    """How long a new model serves a tenth of the traffic before it may take all; 0 for no canary."""
    verify_artifacts: bool
    approves_settings: bool
    """Settings that were changed without an approval are refused."""
    locked_libraries: bool
    """A library that isn't the one of the lock file is refused."""

    # Monitoring coverage
    watched: tuple[str, ...]
    """The services whose health is looked at."""
    checks: tuple[str, ...]
    unattended: tuple[str, ...]
    """Alerts that are sent where nobody reads them: among all others, as information."""
    missed_batches: int
    """So many batches of a feed have to be missing before its source, or what is made of it, counts as stale."""
    watch_s: float
    """How often serving is watched."""
    scrape_s: float
    """How often what data passes through is looked at: ingestion and features."""
    review_s: float
    """How often every service, and the predictions of the last hours (drift, quality), are looked at."""

    # Incident response and recovery
    guards_monitor: bool
    """Orchestration looks after monitoring, as monitoring does after everything else."""
    supervised: bool
    """A supervisor restarts a process that died."""
    job_retries: int
    runbooks: Mapping[str, float]
    """What is done about alerts, and after how long: at once by a machine, later by a person."""


_SERVICES = ("serving", "ingestion", "features", "training", "registry", "orchestration")
_SYSTEM = ("serving_health", "health", "errors", "latency", "training", "jobs", "dependencies")
_DATA_AND_MODEL = (
    *_SYSTEM,
    "fallbacks",
    "source_age",
    "contract",
    "feature_age",
    "drift",
    "predictions",
    "quality",
    "model_age",
)
_ANOMALIES = (
    *_DATA_AND_MODEL,
    "replica",
    "releases",
    "libraries",
    "configuration",
    "access",
    "seasonal",
    "segments",
    "outcome",
)

_TABLE: Mapping[str, tuple[Any, Any, Any, Any]] = {
    # ------------------- ad_hoc -------- basic ----------- mature ---------- world_class -----------------------------
    "validation": ("none", "schema", "statistical", "learned"),
    "poll_s": (900, 900, 300, 120),
    "second_provider": (False, False, True, True),
    #
    "store_timeout_s": (None, None, 0.25, 0.25),
    "second_store": (False, False, False, True),
    "breaker": (False, False, True, True),
    "cached_features_s": (0, 0, 2 * _HOUR, 4 * _HOUR),
    "simplified_model": (False, False, True, True),
    "view_dropout": (0.0, 0.0, 0.05, 0.05),
    "checks_feature_age": (False, False, True, True),
    "checks_requests": (False, False, False, True),
    "requests_a_minute": (None, None, None, 120),
    #
    "gate_segments": (None, (), ("origin",), ("origin", "carrier", "dest")),
    "shadow": (False, False, False, True),
    "canary_s": (0, 0, 2 * _HOUR, 1 * _HOUR),
    "verify_artifacts": (False, False, True, True),
    "approves_settings": (False, False, False, True),
    "locked_libraries": (False, False, False, True),
    #
    "watched": (("serving", "training"), _SERVICES, _SERVICES, _SERVICES),
    "checks": (("serving_health", "errors", "training"), (*_SYSTEM, "contract"), _DATA_AND_MODEL, _ANOMALIES),
    "unattended": (("TrainingFailed",), (), (), ()),
    "missed_batches": (2, 2, 2, 1),
    "watch_s": (5 * _MIN, 5 * _MIN, 2 * _MIN, 1 * _MIN),
    "scrape_s": (15 * _MIN, 15 * _MIN, 5 * _MIN, 2 * _MIN),
    "review_s": (15 * _MIN, 15 * _MIN, 15 * _MIN, 10 * _MIN),
    #
    "guards_monitor": (False, False, False, True),
    "supervised": (False, True, True, True),
    "job_retries": (0, 1, 3, 3),
    "runbooks": (
        {},
        {"restart": 1 * _HOUR, "retrain": 4 * _HOUR, "backfill": 4 * _HOUR},
        {
            "restart": 2 * _MIN,
            "fallback": 0,
            "backfill": 0,
            "retrain": 0,
            "rollback": 15 * _MIN,
            "failover": 45 * _MIN,
            "pin": 2 * _HOUR,
        },
        {"restart": 2 * _MIN, "fallback": 0, "backfill": 0, "retrain": 0, "rollback": 0, "failover": 0, "pin": 0},
    ),
}


def _profile(name: str, column: int) -> Profile:
    return Profile(name=name, **{field: row[column] for field, row in _TABLE.items()})


PROFILES: Mapping[str, Profile] = {
    name: _profile(name, column) for column, name in enumerate(("ad_hoc", "basic", "mature", "world_class"))
}
