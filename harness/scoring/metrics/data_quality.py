"""Data quality score."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, share_of_counts


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `source`, `feature_age_s`, `model` and `p` of `request` lines, against the
    control's.

    The data quality that predictions rest on: of the answers that the control gave too, those that rest on data that is
    complete (the model's own answer, no stand-in's), timely (features within their age objective) and correct (the same
    model gave the twin in the control the same probability). Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(sound=75, compared=100))).value
    0.75
    """
    return share_of_counts(
        pool, lambda e: (e.counts.sound, e.counts.compared) if e.counts else (0, 0), "no answer has a twin"
    )


METRIC = Metric(
    name="data_quality",
    title="Data quality score",
    unit="share",
    higher_is_better=True,
    rank=9,
    columns=Columns(p50=0.95, p95=0.90, p99=0.80, world=0.99),
    compute=_compute,
)
