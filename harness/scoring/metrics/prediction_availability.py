"""Prediction availability."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, share_of_counts


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `request` lines of treatments.

    Requests with a usable answer over all requests sent in the horizons of the treatment runs: availability *under
    faults*. A fallback's answer is an answer. Requests of one run fail together, so the interval is over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(answered=990, requests=1000), experiment(answered=1000, requests=1000))).value
    0.995
    """
    return share_of_counts(
        pool, lambda e: (e.counts.answered, e.counts.requests) if e.counts else (0, 0), "no requests in the horizons"
    )


METRIC = Metric(
    name="prediction_availability",
    title="Prediction availability",
    unit="share",
    higher_is_better=True,
    rank=4,
    columns=Columns(p50=0.995, p95=0.99, p99=0.95, world=0.9999),
    compute=_compute,
)
