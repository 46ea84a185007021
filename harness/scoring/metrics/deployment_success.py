"""Deployment success rate."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, share_of_counts


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `model`, `model_age_s` and the losses of `request` lines, against the
    control's.

    Of the models that began to answer in the horizon, those that took over from the one before, stayed, and left users
    no worse off than they were, by comparison with the control. One that a canary stopped is a failed deployment, and a
    harmless one. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(releases_kept=1, releases=2))).value
    0.5
    """
    return share_of_counts(
        pool,
        lambda e: (e.counts.releases_kept, e.counts.releases) if e.counts else (0, 0),
        "no model was released in a treatment",
    )


METRIC = Metric(
    name="deployment_success",
    title="Deployment success",
    unit="share",
    higher_is_better=True,
    rank=11,
    columns=Columns(p50=0.95, p95=0.85, p99=0.70, world=0.99),
    compute=_compute,
)
