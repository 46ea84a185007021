"""Quality of the answered predictions: the Brier loss."""

from __future__ import annotations

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy
from harness.scoring.signals._signal import Signal


def _loss(requests: Requests, policy: Policy) -> Floats:
    """The Brier loss where an answer and a label exist. A request without an answer is availability's."""
    return requests.brier


# The reference model's Brier score is 0.145 and that of a constant 0.182: 0.005 is an eighth of all its
# skill.
SIGNAL = Signal(
    name="quality",
    title="Prediction quality",
    meaning="Brier loss of the answered predictions",
    rank=1,
    floor=0.005,
    loss=_loss,
    sampled=True,
)
