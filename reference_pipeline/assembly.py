"""Puts each service together from its collaborators: the same for a simulated host, a process and a container."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pyarrow as pa

from reference_pipeline.clock import Clock
from reference_pipeline.data import Prepared
from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.dispatch.app import Dispatch, create_dispatch
from reference_pipeline.features.app import FeatureService, create_features
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.http import Client
from reference_pipeline.ingestion import JUDGES_VALUES, HttpSettings, Manifest, create_ingestion, load_baseline
from reference_pipeline.lockfile import checked
from reference_pipeline.monitoring.app import Logs, Monitor, MonitorConfig, create_monitoring
from reference_pipeline.monitoring.calibration import CALIBRATION_WEEKS, SHADOW, load_charts
from reference_pipeline.monitoring.charts import Charts
from reference_pipeline.monitoring.checks import DAILY
from reference_pipeline.monitoring.days import DAY_S
from reference_pipeline.monitoring.earlier import Asked, asked_before
from reference_pipeline.orchestration.app import OrchestrationConfig, Orchestrator, create_orchestration
from reference_pipeline.orchestration.runbook import Images, Platform
from reference_pipeline.profiles import Profile
from reference_pipeline.registry.app import create_registry
from reference_pipeline.registry.storage import ModelStorage
from reference_pipeline.serving.app import Predictor, create_serving
from reference_pipeline.serving.models import ModelShelf
from reference_pipeline.serving.requests import KnownRoutes, RateLimit
from reference_pipeline.serving.views import OPEN_FOR_S, ViewReader
from reference_pipeline.settings import Settings
from reference_pipeline.sources import FEEDS, Feed, create_mirror, create_source, feeds
from reference_pipeline.sources.mirror import BEHIND_S
from reference_pipeline.store.online import FeatureStore, OnlineStore
from reference_pipeline.store.replicated import ReplicatedStore
from reference_pipeline.training.app import Trainer, TrainingConfig, create_training
from reference_pipeline.training.history import first_model
from reference_pipeline.training.model import load

#: What models are signed with, unless a deployment has a key of its own.
KEY = b"reference-pipeline"
#: The nightly retrain, in seconds after midnight UTC: three in the morning in New York.
RETRAIN_AT_S = 7 * 3600
_RETRY_S = 600
_REGISTRY_POLL_S = 1800
_CALL_TIMEOUT_S = 5.0
#: How many connections serving has at a time.
SERVING_CONNECTIONS = 64
_TRAINING_TIMEOUT_S = 600.0

#: How long a service keeps an idle connection open, in seconds: longer than any of their periods.
KEEP_ALIVE_S = 1800
#: A client lets go of one earlier: a request on a connection that the server is just closing is lost.
CLIENT_KEEP_ALIVE_S = KEEP_ALIVE_S - 60

#: How far back a provider's batches reach when a deployment starts, at least: what its features need to be warm.
_SOURCE_HISTORY_S = 15 * 3600

#: The services, in the order in which a deployment starts them.
SERVICES = (*FEEDS, "mirror", "registry", "features", "ingestion", "training", "serving", "monitoring", "orchestration")

#: What can be run as a process of its own: the services, and the consumer of predictions.
PROGRAMS = (*SERVICES, "dispatch")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the services of one deployment share.

    ``addresses`` maps services (and ``gateway``, ``alerts``) to base URLs; ``folder`` holds their volumes; ``seed``
    sets the phases of periodic work, and ``grain_s`` how often batches come at most; ``load_library`` imports a
    dependency by name, and ``read_file`` reads a file of a service's configuration. The address of a second store is
    used where the profile has one.
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
    key: bytes = KEY
    grain_s: float = 0.0
    platform: Platform | None = None
    images: Images | None = None
    second_store_address: tuple[str, int] | None = None
    load_library: Callable[[str, str], ModuleType] = field(default=lambda service, name: __import__(name))
    read_file: Callable[[str, str], str | None] = field(default=lambda service, name: None)

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """The feeds as this deployment's providers publish them."""
        return feeds(self.grain_s)

    @property
    def lake(self) -> Path:
        """Partitions that ingestion wrote."""
        return self.folder / "lake"

    def log(self) -> OfflineLog:
        """The offline feature store."""
        return OfflineLog(self.folder / "offline")


@dataclass(frozen=True, slots=True)
class Service:
    """An ASGI app and the work that goes on beside it; beyond so many ``connections`` it turns requests away."""

    app: Any
    background: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    connections: int | None = None


def services_of(profile: Profile) -> tuple[str, ...]:
    """The services that a deployment with this profile has, in the order in which they start."""
    return tuple(name for name in SERVICES if name != "mirror" or profile.second_provider)


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
    if name in FEEDS or name == "mirror":
        service = Service(_source(name, deployment, clock))
    else:
        service = await _BUILDERS[name](deployment, clock)
    service.app.state.started_at = clock.now()
    return service


def _source(name: str, deployment: Deployment, clock: Clock) -> Any:
    prepared, known, seed = deployment.prepared, deployment.feeds, deployment.seed
    if name == "mirror":
        return create_mirror(prepared, clock, known, history_s=_SOURCE_HISTORY_S, seed=seed)
    history_s = max(_SOURCE_HISTORY_S, 1.1 * known[name].period_s)
    return create_source(known[name], prepared, clock, history_s=history_s, seed=seed)


def _session() -> aiohttp.ClientSession:
    """Keeps connections open between looks that are minutes apart."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=CLIENT_KEEP_ALIVE_S))


def _client(deployment: Deployment, session: aiohttp.ClientSession, name: str, timeout_s: float | None) -> Client:
    return Client(session, deployment.addresses[name], timeout_s=timeout_s)


async def _registry(deployment: Deployment, clock: Clock) -> Service:
    return Service(create_registry(ModelStorage(deployment.folder / "registry")))


def _store(deployment: Deployment, clock: Clock) -> FeatureStore:
    """The feature store, or both of them."""
    timeout_s, second = deployment.profile.store_timeout_s, deployment.second_store_address
    if not deployment.profile.second_store or second is None:
        return OnlineStore(*deployment.store_address, timeout_s=timeout_s, time_scale=clock.time_scale)
    first, other = (
        OnlineStore(*address, timeout_s=timeout_s, time_scale=clock.time_scale, marks=True)
        for address in (deployment.store_address, second)
    )
    return ReplicatedStore(first, other, clock.now)


def _settings(deployment: Deployment, service: str) -> Settings:
    return Settings(lambda name: deployment.read_file(service, name), approvals=deployment.profile.approves_settings)


def _library(deployment: Deployment, service: str) -> Callable[[str], ModuleType]:
    """How a service imports a dependency: with a lock file, no other than the one that the deployment was made with."""

    def load(name: str) -> ModuleType:
        module = deployment.load_library(service, name)
        return checked(module) if deployment.profile.locked_libraries else module

    return load


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
    baseline = None
    if profile.validation in JUDGES_VALUES:
        baseline = load_baseline(deployment.prepared, deployment.start, feeds=deployment.feeds)
    ingestion = create_ingestion(
        session=session,
        feed_urls={feed: f"{deployment.addresses['gateway']}/{feed}" for feed in FEEDS},
        lake=deployment.lake,
        clock=clock,
        level=profile.validation,
        poll_s=poll_intervals(profile, deployment.feeds),
        on_partition=hand_over,
        baseline=baseline,
        http=HttpSettings() if careful else HttpSettings(stall_s=None, timeout_s=None, attempts=1),
        standby_urls=(
            {feed: f"{deployment.addresses['mirror']}/{feed}" for feed in FEEDS}
            if profile.second_provider and "mirror" in deployment.addresses
            else {}
        ),
    )
    return Service(ingestion.app, (ingestion.run,))


def poll_intervals(profile: Profile, feeds: Mapping[str, Feed] = FEEDS) -> dict[str, float]:
    """How often each feed is polled, in seconds: as the profile says, but at most six times a period or half-hourly."""
    return {name: max(profile.poll_s, min(feed.period_s / 6, 1800)) for name, feed in feeds.items()}


async def _training(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    session = _session()
    trainer = Trainer(
        TrainingConfig(
            gate_segments=profile.gate_segments,
            view_dropout=profile.view_dropout,
            key=deployment.key,
            needs_tracker=not profile.breaker,
        ),
        history=deployment.examples.slice,
        lake=deployment.lake,
        log=deployment.log(),
        registry=_client(deployment, session, "registry", _CALL_TIMEOUT_S),
        clock=clock,
        started_at=deployment.start,
        experiments=deployment.folder / "experiments",
        load_library=_library(deployment, "training"),
        settings=_settings(deployment, "training"),
    )
    return Service(create_training(trainer))


async def _serving(deployment: Deployment, clock: Clock) -> Service:
    profile = deployment.profile
    store = _store(deployment, clock)
    shelf = ModelShelf(
        _client(deployment, _session(), "registry", _CALL_TIMEOUT_S),
        deployment.folder / "serving",
        key=deployment.key if profile.verify_artifacts else None,
        load_library=_library(deployment, "serving"),
    )
    settings = _settings(deployment, "serving")
    reader = ViewReader(
        store,
        clock,
        breaker=profile.breaker,
        checks_age=profile.checks_feature_age,
        cached_s=profile.cached_features_s,
        open_for_s=OPEN_FOR_S / clock.time_scale,
        settings=settings,
    )
    loop = asyncio.get_running_loop()
    predictor = Predictor(
        shelf,
        reader,
        clock,
        simplified=profile.simplified_model,
        timer=loop.time,
        settings=settings,
        routes=_routes(deployment) if profile.checks_requests else None,
        shift_limit=_charts(deployment).limits.get(SHADOW) if profile.shadow else None,
    )
    limit = None if profile.requests_a_minute is None else RateLimit(profile.requests_a_minute, clock.monotonic)

    async def follow_registry() -> None:
        while True:
            await clock.sleep(_REGISTRY_POLL_S)
            await shelf.refresh()

    await shelf.refresh()
    return Service(create_serving(predictor, shelf, store.ping, limit), (follow_registry,), SERVING_CONNECTIONS)


def _routes(deployment: Deployment) -> KnownRoutes:
    """The routes of the weeks before the start."""
    history = deployment.examples.slice(deployment.start - CALIBRATION_WEEKS * 7 * 86400, deployment.start)
    columns = (history[name].to_pylist() for name in ("origin", "dest", "distance"))
    return KnownRoutes({f"{origin}>{dest}": miles for origin, dest, miles in zip(*columns, strict=True)})


def _charts(deployment: Deployment) -> Charts:
    charts = load_charts(deployment.examples, deployment.start, deployment.load_library("monitoring", "lightgbm"))
    return charts.aged(deployment.grain_s)


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
            unattended=profile.unattended,
        ),
        services={name: _client(deployment, session, name, 2.0) for name in profile.watched},
        logs=Logs(*(_client(deployment, session, name, 2.0) for name in ("serving", "features"))),
        receivers=receivers,
        charts=_charts(deployment),
        platform=deployment.platform if "restart" in profile.runbooks else None,
        restart_s=profile.runbooks.get("restart", 0.0),
        earlier=_earlier(deployment) if not set(DAILY).isdisjoint(profile.checks) else (),
        expected_gap_s=expected_gaps(deployment),
        clock=clock,
    )
    return Service(create_monitoring(monitor), (monitor.run,))


def _earlier(deployment: Deployment) -> Sequence[Asked]:
    """What was asked in the last hours before the start, as a deployment that has been running knows it."""
    past = deployment.examples.slice(deployment.start - 2 * DAY_S, deployment.start + DAY_S / 2)
    storage = ModelStorage(deployment.folder / "registry")
    artifact = storage.artifact(str(storage.stages()["production"]))
    model = load(deployment.load_library("monitoring", "lightgbm"), artifact)
    return asked_before(past, model, deployment.start)


def expected_gaps(deployment: Deployment) -> dict[str, float]:
    """How long each feed may stay silent, in seconds: the batches that may be missing, its lag, and two polls.

    Where a single missing batch counts, a second provider that is behind the first must not count as one.
    """
    profile, polls = deployment.profile, poll_intervals(deployment.profile, deployment.feeds)
    behind_s = BEHIND_S if profile.second_provider and profile.missed_batches == 1 else 0
    return {
        name: profile.missed_batches * feed.period_s + feed.lag_s + feed.jitter_s + behind_s + 2 * polls[name]
        for name, feed in deployment.feeds.items()
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
            shadow=profile.shadow,
            beat_s=deployment.grain_s / 4,
        ),
        services={n: _client(deployment, session, n, timeouts.get(n, _CALL_TIMEOUT_S)) for n in names},
        platform=deployment.platform,
        images=deployment.images,
        clock=clock,
        monitor=_client(deployment, session, "monitoring", _CALL_TIMEOUT_S) if profile.guards_monitor else None,
        alerts=_client(deployment, session, "alerts", _CALL_TIMEOUT_S) if profile.guards_monitor else None,
    )
    return Service(create_orchestration(orchestrator), (orchestrator.run,))


async def _dispatch(deployment: Deployment, clock: Clock) -> Service:
    serving = _client(deployment, _session(), "serving", _CALL_TIMEOUT_S if deployment.profile.breaker else None)
    return Service(create_dispatch(Dispatch(serving, clock, isolated=deployment.profile.breaker)))


def paced(profile: Profile, grain_s: float) -> Profile:
    """The profile with periodic work at most so often; what it has stays."""
    slower = {name: max(getattr(profile, name), grain_s / 4) for name in ("poll_s", "watch_s", "scrape_s")}
    return replace(profile, **slower, review_s=max(profile.review_s, grain_s))


_BUILDERS: Mapping[str, Callable[[Deployment, Clock], Awaitable[Service]]] = {
    "registry": _registry,
    "features": _features,
    "ingestion": _ingestion,
    "training": _training,
    "serving": _serving,
    "monitoring": _monitoring,
    "orchestration": _orchestration,
    "dispatch": _dispatch,
}
