"""What ingestion tells monitoring about a feed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_pipeline.ingestion.manifest import Manifest
from reference_pipeline.ingestion.violation import Violation

#: Violations that are shown in full.
SHOWN = 20


@dataclass(slots=True)
class FeedStatus:
    """Counters since the process started; times in epoch seconds, None until something happened.

    ``last_success_at`` is the last poll without an error, ``last_batch_at`` the last accepted batch.
    ``open_violations`` are those of the newest batch, by kind. ``quarantined`` counts batches, ``quarantine_open``
    those that still wait. ``gaps`` are sequences that
    were skipped and haven't come (yet). ``standby``: the second provider is read from.
    """

    last_success_at: float | None = None
    last_batch_at: float | None = None
    last_window_end: float | None = None
    last_produced_at: float | None = None
    batches: int = 0
    rows: int = 0
    rows_last_window: int | None = None
    rejected_rows: int = 0
    duplicate_rows: int = 0
    quarantined: int = 0
    quarantine_open: int = 0
    poll_errors: int = 0
    delivery_errors: int = 0
    undelivered: int = 0
    gaps: int = 0
    standby: bool = False
    last_error: str | None = None
    violations: Counter[str] = field(default_factory=Counter)
    open_violations: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_violations: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=SHOWN))
    null_rates: dict[str, float] = field(default_factory=dict)

    def saw(self, manifest: Manifest, violations: list[Violation], at: float, *, standby: bool = False) -> None:
        """Counts what validation found in a batch; how a feed is, only its first provider's batches say."""
        if not standby:
            self.open_violations = {violation.kind: violation.to_json() for violation in reversed(violations)}
        for violation in violations:
            self.violations[violation.kind] += 1
            self.last_violations.append(violation.to_json() | {"batch_id": manifest.batch_id, "at": round(at, 3)})

    def accepted(self, manifest: Manifest, rows: int, at: float) -> None:
        """Counts a batch that went into the lake; an old one that came late doesn't turn back the window."""
        self.batches += 1
        self.rows += rows
        self.last_batch_at = at
        if self.last_window_end is None or manifest.window_end >= self.last_window_end:
            self.last_window_end = manifest.window_end
            self.last_produced_at = manifest.produced_at
            self.rows_last_window = rows

    def to_json(self) -> dict[str, Any]:
        """All of it, as a JSON object."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"violations": dict(self.violations), "last_violations": list(self.last_violations)}


_COUNTERS = ("batches", "rows", "rejected_rows", "duplicate_rows", "quarantined", "poll_errors", "delivery_errors")
_GAUGES = (
    "last_success_at",
    "last_batch_at",
    "last_window_end",
    "last_produced_at",
    "rows_last_window",
    "quarantine_open",
    "undelivered",
    "gaps",
    "standby",
)


def prometheus(statuses: Mapping[str, FeedStatus]) -> str:
    """The statuses in Prometheus' text format.

    >>> print(prometheus({"weather": FeedStatus(batches=2)}).splitlines()[1])
    ingestion_batches_total{feed="weather"} 2
    """
    lines: list[str] = []
    for kind, names, suffix in (("counter", _COUNTERS, "_total"), ("gauge", _GAUGES, "")):
        for name in names:
            values = {feed: getattr(status, name) for feed, status in statuses.items()}
            lines.append(f"# TYPE ingestion_{name}{suffix} {kind}")
            lines += [
                f'ingestion_{name}{suffix}{{feed="{feed}"}} {value}'
                for feed, value in values.items()
                if value is not None
            ]
    lines.append("# TYPE ingestion_violations_total counter")
    for feed, status in statuses.items():
        lines += [
            f'ingestion_violations_total{{feed="{feed}",kind="{kind}"}} {count}'
            for kind, count in status.violations.items()
        ]
    lines.append("# TYPE ingestion_null_rate gauge")
    for feed, status in statuses.items():
        lines += [
            f'ingestion_null_rate{{feed="{feed}",column="{column}"}} {rate}'
            for column, rate in status.null_rates.items()
        ]
    return "\n".join(lines) + "\n"
