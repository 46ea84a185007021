"""Mean time to recovery."""

from __future__ import annotations

from harness.scoring.findings import FaultFinding, RecoveryKind
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, Timed, incident, mean_time


def _time(fault: FaultFinding) -> Timed:
    recovery = fault.recovery
    assert recovery is not None
    took = 0.0 if recovery.kind is RecoveryKind.NOT_NEEDED else recovery.time_to_recover_s
    return Timed(took, recovery.watched_s, ending=recovery.kind is RecoveryKind.UNCONFIRMED)


def _compute(pool: Pool) -> Measured:
    """Unit: seconds, less is better. Source: `request` and `alert` lines of treatments against their controls.

    The mean over incidents (faults that did harm or were noticed) of ``min(t_back - t_det, tau)``: from detection (from
    the first effect where nothing was detected before) until users are back in the control's band, under the fault or
    after it. 0 where a noticed fault never reached users: normal service did not have to be restored. Incidents that
    never ended count as tau. One that seemed over when the watch ended (users were back, but too late to be sure, or an
    alert still fired) counts until then. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=60.0, back_s=3660.0), experiment(detected_s=60.0, harmed=False))).value
    1800.0
    """
    tau_s = pool.policy.recover_tau_s
    return mean_time(pool, incident, _time, tau_s, never="never recovered", empty="no fault did harm or was noticed")


METRIC = Metric(
    name="mttr",
    title="Mean time to recovery",
    unit="s",
    higher_is_better=False,
    rank=3,
    columns=Columns(p50=2 * 3600, p95=8 * 3600, p99=48 * 3600, world=30 * 60),
    compute=_compute,
    compared=False,  # it grows when the detection comes sooner: see the duration of an incident
)
