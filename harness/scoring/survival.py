"""Times that may never have come: Kaplan and Meier's estimate, its quantiles and restricted mean, the log-rank test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Survival", "kaplan_meier", "log_rank"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survival:
    """The share that an event has not met yet: 1 before ``times[0]``, ``alive[i]`` from ``times[i]`` on."""

    times: Floats
    alive: Floats

    def quantile(self, share: float) -> float | None:
        """The first time by which at least the share has met the event; None if that lies beyond what was watched."""
        reached = np.flatnonzero(1.0 - self.alive >= share - 1e-12)
        return float(self.times[reached[0]]) if len(reached) else None

    def restricted_mean(self, tau: float) -> float:
        """The mean of ``min(T, tau)``: the area under the curve up to tau. After the last event the curve stays where
        it is, so that what was never seen is not taken to have been seen soon after."""
        inside = self.times < tau
        edges = np.concatenate(([0.0], self.times[inside], [tau]))
        heights = np.concatenate(([1.0], self.alive[inside]))
        return float(np.sum(heights * np.diff(edges)))


def kaplan_meier(times: Sequence[float], seen: Sequence[bool]) -> Survival:
    """The product-limit estimate. ``seen[i]`` is False where the watch ended at ``times[i]`` without the event; such a
    one is still at risk at that very time.

    >>> curve = kaplan_meier([60.0, 120.0, 300.0], [True, False, True])
    >>> curve.quantile(0.3), curve.quantile(0.5), round(curve.restricted_mean(300.0), 6)
    (60.0, 300.0, 220.0)
    """
    at, events, risk = _risk_table(np.asarray(times, dtype=np.float64), np.asarray(seen, dtype=np.bool_))
    return Survival(at, np.cumprod(1.0 - events / risk).astype(np.float64))


def log_rank(
    times: tuple[Sequence[float], Sequence[float]], seen: tuple[Sequence[bool], Sequence[bool]]
) -> tuple[float, float]:
    """Whether two groups meet the event at the same pace: the statistic (above 0: the first group meets it more often
    than expected) and its two-sided p-value. ``(0, 1)`` where nothing can be told.

    >>> z, p = log_rank(([1.0, 2.0, 3.0, 4.0], [9.0, 9.0, 9.0, 9.0]), ([True] * 4, [False] * 4))
    >>> round(z, 3), round(p, 3)
    (2.71, 0.007)
    """
    first, second = (np.asarray(group, dtype=np.float64) for group in times)
    first_seen, second_seen = (np.asarray(group, dtype=np.bool_) for group in seen)
    at, events, risk = _risk_table(np.concatenate((first, second)), np.concatenate((first_seen, second_seen)))
    in_first = np.array([np.sum(first >= t) for t in at], dtype=np.float64)
    observed = float(np.sum(first_seen))
    expected = float(np.sum(events * in_first / risk)) if len(at) else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = events * (in_first / risk) * (1 - in_first / risk) * (risk - events) / (risk - 1)
    variance = float(np.sum(spread[risk > 1]))
    if variance <= 0:
        return 0.0, 1.0
    z = (observed - expected) / math.sqrt(variance)
    return z, math.erfc(abs(z) / math.sqrt(2))


def _risk_table(times: Floats, seen: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """The distinct times of events, how many there were, and how many were still at risk."""
    at = np.unique(times[seen])
    events = np.array([np.sum(seen & (times == t)) for t in at], dtype=np.float64)
    risk = np.array([np.sum(times >= t) for t in at], dtype=np.float64)
    return at, events, risk
