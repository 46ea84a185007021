"""Training that fails."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``TrainingFailed`` from a failed attempt until the next success; ``ExperimentLost`` for one without a record."""
    status = now.status("training")
    if status.get("last_error"):
        error = str(status["last_error"])
        cause = error.partition(":")[0]
        yield Finding("TrainingFailed", "training", "critical", error, {"cause": cause})
    if status.get("untracked"):
        yield Finding("ExperimentLost", "training", "warning", str(status["untracked"]))
