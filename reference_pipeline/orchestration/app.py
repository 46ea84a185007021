"""Orchestration: the nightly retrain with its release, retries, and the runbooks that answer alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.http import UNREACHABLE, Client, JSONResponse, ServiceError, service_routes
from reference_pipeline.orchestration.runbook import Images, Incident, Platform, Toolbox
from reference_pipeline.orchestration.runbooks import RUNBOOKS

_RUNBOOKS_EVERY_S = 60
#: How often monitoring is looked at, in seconds, and how often it may miss.
_GUARD_EVERY_S = 120
_GUARD_PATIENCE = 2
#: What a call that came to nothing raises.
_FAILED = (*UNREACHABLE, ServiceError, ValueError)


@dataclass(frozen=True, slots=True)
class OrchestrationConfig:
    """``retrain_at_s`` is the time of day (seconds after midnight UTC) of the nightly retrain.

    ``runbooks`` says how long each waits before it acts on an alert, in seconds; with ``shadow``, a new model is first
    compared with production on the requests of the last day. Nothing that is done again and again is done more often
    than each ``beat_s`` seconds.
    """

    retrain_at_s: float
    job_retries: int
    retry_s: float
    canary_s: float
    runbooks: Mapping[str, float]
    shadow: bool = False
    beat_s: float = 0.0


class Orchestrator:
    """Runs jobs and runbooks. Its clients' time-outs bound every call.

    With ``monitor`` and ``alerts`` it looks after monitoring itself, and tells ``alerts`` when that is silent.
    """

    def __init__(
        self,
        config: OrchestrationConfig,
        *,
        services: Mapping[str, Client],
        platform: Platform | None,
        clock: Clock,
        images: Images | None = None,
        monitor: Client | None = None,
        alerts: Client | None = None,
    ) -> None:
        self._config = config
        self._services = services
        self._platform = platform
        self._monitor, self._alerts = monitor, alerts
        self._clock = clock
        self._incident = Incident()
        self._promoted_at: float | None = None
        self._last_rejection: str | None = None
        self._failed_job: str | None = None
        self._failed_as_of: float | None = None
        self._changed = asyncio.Event()
        self._retraining = asyncio.Lock()
        self._jobs: set[asyncio.Task[None]] = set()
        self._counts = {
            "jobs": 0,
            "job_failures": 0,
            "deployments": 0,
            "deployment_failures": 0,
            "runbook_errors": 0,
        }
        tools = Toolbox(
            services, platform, images, clock, lambda: self._promoted_at, self.start_retrain, self.start_again
        )
        self._runbooks = {name: RUNBOOKS[name](tools, respond_s) for name, respond_s in config.runbooks.items()}

    async def run(self) -> None:
        """Schedule and runbooks, for ever."""
        await asyncio.gather(self._nightly(), self._watch(), self._guard_monitor())

    async def _nightly(self) -> None:
        while True:
            now = self._clock.now()
            wait = (self._config.retrain_at_s - now) % 86400 or 86400
            await self._clock.sleep(wait)
            await self.retrain(now + wait)

    def start_retrain(self) -> None:
        """Starts a retrain beside whatever else goes on."""
        self._start(None)

    def start_again(self) -> None:
        """Starts the job that failed last again, of the moment that it was of; a retrain if none did."""
        self._start(self._failed_as_of)

    def _start(self, as_of: float | None) -> None:
        job = asyncio.get_running_loop().create_task(self.retrain(as_of))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def retrain(self, as_of: float | None = None) -> None:
        """Trains with retries and back-off, then releases what came out; nothing if a retrain is under way.

        All attempts train on the examples of one moment, ``as_of`` (epoch seconds) or now, and so does who starts a
        job that failed again: a night whose training comes late gets the model that it would have had.
        """
        if self._retraining.locked():
            return
        async with self._retraining:
            as_of = self._clock.now() if as_of is None else as_of
            await self._train_and_release(as_of)
            self._failed_as_of = None if self._failed_job is None else as_of

    async def _train_and_release(self, as_of: float) -> None:
        for attempt in range(self._config.job_retries + 1):
            self._counts["jobs"] += 1
            try:
                version = str((await self._services["training"].post("/train", {"as_of": as_of}))["version"])
                break
            except (*_FAILED, KeyError, TypeError):
                self._counts["job_failures"] += 1
                if attempt == self._config.job_retries:
                    self._failed_job = "training"
                    return
                await self._clock.sleep(self._config.retry_s * 2**attempt)
        await self._release(version)

    async def _release(self, version: str) -> None:
        """Promotes a version, at once or after what the profile wants of it; tried again while something is down."""
        self._counts["deployments"] += 1
        for attempt in range(self._config.job_retries + 1):
            try:
                accepted = await self._accepted(version)
                if accepted:
                    await self._stage("production", version)
                    self._promoted_at = self._clock.now()
                self._failed_job = None
                self._counts["deployment_failures"] += not accepted
                return
            except _FAILED:
                if attempt < self._config.job_retries:
                    await self._clock.sleep(self._config.retry_s * 2**attempt)
        self._failed_job = "release"
        self._counts["deployment_failures"] += 1

    async def _accepted(self, version: str) -> bool:
        """Whether a version may take all of the traffic."""
        if self._config.shadow and not await self._shadow_agrees(version):
            return False
        return not self._config.canary_s or await self._canary_holds(version)

    async def _shadow_agrees(self, version: str) -> bool:
        """Whether a version would have answered the last day's requests much as production did, in every segment."""
        verdict = await self._services["serving"].post("/shadow", {"version": version})
        self._last_rejection = "; ".join(verdict["apart"]) or None
        return not verdict["apart"]

    async def _canary_holds(self, version: str) -> bool:
        """Whether nothing new fires about predictions while a tenth of the traffic has the new model."""
        before = self._alerts_of_models()
        try:
            await self._stage("canary", version)
            await self._clock.sleep(self._config.canary_s)
        except _FAILED:
            await self._end_canary()
            raise
        await self._end_canary()
        return self._alerts_of_models() <= before

    def _alerts_of_models(self) -> set[tuple[tuple[str, str], ...]]:
        firing = self._incident.named(
            "PredictionErrors", "PredictionLatency", "PredictionDrift", "ModelQuality", "SegmentBias"
        )
        return {tuple(sorted(labels.items())) for labels, _ in firing}

    async def _end_canary(self) -> None:
        """Takes the canary down, however long that takes: a version that nobody judges must not go on serving."""
        while True:
            try:
                await self._stage("canary", None)
                return
            except _FAILED:
                await self._clock.sleep(self._config.retry_s)

    async def _stage(self, stage: str, version: str | None) -> None:
        body = {"stage": stage, "version": version}
        await self._services["registry"].put("/stages", body)
        await self._services["serving"].post("/reload")

    async def _watch(self) -> None:
        every_s = max(_RUNBOOKS_EVERY_S, self._config.beat_s)
        while self._runbooks:
            # Also while nothing fires: some act on the end of an alert, on time that has passed, or once more.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), every_s / self._clock.time_scale)
            self._changed.clear()
            for runbook in self._runbooks.values():
                try:
                    await runbook.consider(self._incident)
                except _FAILED:
                    self._counts["runbook_errors"] += 1  # considered again soon

    async def _guard_monitor(self) -> None:
        """Tells whoever gets the alerts, and has it started again, when monitoring itself no longer answers."""
        if self._monitor is None or self._alerts is None:
            return
        missed = 0
        while True:
            await self._clock.sleep(max(_GUARD_EVERY_S, self._config.beat_s))
            try:
                await self._monitor.get("/health")
                missed = 0
            except _FAILED:
                missed += 1
            if missed == _GUARD_PATIENCE:
                with suppress(*_FAILED):
                    await self._alerts.post("/api/v2/alerts", [_monitor_down()])
                if self._platform is not None:
                    await self._platform.restart("monitoring")
                missed = 0

    def alert(self, alerts: list[Mapping[str, Any]]) -> None:
        """Takes alerts of Alertmanager's v2 API."""
        for alert in alerts:
            self._incident.update(alert, self._clock.now())
        self._changed.set()

    def status(self) -> dict[str, Any]:
        """Counters of jobs, releases and runbooks."""
        return {
            **self._counts,
            "rejected": self._last_rejection,
            "failed_job": self._failed_job,
            "runbooks": {name: runbook.actions for name, runbook in self._runbooks.items()},
        }


def _monitor_down() -> dict[str, Any]:
    return {
        "labels": {"alertname": "MonitoringDown", "component": "monitoring", "severity": "critical"},
        "annotations": {"summary": "monitoring does not answer"},
    }


def create_orchestration(orchestrator: Orchestrator) -> Starlette:
    """``POST /api/v2/alerts`` takes alerts, as Alertmanager does; ``POST /retrain`` starts a retrain by hand."""

    async def alerts(request: Request) -> Response:
        orchestrator.alert(await request.json())
        return JSONResponse({})

    async def retrain(_: Request) -> Response:
        orchestrator.start_retrain()
        return JSONResponse({"started": True}, status_code=202)

    routes = [
        Route("/api/v2/alerts", alerts, methods=["POST"]),
        Route("/retrain", retrain, methods=["POST"]),
    ]
    return Starlette(routes=[*routes, *service_routes("orchestration", orchestrator.status)])
