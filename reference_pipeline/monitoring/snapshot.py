"""What a check gets to see, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reference_pipeline.monitoring.charts import EMPTY, Charts, Window

Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that shouldn't be. Name and labels identify it: while it is found again, it is one alert."""

    name: str
    component: str
    severity: Severity
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes two findings the same alert."""
        return (self.name, self.component, *(f"{key}={value}" for key, value in sorted(self.labels.items())))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at the pipeline.

    ``at`` in epoch seconds; ``statuses`` by service, None for one that didn't answer; ``window`` holds the recent
    predictions, ``labelled`` older ones whose labels are known, ``day`` those of a day and ``labelled_day`` those of an
    older day; ``charts`` are the limits that fault-free history set; ``expected_gap_s`` says, by feed, how long it may
    stay silent.
    """

    at: float
    statuses: Mapping[str, Mapping[str, Any] | None]
    window: Window
    labelled: Window
    charts: Charts
    expected_gap_s: Mapping[str, float]
    day: Window = EMPTY
    labelled_day: Window = EMPTY

    def status(self, service: str) -> Mapping[str, Any]:
        """A service's status; empty if it didn't answer (that is the health check's business)."""
        return self.statuses.get(service) or {}


Check = Callable[[Snapshot, Snapshot | None], Iterable[Finding]]


def increase(now: Snapshot, before: Snapshot | None, service: str, counter: str) -> float:
    """How much a counter of a service grew since the last look; 0 across a restart or without an earlier look."""
    if before is None or counter not in now.status(service) or counter not in before.status(service):
        return 0.0
    return max(0.0, float(now.status(service)[counter]) - float(before.status(service)[counter]))
