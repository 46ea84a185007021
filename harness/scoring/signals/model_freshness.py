"""Whether answers came from a fresh model."""

from __future__ import annotations

import numpy as np

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy
from harness.scoring.signals._signal import Signal


def _loss(requests: Requests, policy: Policy) -> Floats:
    """1 if the model behind the answer was older than its objective; unknown ages say nothing."""
    known = requests.answered & np.isfinite(requests.model_age_s)
    return np.where(known, (requests.model_age_s > policy.model_slo_s).astype(float), np.nan)


SIGNAL = Signal(
    name="model_freshness",
    title="Model freshness",
    meaning="share of answers from a model older than its objective",
    rank=5,
    floor=0.05,
    loss=_loss,
)
