"""Prediction availability."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, proportion


def _compute(pool: Pool) -> Measured:
    """Requests with a usable answer over all requests, in the horizons of the treatment runs: availability
    *under faults*. A fallback's answer is an answer. Requests of one run fail together, so no interval is
    given."""
    counts = [experiment.counts for experiment in pool.experiments if experiment.counts]
    return proportion(sum(c.answered for c in counts), sum(c.requests for c in counts), "no requests in the horizons")


METRIC = Metric(
    name="prediction_availability",
    title="Prediction availability",
    unit="share",
    higher_is_better=True,
    rank=4,
    columns=Columns(p50=0.995, p95=0.99, p99=0.95, world=0.9999),
    compute=_compute,
)
