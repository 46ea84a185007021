"""Mean time to recovery."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, times


def _compute(pool: Pool) -> Measured:
    """RMST of the time from detection (from the first effect where nothing was detected before) until users
    are back in the control's band, over harmful faults. Those that never ended count as tau."""
    values = [fault.recovery.time_to_recover_s for fault in pool.harmful if fault.recovery]
    return times(values, pool.policy.recover_tau_s, "never recovered", "no fault did harm")


METRIC = Metric(
    name="mttr",
    title="Mean time to recovery",
    unit="s",
    higher_is_better=False,
    rank=3,
    columns=Columns(p50=2 * 3600, p95=8 * 3600, p99=48 * 3600, world=30 * 60),
    compute=_compute,
)
