"""Whether answers were built on fresh features."""

from __future__ import annotations

import numpy as np

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy
from harness.scoring.signals._signal import Signal


def _loss(requests: Requests, policy: Policy) -> Floats:
    """1 if the features behind the answer were older than their objective; unknown ages say nothing."""
    known = requests.answered & np.isfinite(requests.feature_age_s)
    return np.where(known, (requests.feature_age_s > policy.feature_slo_s).astype(float), np.nan)


SIGNAL = Signal(
    name="feature_freshness",
    title="Feature freshness",
    meaning="share of answers built on features older than their objective",
    rank=4,
    floor=0.05,
    loss=_loss,
)
