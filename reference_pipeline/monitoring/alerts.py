"""From findings to alerts in Alertmanager's v2 format: fired once, kept while found again, resolved after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reference_pipeline.monitoring.snapshot import Finding


@dataclass(slots=True)
class _Open:
    check: str
    finding: Finding
    since: float
    seen_at: float


class AlertBook:
    """The alerts that fire. One resolves when its check, run again, has not found it for ``resolve_after_s``.

    Those whose names are ``unattended`` are mere information.
    """

    def __init__(self, *, resolve_after_s: float, unattended: Collection[str] = ()) -> None:
        self._resolve_after_s = resolve_after_s
        self._unattended = unattended
        self._open: dict[tuple[str, ...], _Open] = {}

    def update(self, found: Mapping[str, Iterable[Finding]], at: float) -> list[dict[str, Any]]:
        """Takes the findings of each check that was run; returns the changes.

        Each change is an alert of Alertmanager's v2 API; ``endsAt`` is set on the resolved ones. Alerts of checks that
        were not run stay as they are.
        """
        changes = []
        current = {
            finding.identity: (check, self._routed(finding))
            for check, findings in found.items()
            for finding in findings
        }
        for identity, (check, finding) in current.items():
            if identity in self._open:
                self._open[identity].seen_at = at
            else:
                self._open[identity] = _Open(check, finding, at, at)
                changes.append(_alert(finding, at, None))
        for identity, entry in list(self._open.items()):
            if identity in current or entry.check not in found:
                continue
            if at - entry.seen_at >= self._resolve_after_s:
                del self._open[identity]
                changes.append(_alert(entry.finding, entry.since, at))
        return changes

    def _routed(self, finding: Finding) -> Finding:
        return replace(finding, severity="info") if finding.name in self._unattended else finding

    def firing(self) -> list[Finding]:
        """What fires now, oldest first."""
        return [entry.finding for entry in self._open.values()]


def _alert(finding: Finding, since: float, ended: float | None) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "labels": {
            "alertname": finding.name,
            "component": finding.component,
            "severity": finding.severity,
            **finding.labels,
        },
        "annotations": {"summary": finding.summary},
        "startsAt": _stamp(since),
    }
    if ended is not None:
        alert["endsAt"] = _stamp(ended)
    return alert


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
