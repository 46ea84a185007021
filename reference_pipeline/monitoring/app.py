"""The monitoring service: looks at the others, runs the checks, tells Alertmanager and orchestration."""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.applications import Starlette

from reference_pipeline.clock import Clock
from reference_pipeline.features.definitions import LIVE_VIEWS
from reference_pipeline.http import UNREACHABLE, Client, ServiceError, service_routes
from reference_pipeline.monitoring.alerts import AlertBook
from reference_pipeline.monitoring.charts import EMPTY, LABEL_LAG_S, WINDOW_S, Charts, Window
from reference_pipeline.monitoring.checks import CHECKS, QUICK
from reference_pipeline.monitoring.snapshot import Snapshot

_LABELS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Which checks run and how often (seconds); ``phase_s`` delays the first look."""

    checks: tuple[str, ...]
    watch_s: float
    scrape_s: float
    phase_s: float = 0.0
    resolve_after: int = 2


class Monitor:
    """``services`` are looked at by name; ``receivers`` get each change of an alert at least once."""

    def __init__(
        self,
        config: MonitorConfig,
        *,
        services: Mapping[str, Client],
        receivers: Sequence[Client],
        charts: Charts,
        expected_gap_s: Mapping[str, float],
        clock: Clock,
    ) -> None:
        self._config = config
        self._services = services
        self._receivers = receivers
        self._charts = charts
        self._expected_gap_s = expected_gap_s
        self._clock = clock
        self._book = AlertBook(resolve_after=config.resolve_after)
        self._unsent: list[deque[dict[str, Any]]] = [deque() for _ in receivers]
        self._predictions: deque[list[Any]] = deque()
        self._labels: dict[str, int] = {}
        self._label_number = 0
        self._prediction_number = 0
        self._before: Snapshot | None = None
        self._before_quick: Snapshot | None = None
        self._looks = 0

    async def run(self) -> None:
        """Looks for ever."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._config.phase_s)
        due = full_due = loop.time()
        while True:
            full = loop.time() >= full_due
            await self.look(full=full)
            if full:
                full_due += self._config.scrape_s
            due += self._config.watch_s
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due, loop.time())  # after a long stall, go on from here instead of catching up

    async def look(self, *, full: bool) -> None:
        """One look: the quick checks on serving, or all of them on everything."""
        names = self._services if full else ("serving",)
        statuses = {name: await self._status(name) for name in names}
        if full and self._needs_window():
            await self._extend_window()
        at = self._clock.now()
        recent, older = (self._window(at), self._window(at - LABEL_LAG_S)) if full else (EMPTY, EMPTY)
        now = Snapshot(at, statuses, recent, older, self._charts, self._expected_gap_s)
        before = self._before if full else self._before_quick
        ran = [name for name in self._config.checks if full or name in QUICK]
        found = {name: list(CHECKS[name](now, before)) for name in ran}
        self._looks += 1
        self._before_quick = now
        if full:
            self._before = now
        for alert in self._book.update(found, now.at):
            for queue in self._unsent:
                queue.append(alert)
        await self._send()

    async def _status(self, name: str) -> Mapping[str, Any] | None:
        try:
            status: Mapping[str, Any] = await self._services[name].get("/status")
        except (*UNREACHABLE, ServiceError, ValueError):
            return None
        return status

    def _needs_window(self) -> bool:
        return not {"feature_age", "drift", "predictions", "quality"}.isdisjoint(self._config.checks)

    async def _extend_window(self) -> None:
        try:
            fresh = await self._services["serving"].get(f"/log?after={self._prediction_number}")
            labels = await self._services["features"].get(f"/labels?after={self._label_number}")
        except (*UNREACHABLE, ServiceError, ValueError):
            return
        if fresh:
            self._predictions.extend(fresh)
            self._prediction_number = fresh[-1][0]
        for number, flight_id, late in labels:
            self._label_number = number
            self._labels[flight_id] = late
        while len(self._labels) > _LABELS_KEPT:
            del self._labels[next(iter(self._labels))]
        # A label comes hours after its prediction: keep more than a window of predictions for them.
        while self._predictions and self._predictions[0][1] < self._clock.now() - WINDOW_S - LABEL_LAG_S:
            self._predictions.popleft()

    def _window(self, until: float) -> Window:
        """The predictions of the window that ends then, in epoch seconds."""
        rows = [row for row in self._predictions if until - WINDOW_S <= row[1] < until]
        if not rows:
            return EMPTY
        features = np.array([row[7] for row in rows], dtype=float)
        ages = np.array([[row[8].get(kind, math.nan) for kind in LIVE_VIEWS] for row in rows], dtype=float)
        late = np.array([self._labels.get(row[2], math.nan) for row in rows], dtype=float)
        return Window(features, ages, np.array([row[6] for row in rows]), late, np.array([row[3] for row in rows]))

    async def _send(self) -> None:
        for receiver, queue in zip(self._receivers, self._unsent, strict=True):
            if not queue:
                continue
            batch = list(queue)
            try:
                await receiver.raw("POST", "/api/v2/alerts", json.dumps(batch).encode())
            except (*UNREACHABLE, ServiceError):
                continue  # kept for the next look
            queue.clear()

    def status(self) -> dict[str, Any]:
        """Looks so far and what fires."""
        return {"looks": self._looks, "firing": [finding.name for finding in self._book.firing()]}


def create_monitoring(monitor: Monitor) -> Starlette:
    """The monitoring service's own status."""
    return Starlette(routes=service_routes("monitoring", monitor.status))
