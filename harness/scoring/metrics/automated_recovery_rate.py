"""Automated recovery rate."""

from __future__ import annotations

from harness.scoring.findings import FaultFinding, RecoveryKind
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, either, incident, share_of_faults


def _by_itself(fault: FaultFinding) -> bool:
    kept = (RecoveryKind.NOT_NEEDED, RecoveryKind.MITIGATED)
    return fault.recovery is not None and fault.recovery.kind in kept


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: recoveries of faults.

    Incidents (faults that did harm or were noticed) in which users were kept or brought back while the cause was still
    there, over incidents: nobody operates the pipeline in a run, and the harness takes its cause away at the end, so
    what ends only then was not the pipeline's doing. Clopper and Pearson's interval.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> kept, mitigated, waited = experiment(detected_s=9.0, harmed=False), experiment(back_s=600.0), experiment()
    >>> round(_compute(pool(kept, mitigated, waited)).value, 3)
    0.667
    """
    return share_of_faults(pool, incident, _by_itself, "no fault did harm or was noticed")


METRIC = Metric(
    name="automated_recovery_rate",
    title="Automated recovery",
    unit="share",
    higher_is_better=True,
    rank=6,
    columns=Columns(p50=0.30, p95=0.10, p99=0.0, world=0.80),
    compute=_compute,
    alike=either(incident),  # without harm users were kept
)
