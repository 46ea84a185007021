"""Duration of an incident."""

from __future__ import annotations

from harness.scoring.findings import FaultFinding, RecoveryKind
from harness.scoring.metrics._metric import Measured, Metric, Pool, Timed, either, incident, mean_time


def _time(fault: FaultFinding) -> Timed:
    recovery = fault.recovery
    assert recovery is not None
    lasted = 0.0 if recovery.kind is RecoveryKind.NOT_NEEDED else recovery.from_effect_s
    watched = recovery.t_watched - (fault.t_act or 0.0)
    return Timed(lasted, watched, ending=recovery.kind is RecoveryKind.UNCONFIRMED)


def _compute(pool: Pool) -> Measured:
    """Unit: seconds, less is better. Source: `request` and `alert` lines of treatments against their controls.

    As the mean time to recovery, but from the first effect: who detects sooner has a longer time from detection to the
    same end, so comparisons are made by this. The document has no columns for it. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=60.0, back_s=3660.0), experiment(detected_s=60.0, harmed=False))).value
    1830.0
    """
    tau_s = pool.policy.recover_tau_s
    return mean_time(pool, incident, _time, tau_s, never="never ended", empty="no fault did harm or was noticed")


METRIC = Metric(
    name="incident_duration",
    title="Duration of an incident",
    unit="s",
    higher_is_better=False,
    rank=14,
    columns=None,
    compute=_compute,
    alike=either(incident),  # without harm it took no time
)
