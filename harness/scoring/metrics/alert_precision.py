"""Precision of alerts."""

from __future__ import annotations

from harness.scoring.detection import NOTIFYING, distinct
from harness.scoring.findings import ExperimentFinding, Grade
from harness.scoring.metrics._metric import Measured, Metric, Pool, share_of_counts


def _right(experiment: ExperimentFinding) -> tuple[int, int]:
    """Alerts that point at a fault, and all that a person was told in the horizon."""
    if experiment.timeline is None:
        return 0, 0
    found = [fault.detection for fault in experiment.faults if fault.detection is not None]
    pointed = len(distinct(alert for one in found for alert in one.alerts))
    right = len(distinct(alert for one in found if one.grade is not Grade.WRONG_REASON for alert in one.alerts))
    background = [a for a in experiment.timeline.background if a.severity in NOTIFYING]
    return right, pointed + sum(alert.t_fired >= experiment.timeline.t_from for alert in background)


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `alert` lines of treatments.

    Warning and critical alerts of the horizons that were raised by a fault, and not for the wrong reason, over all of
    them. The document has no columns for it. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=60.0))).value
    1.0
    """
    return share_of_counts(pool, _right, "nobody was told anything")


METRIC = Metric(
    name="alert_precision",
    title="Alerts that point at a fault",
    unit="share",
    higher_is_better=True,
    rank=17,
    columns=None,
    compute=_compute,
)
