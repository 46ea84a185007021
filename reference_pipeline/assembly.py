"""Puts each service together from its collaborators: the same for a simulated host, a process and a container."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pyarrow as pa

from reference_pipeline.clock import Clock
from reference_pipeline.data import Prepared
from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.features.app import FeatureService, create_features
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.http import Client
from reference_pipeline.ingestion import HttpSettings, Manifest, create_ingestion, load_baseline
from reference_pipeline.monitoring.app import Monitor, MonitorConfig, create_monitoring
from reference_pipeline.monitoring.charts import load_charts
from reference_pipeline.orchestration.app import OrchestrationConfig, Orchestrator, create_orchestration
from reference_pipeline.orchestration.runbook import Platform
from reference_pipeline.profiles import Profile
from reference_pipeline.registry.app import create_registry
from reference_pipeline.registry.storage import ModelStorage
from reference_pipeline.serving.app import Predictor, create_serving
from reference_pipeline.serving.models import ModelShelf
from reference_pipeline.serving.views import OPEN_FOR_S, ViewReader
from reference_pipeline.sources import FEEDS, create_source
from reference_pipeline.store.online import OnlineStore
from reference_pipeline.training.app import Trainer, TrainingConfig, create_training
from reference_pipeline.training.history import first_model

#: The nightly retrain, in seconds after midnight UTC: three in the morning in New York.
RETRAIN_AT_S = 7 * 3600
_RETRY_S = 600
_REGISTRY_POLL_S = 1800
_CALL_TIMEOUT_S = 5.0
_TRAINING_TIMEOUT_S = 600.0
#: How many periods of its own a feed may miss before it counts as silent, beyond what history's gaps explain.
_MISSED_PERIODS = 2

#: How long an idle connection between two services stays open, in seconds: longer than any of their periods.
KEEP_ALIVE_S = 1800

#: How far back a provider's batches reach when a deployment starts, at least: what its features need to be warm.
_SOURCE_HISTORY_S = 15 * 3600

#: The services, in the order in which a deployment starts them.
SERVICES = (*FEEDS, "registry", "features", "ingestion", "training", "serving", "monitoring", "orchestration")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the services of one deployment share.

    ``addresses`` maps services (and ``gateway``, ``alerts``) to base URLs; ``folder`` holds their volumes; ``seed``
    sets the phases of periodic work; ``load_library`` imports a dependency by name.
    """

    profile: Profile
    prepared: Prepared
    examples: TimeTable
    start: float
    folder: Path
    addresses: Mapping[str, str]
    store_address: tuple[str, int]
    seed: int
    phase: Callable[[str, float], float]
    key: bytes = b"reference-pipeline"
    platform: Platform | None = None
    load_library: Callable[[str, str], ModuleType] = field(default=lambda service, name: __import__(name))

    @property
    def lake(self) -> Path:
        """Partitions that ingestion wrote."""
        return self.folder / "lake"

    def log(self) -> OfflineLog:
        """The offline feature store."""
        return OfflineLog(self.folder / "offline")


@dataclass(frozen=True, slots=True)
class Service:
    """An ASGI app and the work that goes on beside it."""

    app: Any
    background: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()


def seed_registry(deployment: Deployment) -> None:
    """Puts the first model into the registry's volume, in production, as the last night before the start trained it."""
    trained_at = deployment.start - (deployment.start - RETRAIN_AT_S) % 86400
    manifest, artifact = first_model(
        deployment.examples, trained_at, view_dropout=deployment.profile.view_dropout, key=deployment.key
    )
    storage = ModelStorage(deployment.folder / "registry")
    storage.add(manifest, artifact)
    storage.set_stage("production", manifest["version"])


async def build(name: str, deployment: Deployment, clock: Clock) -> Service:
    """One service by name, ready to be served; to be called on the event loop that will serve it."""
    service = _source(name, deployment, clock) if name in FEEDS else await _BUILDERS[name](deployment, clock)
    service.app.state.started_at = clock.now()
    return service


def _source(name: str, deployment: Deployment, clock: Clock) -> Service:
    history_s = max(_SOURCE_HISTORY_S, 1.1 * FEEDS[name].period_s)
    return Service(create_source(name, deployment.prepared, clock, history_s=history_s, seed=deployment.seed))


def _session() -> aiohttp.ClientSession:
    """Keeps connections open between looks that are minutes apart."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_S))


def _client(deployment: Deployment, session: aiohttp.ClientSession, name: str, timeout_s: float) -> Client:
    return Client(session, deployment.addresses[name], timeout_s=timeout_s)


async def _registry(deployment: Deployment, clock: Clock) -> Service:
    return Service(create_registry(ModelStorage(deployment.folder / "registry")))


def _store(deployment: Deployment, clock: Clock) -> OnlineStore:
    host, port = deployment.store_address
    return OnlineStore(host, port, timeout_s=deployment.profile.store_timeout_s, time_scale=clock.time_scale)


async def _features(deployment: Deployment, clock: Clock) -> Service:
    service = FeatureService(_store(deployment, clock), deployment.log(), clock)
    return Service(create_features(service, deployment.lake))


async def _ingestion(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    session = _session()
    features = _client(deployment, session, "features", _CALL_TIMEOUT_S)

    async def hand_over(feed: str, path: Path, manifest: Manifest, table: pa.Table) -> None:
        where = str(path.relative_to(deployment.lake))
        await features.post("/partitions", {"feed": feed, "path": where})

    careful = profile.validation != "none"
    baseline = load_baseline(deployment.prepared, deployment.start) if profile.validation == "statistical" else None
    ingestion = create_ingestion(
        session=session,
        feed_urls={feed: f"{deployment.addresses['gateway']}/{feed}" for feed in FEEDS},
        lake=deployment.lake,
        clock=clock,
        level=profile.validation,
        poll_s=poll_intervals(profile),
        on_partition=hand_over,
        baseline=baseline,
        http=HttpSettings() if careful else HttpSettings(timeout_s=None, attempts=1),
    )
    return Service(ingestion.app, (ingestion.run,))


def poll_intervals(profile: Profile) -> dict[str, float]:
    """How often each feed is polled, in seconds: as the profile says, but at most six times a period or half-hourly."""
    return {name: max(profile.poll_s, min(feed.period_s / 6, 1800)) for name, feed in FEEDS.items()}


async def _training(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    session = _session()
    trainer = Trainer(
        TrainingConfig(gated=profile.validation_gate, view_dropout=profile.view_dropout, key=deployment.key),
        history=deployment.examples.slice,
        lake=deployment.lake,
        log=deployment.log(),
        registry=_client(deployment, session, "registry", _CALL_TIMEOUT_S),
        clock=clock,
        started_at=deployment.start,
        experiments=deployment.folder / "experiments",
        load_library=lambda name: deployment.load_library("training", name),
    )
    return Service(create_training(trainer))


async def _serving(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    store = _store(deployment, clock)
    shelf = ModelShelf(
        _client(deployment, _session(), "registry", _CALL_TIMEOUT_S),
        deployment.folder / "serving",
        key=deployment.key if profile.verify_artifacts else None,
        load_library=lambda name: deployment.load_library("serving", name),
    )
    reader = ViewReader(
        store,
        clock,
        breaker=profile.breaker,
        checks_age=profile.checks_feature_age,
        cached_s=profile.cached_features_s,
        open_for_s=OPEN_FOR_S / clock.time_scale,
    )
    loop = asyncio.get_running_loop()
    predictor = Predictor(shelf, reader, clock, simplified=profile.simplified_model, timer=loop.time)

    async def follow_registry() -> None:
        while True:
            await clock.sleep(_REGISTRY_POLL_S)
            await shelf.refresh()

    await shelf.refresh()
    return Service(create_serving(predictor, shelf, store.ping), (follow_registry,))


async def _monitoring(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    session = _session()
    receivers = [_client(deployment, session, "alerts", _CALL_TIMEOUT_S)]
    if profile.runbooks:
        receivers.append(_client(deployment, session, "orchestration", _CALL_TIMEOUT_S))
    monitor = Monitor(
        MonitorConfig(
            checks=profile.checks,
            watch_s=profile.watch_s,
            scrape_s=profile.scrape_s,
            review_s=profile.review_s,
            phase_s=deployment.phase("monitoring", profile.watch_s),
        ),
        services={name: _client(deployment, session, name, 2.0) for name in profile.watched},
        receivers=receivers,
        charts=load_charts(deployment.examples, deployment.start, deployment.load_library("monitoring", "lightgbm")),
        expected_gap_s=expected_gaps(deployment),
        clock=clock,
    )
    return Service(create_monitoring(monitor), (monitor.run,))


def expected_gaps(deployment: Deployment) -> dict[str, float]:
    """How long each feed may stay silent, in seconds: two of its periods, its lag, and the polls of this profile."""
    polls = poll_intervals(deployment.profile)
    return {
        name: _MISSED_PERIODS * feed.period_s + feed.lag_s + feed.jitter_s + 2 * polls[name]
        for name, feed in FEEDS.items()
    }


async def _orchestration(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    session = _session()
    timeouts = {"training": _TRAINING_TIMEOUT_S}
    names = ("registry", "features", "ingestion", "training", "serving")
    orchestrator = Orchestrator(
        OrchestrationConfig(
            retrain_at_s=RETRAIN_AT_S,
            job_retries=profile.job_retries,
            retry_s=_RETRY_S,
            canary_s=profile.canary_s,
            runbooks=profile.runbooks,
        ),
        services={n: _client(deployment, session, n, timeouts.get(n, _CALL_TIMEOUT_S)) for n in names},
        platform=deployment.platform,
        clock=clock,
    )
    return Service(create_orchestration(orchestrator), (orchestrator.run,))


_BUILDERS: Mapping[str, Callable[[Deployment, Clock], Awaitable[Service]]] = {
    "registry": _registry,
    "features": _features,
    "ingestion": _ingestion,
    "training": _training,
    "serving": _serving,
    "monitoring": _monitoring,
    "orchestration": _orchestration,
}
