"""The shape of a signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.scoring.evidence import Floats, Requests
from harness.scoring.policy import Policy


@dataclass(frozen=True, slots=True)
class Signal:
    """A loss in [0, 1] for each request, NaN where the signal says nothing about a request.

    ``floor`` is the smallest excess of a bin's mean loss that matters to a user: whatever the control runs
    say about noise, less than this is no harm. ``sampled`` marks a loss that depends on a random label:
    pairing does not remove all of its noise, so a bin also has to exceed its own standard error, and bins may
    agree; the other losses are facts of the system. ``counts`` is False
    for a sum of other signals, which is reported but never decides by itself.
    """

    name: str
    title: str
    meaning: str
    rank: int
    floor: float
    loss: Callable[[Requests, Policy], Floats]
    sampled: bool = False
    counts: bool = True

    @property
    def agreements(self) -> tuple[tuple[int, int], ...]:
        """k and m: so many bins of so many in a row must exceed before harm begins. The more agree, the less each need
        exceed; each of these ways will do."""
        return ((1, 1), (3, 4)) if self.sampled else ((1, 1),)
