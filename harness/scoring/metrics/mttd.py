"""Mean time to detection."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, times
from harness.verdict import Outcome


def _compute(pool: Pool) -> Measured:
    """RMST of the time from a fault's first effect to its first alert, over faults that did harm or were
    noticed.

    A fault that is absorbed *and* noticed counts too: else a pipeline that stops faults at its door would be
    left with only its worst cases in the mean. Undetected ones count as tau. Read it with the false-alarm
    rate.
    """
    faults = [f for f in pool.acted if f.outcome is not Outcome.ABSORBED or (f.detection and f.detection.first)]
    values = [fault.detection.time_to_detect_s for fault in faults if fault.detection]
    return times(values, pool.policy.detect_tau_s, "never detected", "no fault did harm or was noticed")


METRIC = Metric(
    name="mttd",
    title="Mean time to detection",
    unit="s",
    higher_is_better=False,
    rank=1,
    columns=Columns(p50=30 * 60, p95=4 * 3600, p99=24 * 3600, world=5 * 60),
    compute=_compute,
)
