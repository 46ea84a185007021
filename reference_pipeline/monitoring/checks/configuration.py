"""Settings that were changed past the review."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``SettingsRefused`` while a service's newest settings are not in force."""
    for service in ("training", "serving"):
        refused = now.status(service).get("refused_settings")
        if refused:
            yield Finding("SettingsRefused", service, "critical", f"{service}: {refused}")
