"""Feature freshness objective achieved."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, proportion


def _compute(pool: Pool) -> Measured:
    """Answers built on features within their age objective, over answers whose features' age is known."""
    counts = [experiment.counts for experiment in pool.experiments if experiment.counts]
    return proportion(
        sum(c.feature_fresh for c in counts),
        sum(c.feature_ages for c in counts),
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
