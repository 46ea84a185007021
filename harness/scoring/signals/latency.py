"""Whether an answer came in time."""

from __future__ import annotations

import numpy as np

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy
from harness.scoring.signals._signal import Signal


def _loss(requests: Requests, policy: Policy) -> Floats:
    """1 if the answer took longer than the objective, counted from the intended send time."""
    late = (requests.latency_ms > policy.latency_objective_ms).astype(float)
    return np.where(requests.answered, late, np.nan)


SIGNAL = Signal(
    name="latency",
    title="Latency",
    meaning="share of answers over the latency objective",
    rank=3,
    floor=0.05,
    loss=_loss,
)
