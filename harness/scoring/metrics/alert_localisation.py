"""Localisation of alerts."""

from __future__ import annotations

from harness.scoring.findings import FaultFinding, Grade
from harness.scoring.metrics._metric import Measured, Metric, Pool, both, noticed, share_of_faults


def _localised(fault: FaultFinding) -> bool:
    return fault.detection is not None and fault.detection.grade is Grade.LOCALISED


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: components of `alert` lines.

    Detected faults for which an alert names the component at which the fault acted, over detected faults. The document
    has no columns for it. Clopper and Pearson's interval.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=60.0), experiment())).value
    1.0
    """
    return share_of_faults(pool, noticed, _localised, "nothing was detected")


METRIC = Metric(
    name="alert_localisation",
    title="Alerts at the right component",
    unit="share",
    higher_is_better=True,
    rank=16,
    columns=None,
    compute=_compute,
    alike=both(noticed),
)
