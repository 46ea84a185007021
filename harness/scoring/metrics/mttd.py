"""Mean time to detection."""

from __future__ import annotations

from harness.scoring.findings import FaultFinding
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, Timed, harmful, incident, mean_time


def _time(fault: FaultFinding) -> Timed:
    assert fault.detection is not None
    return Timed(fault.detection.time_to_detect_s, fault.detection.watched_s)


def _alike(one: FaultFinding, other: FaultFinding) -> bool:
    """An incident of one side that the other did not notice counts as never detected there, but not if the other kept
    from users what did harm on the first: who prevents harm does not detect it later."""
    prevented = harmful(one) != harmful(other) and not (incident(one) and incident(other))
    return (incident(one) or incident(other)) and not prevented


def _compute(pool: Pool) -> Measured:
    """Unit: seconds, less is better. Source: `fault.evidence` and `alert` lines of treatments and their controls.

    The mean over incidents (faults that did harm or were noticed) of ``min(t_det - t_act, tau)``: from the first effect
    to the first alert that the control does not have; never detected counts as tau. Interval over experiments. Never
    to be read without the false-alarm rate.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=120.0), experiment(detected_s=None))).value
    43260.0
    """
    tau_s = pool.policy.detect_tau_s
    return mean_time(pool, incident, _time, tau_s, never="never detected", empty="no fault did harm or was noticed")


METRIC = Metric(
    name="mttd",
    title="Mean time to detection",
    unit="s",
    higher_is_better=False,
    rank=1,
    columns=Columns(p50=30 * 60, p95=4 * 3600, p99=24 * 3600, world=5 * 60),
    compute=_compute,
    alike=_alike,
)
