"""Training success rate."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, share_of_counts


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: `model` and `model_age_s` of `request` lines, against the control's.

    Of the models that came into the control's service in the horizon, those for which a model at least as new answered
    in the treatment: a training whose model answers nobody has failed, wherever it got stuck. Interval over
    experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> done, failed = experiment(trainings_done=1, trainings_due=1), experiment(trainings_due=1)
    >>> _compute(pool(done, failed)).value
    0.5
    """
    return share_of_counts(
        pool,
        lambda e: (e.counts.trainings_done, e.counts.trainings_due) if e.counts else (0, 0),
        "no control trained a new model",
    )


METRIC = Metric(
    name="training_success",
    title="Training success",
    unit="share",
    higher_is_better=True,
    rank=10,
    columns=Columns(p50=0.90, p95=0.80, p99=0.60, world=0.99),
    compute=_compute,
)
