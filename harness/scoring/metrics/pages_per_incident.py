"""Pages an incident."""

from __future__ import annotations

from functools import partial

from harness.scoring.detection import distinct
from harness.scoring.findings import ExperimentFinding
from harness.scoring.metrics._metric import Measured, Metric, Pool, both, noticed, parts_of


def _pages(pool: Pool, experiment: ExperimentFinding) -> tuple[int, int]:
    seen = [fault.detection for fault in pool.faults(experiment, noticed) if fault.detection]
    raised = distinct(alert for found in seen for alert in found.alerts)
    return sum(alert.severity == "critical" for alert in raised), len(seen)


def _compute(pool: Pool) -> Measured:
    """Unit: critical alerts an incident, less is better. Source: `alert` lines of treatments.

    Critical alerts that a detected fault raised: an alert storm is a defect of its own. The document has no columns for
    it. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=60.0), experiment())).value
    1.0
    """
    parts = parts_of(pool.experiments, partial(_pages, pool))
    n = sum(part.denominator for part in parts)
    if not n:
        return Measured(None, note="nothing was detected")
    return Measured(sum(part.numerator for part in parts) / n, n=int(n), parts=parts)


METRIC = Metric(
    name="pages_per_incident",
    title="Pages an incident",
    unit="per_incident",
    higher_is_better=False,
    rank=18,
    columns=None,
    compute=_compute,
    alike=both(noticed),
)
