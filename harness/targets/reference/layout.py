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
#: The consumer of the predictions, where users ask it instead of serving.
CONSUMER = "dispatch"
STORE = "store"
#: What only some profiles have: a second provider of every feed, and a second feature store.
MIRROR, REPLICA = "mirror", "replica"
#: Who calls whom.
LINKS = (
    "users->serving",
    "users->dispatch",
    "dispatch->serving",
    "serving->store",
    "serving->registry",
    "features->store",
    "ingestion->gateway",
    "ingestion->features",
    "serving->replica",
    "features->replica",
    "ingestion->mirror",
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
HOSTS = ("users", "crowd", "gateway", "alerts", STORE, REPLICA, MIRROR, CONSUMER, *SERVICES)

#: Five in the morning in New York, in a week of summer thunderstorms, with eight weeks of history before it.
DEFAULT_START = datetime(2013, 6, 10, 9, tzinfo=UTC)
REPLAY = (datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 12, 30, tzinfo=UTC))


def facts(feeds: Mapping[str, Mapping[str, str]]) -> TargetFacts:
    """What there is to be broken; ``feeds`` maps each feed to its columns and their types."""
    return TargetFacts(
        feeds=feeds,
        services=(*SERVICES, MIRROR, CONSUMER),
        stores=(STORE, REPLICA),
        links=LINKS,
        envs=("training", "serving", "monitoring"),
        artifacts=("model",),
        traffic=("users",),
        components=(*SERVICES, STORE, "model", "predictions"),
        replay=REPLAY,
    )
