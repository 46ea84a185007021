"""The monitoring service: looks at the others, runs the checks, tells Alertmanager and orchestration."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from starlette.applications import Starlette

from reference_pipeline.clock import Clock
from reference_pipeline.http import UNREACHABLE, Client, ServiceError, service_routes
from reference_pipeline.json_text import dumps
from reference_pipeline.monitoring.alerts import AlertBook
from reference_pipeline.monitoring.charts import EMPTY, LABEL_LAG_S, QUALITY_ROWS, WINDOW_ROWS, Charts
from reference_pipeline.monitoring.checks import CHECKS, DAILY, QUICK, REVIEWS
from reference_pipeline.monitoring.days import DAY_S
from reference_pipeline.monitoring.earlier import Asked
from reference_pipeline.monitoring.recent import RecentPredictions
from reference_pipeline.monitoring.snapshot import Snapshot
from reference_pipeline.orchestration.runbook import Platform
from reference_pipeline.rhythm import Rhythm


class Depth(IntEnum):
    """How much a look takes in: serving alone; what data passes through; every service and the latest predictions."""

    WATCH = 0
    SCRAPE = 1
    REVIEW = 2


_LOOKED_AT: Mapping[Depth, tuple[str, ...]] = {
    Depth.WATCH: ("serving",),
    Depth.SCRAPE: ("serving", "ingestion", "features"),
}


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Which checks run and how often (seconds) at each depth; ``phase_s`` delays the first look.

    Alerts of the names in ``unattended`` are sent as information, which nobody is woken for.
    """

    checks: tuple[str, ...]
    watch_s: float
    scrape_s: float
    review_s: float
    phase_s: float = 0.0
    resolve_after_s: float = 600.0
    unattended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Logs:
    """Who keeps what was answered, and who keeps what came true."""

    serving: Client
    features: Client


class Monitor:
    """``services`` are looked at by name; ``receivers`` get each change of an alert at least once.

    ``logs`` give the predictions and the labels that reviews look at, whether or not those services are watched;
    ``earlier`` is what was asked before the start. With a ``platform``, orchestration is started again when it has been
    silent for ``restart_s`` seconds.
    """

    def __init__(
        self,
        config: MonitorConfig,
        *,
        services: Mapping[str, Client],
        logs: Logs,
        receivers: Sequence[Client],
        charts: Charts,
        expected_gap_s: Mapping[str, float],
        clock: Clock,
        earlier: Sequence[Asked] = (),
        platform: Platform | None = None,
        restart_s: float = 0.0,
    ) -> None:
        self._config = config
        self._services = services
        self._logs = logs
        self._receivers = receivers
        self._charts = charts
        self._expected_gap_s = expected_gap_s
        self._clock = clock
        self._book = AlertBook(resolve_after_s=config.resolve_after_s, unattended=config.unattended)
        self._unsent: list[deque[dict[str, Any]]] = [deque() for _ in receivers]
        self._daily = not set(DAILY).isdisjoint(config.checks)
        self._follows = not set(REVIEWS).isdisjoint(config.checks)
        self._recent = RecentPredictions(DAY_S + 2 * LABEL_LAG_S) if self._daily else RecentPredictions()
        self._recent.begin_with(earlier)
        self._before: dict[Depth, Snapshot] = {}
        self._statuses: dict[str, Mapping[str, Any] | None] = {}
        self._looks = 0
        self._platform, self._restart_s = platform, restart_s
        self._silent_since: float | None = None

    async def run(self) -> None:
        """Looks for ever."""
        await self._clock.sleep(self._config.phase_s)
        watch, scrape, review = (
            Rhythm(period_s, self._clock)
            for period_s in (self._config.watch_s, self._config.scrape_s, self._config.review_s)
        )
        reviews = self._follows or bool(set(self._services) - set(_LOOKED_AT[Depth.SCRAPE]))
        scraped = reviewed = -1
        while True:
            depth = Depth.WATCH
            if scrape.beat > scraped:
                depth, scraped = Depth.SCRAPE, scrape.beat
            if reviews and review.beat > reviewed:
                depth, reviewed = Depth.REVIEW, review.beat
            await self.look(depth)
            await watch.wait()

    async def look(self, depth: Depth) -> None:
        """One look, and the checks of its depth."""
        for name in self._services:
            if depth == Depth.REVIEW or name in _LOOKED_AT[depth] or name not in self._statuses:
                self._statuses[name] = await self._status(name)
        at = self._clock.now()
        recent = older = day = older_day = EMPTY
        if depth == Depth.REVIEW and self._follows:
            await self._follow_logs()
            recent = self._recent.window(at, WINDOW_ROWS)
            older = self._recent.window(at - LABEL_LAG_S, QUALITY_ROWS)
            if self._daily and self._recent.since <= at - DAY_S:
                day = self._recent.day(at)
            if self._daily and self._recent.since <= at - LABEL_LAG_S - DAY_S:
                older_day = self._recent.day(at - LABEL_LAG_S)
        now = Snapshot(at, dict(self._statuses), recent, older, self._charts, self._expected_gap_s, day, older_day)
        found = {name: list(CHECKS[name](now, self._before.get(_depth_of(name)))) for name in self._due(depth)}
        self._before |= {level: now for level in Depth if level <= depth}
        self._looks += 1
        for alert in self._book.update(found, at):
            for queue in self._unsent:
                queue.append(alert)
        await self._send()
        await self._care_for_orchestration(at)

    async def _care_for_orchestration(self, at: float) -> None:
        """Has orchestration started again: it restarts every other service, and can't do that for itself."""
        if self._platform is None or self._statuses.get("orchestration", {}) is not None:
            self._silent_since = None
            return
        self._silent_since = at if self._silent_since is None else self._silent_since
        if at - self._silent_since >= self._restart_s:
            self._silent_since = None
            await self._platform.restart("orchestration")

    def _due(self, depth: Depth) -> list[str]:
        return [name for name in self._config.checks if _depth_of(name) <= depth]

    async def _status(self, name: str) -> Mapping[str, Any] | None:
        try:
            status: Mapping[str, Any] = await self._services[name].get("/status")
        except (*UNREACHABLE, ServiceError, ValueError):
            return None
        return status

    async def _follow_logs(self) -> None:
        recent = self._recent
        try:
            predictions = await self._logs.serving.get(f"/log?after={recent.prediction_number}")
            labels = await self._logs.features.get(f"/labels?after={recent.label_number}")
        except (*UNREACHABLE, ServiceError, ValueError):
            return  # the health checks say so
        recent.extend(predictions, labels)

    async def _send(self) -> None:
        for receiver, queue in zip(self._receivers, self._unsent, strict=True):
            if not queue:
                continue
            try:
                await receiver.raw("POST", "/api/v2/alerts", dumps(list(queue)))
            except (*UNREACHABLE, ServiceError):
                continue  # kept for the next look
            queue.clear()

    def status(self) -> dict[str, Any]:
        """Looks so far and what fires."""
        return {"looks": self._looks, "firing": [finding.name for finding in self._book.firing()]}


def _depth_of(check: str) -> Depth:
    return Depth.WATCH if check in QUICK else Depth.REVIEW if check in REVIEWS else Depth.SCRAPE


def create_monitoring(monitor: Monitor) -> Starlette:
    """The monitoring service's own status."""
    return Starlette(routes=service_routes("monitoring", monitor.status))
