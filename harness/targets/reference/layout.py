"""Names and addresses of the deployed reference pipeline, and what a scenario may break of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from harness.scenario import TargetFacts

#: Services of the pipeline that can be killed, paused or cut off; the store is a point of its own kind.
SERVICES = (
    "flights",
    "weather",
    "planes",
    "registry",
    "features",
    "ingestion",
    "training",
    "serving",
    "monitoring",
    "orchestration",
)
STORE = "store"
#: Who calls whom.
LINKS = (
    "users->serving",
    "serving->store",
    "serving->registry",
    "features->store",
    "ingestion->gateway",
    "ingestion->features",
    "gateway->flights",
    "gateway->weather",
    "gateway->planes",
    "training->registry",
    "monitoring->serving",
    "monitoring->ingestion",
    "monitoring->features",
    "monitoring->training",
    "monitoring->registry",
    "monitoring->orchestration",
    "monitoring->alerts",
    "orchestration->training",
    "orchestration->registry",
    "orchestration->serving",
    "orchestration->ingestion",
    "orchestration->features",
)
#: Every host of the pipeline and its surroundings.
HOSTS = ("users", "gateway", "alerts", STORE, *SERVICES)

#: Five in the morning in New York, in a week of summer thunderstorms, with eight weeks of history before it.
DEFAULT_START = datetime(2013, 6, 10, 9, tzinfo=UTC)
REPLAY = (datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 12, 30, tzinfo=UTC))


def facts(feeds: Mapping[str, Mapping[str, str]]) -> TargetFacts:
    """What there is to be broken; ``feeds`` maps each feed to its columns and their types."""
    return TargetFacts(
        feeds=feeds,
        services=SERVICES,
        stores=(STORE,),
        links=LINKS,
        envs=("training", "serving", "monitoring"),
        components=(*SERVICES, STORE, "model"),
        replay=REPLAY,
    )
