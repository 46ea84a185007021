"""False alarms per day: the price at which a detection time was bought."""

from __future__ import annotations

from harness.scoring.exposure import exposure_of, watched_text
from harness.scoring.intervals import poisson_upper
from harness.scoring.metrics._metric import Measured, Metric, Pool


def _compute(pool: Pool) -> Measured:
    """Unit: alerts a day, less is better. Source: `alert` lines of fault-free runs.

    ``lambda0 = k / T0`` over fault-free runs (warning and critical alerts), with the upper 95 % bound
    ``chi2_0.95(2k + 2) / (2 T0)``. Each hour of the replay counts once, with the mean of the runs that watched it. The
    document has no columns for it.

    >>> from harness.scoring.metrics._example import control, pool
    >>> _compute(pool(controls=(control(days=4.0, alarms=2),))).value
    0.5
    """
    watched = exposure_of(pool.usable_controls, lambda _: True)
    if watched.days <= 0:
        return Measured(None, note="no fault-free run was observed")
    alarms = sum(control.false_alarms for control in pool.usable_controls)
    return Measured(
        watched.alarms / watched.days,
        high=poisson_upper(watched.alarms, watched.days),
        n=alarms,
        note=watched_text(alarms, pool.usable_controls, watched.days),
    )


METRIC = Metric(
    name="false_alarm_rate",
    title="False alarms",
    unit="per_day",
    higher_is_better=False,
    rank=2,
    columns=None,
    compute=_compute,
)
