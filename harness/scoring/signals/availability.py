"""Whether a usable answer came at all."""

from __future__ import annotations

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy
from harness.scoring.signals._signal import Signal


def _loss(requests: Requests, policy: Policy) -> Floats:
    """1 if no usable answer came, whatever the reason; a fallback's answer is an answer."""
    return (~requests.answered).astype(float)


SIGNAL = Signal(
    name="availability",
    title="Availability",
    meaning="share of requests without a usable answer",
    rank=2,
    floor=0.02,
    loss=_loss,
)
