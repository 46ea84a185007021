"""The one number: quality and availability together."""

from __future__ import annotations

import numpy as np

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy
from harness.scoring.signals._signal import Signal


def _loss(requests: Requests, policy: Policy) -> Floats:
    """The Brier loss of an answer, or 0 where no truth is known of any; a request without an answer counts as the worst
    prediction there is, 1."""
    brier = requests.brier if np.isfinite(requests.y).any() else np.zeros(len(requests))
    return np.where(requests.answered, brier, 1.0)


SIGNAL = Signal(
    name="total",
    title="Total harm",
    meaning="Brier loss, an unanswered request counting as 1",
    rank=0,
    floor=0.005,
    loss=_loss,
    sampled=True,
    counts=False,
)
