"""A run's scorecard as rows: flat, one for each experiment, and written beside it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.history.columns import SCHEMA, metrics_of_rows
from harness.history.fresh import announce
from harness.run_folder import RunFolder
from harness.scoring.findings import ExperimentFinding, FaultFinding, Grade, ProfileFinding, RecoveryKind
from harness.scoring.metrics import Pool, all_metrics
from harness.scoring.metrics._metric import incident, noticed
from harness.scoring.policy import Policy
from harness.scoring.scorecard import Scorecard
from harness.verdict import Verdict

__all__ = ["FILE", "rows_of", "to_bytes", "write_rows"]

#: The file in a run's folder.
FILE = "experiments.parquet"

_WORST_RECOVERY = (
    RecoveryKind.NEVER,
    RecoveryKind.UNCONFIRMED,
    RecoveryKind.RECOVERED,
    RecoveryKind.MITIGATED,
    RecoveryKind.NOT_NEEDED,
)


def write_rows(folder: RunFolder, scorecard: Scorecard) -> None:
    """Writes ``experiments.parquet`` whole or not at all. Raises `UsageError` if it can't be written."""
    results, run = folder.path.parent, folder.path.name
    marked = announce(results, run)  # before it is written: whoever dies in between leaves a run that is read again
    folder.write(FILE, to_bytes(rows_of(scorecard, folder.manifest(), run)))
    if not marked:
        announce(results, run)  # an index may have come into being meanwhile


def to_bytes(rows: pa.Table) -> bytes:
    """The table as a Parquet file, compressed, with checksums."""
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def rows_of(scorecard: Scorecard, manifest: Mapping[str, Any], run: str) -> pa.Table:
    """The experiments of a scorecard; ``manifest`` is the run's ``run.json``, of which nothing is taken for granted."""
    whole = {**_of_manifest(manifest), "run": run, "run_verdict": scorecard.verdict.value}
    profiles = {profile.profile: _of_profile(profile) for profile in scorecard.profiles}
    seen: Counter[tuple[str, str]] = Counter()
    rows = []
    for experiment in scorecard.experiments:
        seen[experiment.scenario, experiment.profile] += 1
        rows.append(
            {
                **whole,
                **profiles.get(experiment.profile, {}),
                **_of_experiment(experiment),
                "repeat": seen[experiment.scenario, experiment.profile],
                **_of_faults(experiment),
                **dict(_inputs(experiment, scorecard.policy)),
            }
        )
    return pa.Table.from_pylist([_encodable(row) for row in rows], schema=SCHEMA)


def _of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    git = manifest.get("git")
    git = git if isinstance(git, dict) else {}
    return {
        "started": _moment(manifest.get("started")),
        "version": _text(manifest.get("version")),
        "scored_version": version("pipequake"),
        "git_commit": _text(git.get("commit")),
        "git_branch": _text(git.get("branch")),
        "git_dirty": _flag(git.get("dirty")),
        "interrupted": _flag(manifest.get("interrupted")),
    }


def _of_profile(profile: ProfileFinding) -> dict[str, Any]:
    usable = [control for control in profile.controls if not control.unusable]
    return {
        "profile": profile.profile,
        "tier": profile.tier.level,
        "control_days": sum(control.days for control in usable),
        "control_false_alarms": sum(control.false_alarms for control in usable),
        "control_pages": sum(control.pages for control in usable),
    }


def _of_experiment(experiment: ExperimentFinding) -> dict[str, Any]:
    counts = experiment.counts
    return {
        "arm": experiment.arm,
        "scenario": experiment.scenario,
        "profile": experiment.profile,
        "backend": experiment.backend,
        "seed": experiment.seed,
        "begins_s": experiment.begins_s,
        "replay_start": experiment.start,
        "warmup_s": experiment.warmup_s,
        "horizon_s": experiment.horizon_s,
        "faults": ", ".join(f"{fault.fault} at {fault.point}" for fault in experiment.faults),
        "tags": ", ".join(experiment.tags),
        "classification": ", ".join(f"{key}={value}" for key, value in sorted(experiment.classification.items())),
        "verdict": experiment.verdict.value,
        "outcome": experiment.outcome.value,
        "reasons": "; ".join(experiment.reasons),
        "expectations": len(experiment.expectations),
        "expectations_passed": sum(claim.verdict is Verdict.PASSED for claim in experiment.expectations),
        "requests": None if counts is None else counts.requests,
        "answered": None if counts is None else counts.answered,
    }


def _of_faults(experiment: ExperimentFinding) -> dict[str, Any]:
    """What became of the incidents among the faults: of several the longest time and the worst end."""
    found = [fault for fault in experiment.faults if incident(fault)]
    row: dict[str, Any] = {
        "incidents": len(found),
        "incidents_noticed": sum(noticed(fault) for fault in found),
        "harm_h": sum(fault.harm for fault in experiment.faults),
    }
    if found:
        row |= _detection(found) | _recovery(found)
    return row


def _detection(incidents: list[FaultFinding]) -> dict[str, Any]:
    found = [fault.detection for fault in incidents if fault.detection is not None]
    times = [detection.time_to_detect_s for detection in found]
    first = min((one.first for one in found if one.first is not None), key=lambda alert: alert.t_fired, default=None)
    grades = {detection.grade for detection in found}
    return {
        "time_to_detect_s": _longest(times),
        "detect_watched_s": _longest([detection.watched_s for detection in found]),
        "detect_censored": None in times,
        "grade": next((grade.value for grade in Grade if grade in grades), None),
        "alert": None if first is None else first.name,
        "alert_component": None if first is None else first.component,
    }


def _recovery(incidents: list[FaultFinding]) -> dict[str, Any]:
    found = [fault.recovery for fault in incidents if fault.recovery is not None]
    needed = {recovery.kind for recovery in found}
    times = [0.0 if one.kind is RecoveryKind.NOT_NEEDED else one.time_to_recover_s for one in found]
    whole = [0.0 if one.kind is RecoveryKind.NOT_NEEDED else one.from_effect_s for one in found]
    return {
        "recovery": next((kind.value for kind in _WORST_RECOVERY if kind in needed), None),
        "time_to_recover_s": _longest(times),
        "recover_watched_s": _longest([recovery.watched_s for recovery in found]),
        "recover_censored": None in times,
        "incident_s": _longest(whole),
    }


def _longest(times: list[float | None] | list[float]) -> float | None:
    """The longest; None if there is none, or one never ended."""
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _inputs(experiment: ExperimentFinding, policy: Policy) -> Iterator[tuple[str, float]]:
    """What the experiment adds to each metric that is a ratio of sums."""
    alone = Pool((experiment,), (), policy)
    of_rows = frozenset(metrics_of_rows())
    for metric in all_metrics():
        if metric.name in of_rows:
            parts = metric.compute(alone).parts
            yield f"{metric.name}_sum", float(sum(part.numerator for part in parts))
            yield f"{metric.name}_n", float(sum(part.denominator for part in parts))


def _encodable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Text that is no Unicode (half a surrogate pair from a hostile pipeline) with a question mark in its place."""
    return {
        key: value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
        for key, value in row.items()
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    """A moment of ``run.json`` in UTC; None for what is none."""
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
