"""The judge's knobs, in one place; every scorecard carries the values that it was made with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Policy(BaseModel):
    """What counts as late, stale, harmful, attributed and recovered.

    The same policy judges every profile and every scenario.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bin_s: float = Field(default=1800.0, gt=0)
    """Width of a bin. Half an hour holds about 20 of the reference workload's requests by day (40 an hour):
    enough for a mean, and still finer than the hourly feed whose loss it has to show. Onset and recovery
    are refined to a single request inside the bin, so the width does not limit their resolution."""

    latency_objective_ms: float = Field(default=1000.0, gt=0)
    """An answer that takes longer is late."""

    feature_slo_s: float = Field(default=2 * HOUR_S, gt=0)
    """Features older than two periods of the slowest regular feed (hourly) are stale."""

    model_slo_s: float = Field(default=26 * HOUR_S, gt=0)
    """A nightly retrain plus two hours of slack; an older model is stale."""

    band_coverage: float = Field(default=0.99, gt=0, lt=1)
    """The share of fault-free days that stay in the band throughout, in all signals together."""

    sampling_z: float = Field(default=1.645, gt=0)
    """In bins that agree, a loss that depends on a random label must also exceed so many of its own standard errors."""

    sustained_z: float = Field(default=3.0, gt=0)
    """The same for a bin alone, and for the whole fault window when no bin stands out."""

    onset_requests: float = Field(default=2.0, ge=0)
    """A bin alone is harm only if its excess is worth this many requests: one lost request is no incident."""

    counterpart_s: float = Field(default=1800.0, ge=0)
    """w: an alert that the control raises this close in time has nothing to do with the fault."""

    attribution_s: float = Field(default=12 * HOUR_S, ge=0)
    """W: how long after the fault's removal (or the end of its harm) an alert is still its doing. Labels of
    the reference workload arrive up to 10 hours after the prediction; a check of labelled quality is not
    early."""

    recovery_bins: int = Field(default=3, ge=1)
    """N: so many bins in a row must be back in the control's band."""

    sound_tolerance: float = Field(default=0.02, gt=0, lt=1)
    """An answer of the same model that differs by more than this from the control's rests on other data."""

    release_slack_s: float = Field(default=2 * HOUR_S, ge=0)
    """A release that the control made this close to the end may still be under way in the treatment."""

    release_watch_s: float = Field(default=DAY_S, gt=0)
    """How long before and after a release answers are compared to tell whether it left users worse off."""

    coverage_min: float = Field(default=0.9, gt=0, le=1)
    """The share of the control's requests that need a counterpart in the treatment; below it nothing is
    judged."""

    detect_tau_s: float = Field(default=DAY_S, gt=0)
    """An incident that nobody detected counts as this long in the mean time to detect (the P99 column)."""

    recover_tau_s: float = Field(default=2 * DAY_S, gt=0)
    """An incident that never ended counts as this long in the mean time to recover (the P99 column)."""
