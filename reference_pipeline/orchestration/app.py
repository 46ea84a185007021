"""Orchestration: the nightly retrain with its release, retries, and the runbooks that answer alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.http import UNREACHABLE, Client, ServiceError, service_routes
from reference_pipeline.orchestration.runbook import Incident, Platform, Toolbox
from reference_pipeline.orchestration.runbooks import RUNBOOKS

_RUNBOOKS_EVERY_S = 60
#: What a call that came to nothing raises.
_FAILED = (*UNREACHABLE, ServiceError, ValueError)


@dataclass(frozen=True, slots=True)
class OrchestrationConfig:
    """``retrain_at_s`` is the time of day (seconds after midnight UTC) of the nightly retrain."""

    retrain_at_s: float
    job_retries: int
    retry_s: float
    canary_s: float
    runbooks: tuple[str, ...]


class Orchestrator:
    """Runs jobs and runbooks. Its clients' time-outs bound every call."""

    def __init__(
        self,
        config: OrchestrationConfig,
        *,
        services: Mapping[str, Client],
        platform: Platform | None,
        clock: Clock,
    ) -> None:
        self._config = config
        self._services = services
        self._clock = clock
        self._incident = Incident()
        self._promoted_at: float | None = None
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
        tools = Toolbox(services, platform, clock, lambda: self._promoted_at, self.start_retrain)
        self._runbooks = {name: RUNBOOKS[name](tools) for name in config.runbooks}

    async def run(self) -> None:
        """Schedule and runbooks, for ever."""
        await asyncio.gather(self._nightly(), self._watch())

    async def _nightly(self) -> None:
        while True:
            now = self._clock.now()
            wait = (self._config.retrain_at_s - now) % 86400
            await self._clock.sleep(wait or 86400)
            await self.retrain()

    def start_retrain(self) -> None:
        """Starts a retrain beside whatever else goes on."""
        job = asyncio.get_running_loop().create_task(self.retrain())
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def retrain(self) -> None:
        """Trains with retries and back-off, then releases what came out; nothing if a retrain is under way."""
        if self._retraining.locked():
            return
        async with self._retraining:
            await self._train_and_release()

    async def _train_and_release(self) -> None:
        for attempt in range(self._config.job_retries + 1):
            self._counts["jobs"] += 1
            try:
                version = str((await self._services["training"].post("/train"))["version"])
                break
            except (*_FAILED, KeyError, TypeError):
                self._counts["job_failures"] += 1
                if attempt == self._config.job_retries:
                    return
                await self._clock.sleep(self._config.retry_s * 2**attempt)
        await self._release(version)

    async def _release(self, version: str) -> None:
        """Promotes a version: at once, or after it stood as a canary."""
        self._counts["deployments"] += 1
        try:
            if self._config.canary_s and not await self._canary_holds(version):
                self._counts["deployment_failures"] += 1
                return
            await self._stage("production", version)
            self._promoted_at = self._clock.now()
        except _FAILED:
            self._counts["deployment_failures"] += 1

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
        firing = self._incident.named("PredictionErrors", "PredictionLatency", "PredictionDrift", "ModelQuality")
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
        while self._runbooks:
            # Also while nothing fires: some act on the end of an alert, on time that has passed, or once more.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _RUNBOOKS_EVERY_S / self._clock.time_scale)
            self._changed.clear()
            for runbook in self._runbooks.values():
                try:
                    await runbook.consider(self._incident)
                except _FAILED:
                    self._counts["runbook_errors"] += 1  # considered again within a minute

    def alert(self, alerts: list[Mapping[str, Any]]) -> None:
        """Takes alerts of Alertmanager's v2 API."""
        for alert in alerts:
            self._incident.update(alert, self._clock.now())
        self._changed.set()

    def status(self) -> dict[str, Any]:
        """Counters of jobs, releases and runbooks."""
        return {
            **self._counts,
            "runbooks": {name: runbook.actions for name, runbook in self._runbooks.items()},
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
