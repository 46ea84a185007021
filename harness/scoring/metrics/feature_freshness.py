"""Feature freshness objective achieved."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, share_of_counts


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `feature_age_s` of the treatments' `request` lines.

    Answers built on features within their age objective, over answers whose features' age is known. Interval over
    experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(feature_fresh=90, feature_ages=100))).value
    0.9
    """
    return share_of_counts(
        pool,
        lambda e: (e.counts.feature_fresh, e.counts.feature_ages) if e.counts else (0, 0),
        "no answer says how old its features are",
    )


METRIC = Metric(
    name="feature_freshness",
    title="Feature freshness objective",
    unit="share",
    higher_is_better=True,
    rank=7,
    columns=Columns(p50=0.95, p95=0.85, p99=0.70, world=0.99),
    compute=_compute,
)
