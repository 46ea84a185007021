"""Model freshness objective achieved."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, share_of_counts


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `model_age_s` of the treatments' `request` lines.

    Answers from a model within its age objective, over answers whose model's age is known. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(model_fresh=100, model_ages=100))).value
    1.0
    """
    return share_of_counts(
        pool,
        lambda e: (e.counts.model_fresh, e.counts.model_ages) if e.counts else (0, 0),
        "no answer says how old its model is",
    )


METRIC = Metric(
    name="model_freshness",
    title="Model freshness objective",
    unit="share",
    higher_is_better=True,
    rank=8,
    columns=Columns(p50=0.90, p95=0.75, p99=0.50, world=0.99),
    compute=_compute,
)
