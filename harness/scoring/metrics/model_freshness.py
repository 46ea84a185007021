"""Model freshness objective achieved."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, proportion


def _compute(pool: Pool) -> Measured:
    """Answers from a model within its age objective, over answers whose model's age is known."""
    counts = [experiment.counts for experiment in pool.experiments if experiment.counts]
    return proportion(
        sum(c.model_fresh for c in counts),
        sum(c.model_ages for c in counts),
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
