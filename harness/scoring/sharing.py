"""Harm in the windows of several faults at once: it can't be told apart, and must not be added up twice.

To know whose it is takes a run of each fault alone. Until then each has an equal part, so that the parts come to what
users suffered.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from harness.scoring.degradation import Curve
from harness.scoring.evidence import Bools
from harness.scoring.policy import HOUR_S

__all__ = ["Claim", "part_of", "sharers"]

Claim = tuple[Bools, float, float]
"""The harmed bins of a fault's window, and where that begins and ends."""


def part_of(mine: Claim, others: Sequence[Claim], curve: Curve, until_s: float) -> float:
    """A fault's part of the excess in its harmed bins until then, in hours of total loss.

    The loss of a bin is that of all its requests, spread over the time in it that lies in a window: a fault that acts
    in the middle of a bin did what the whole bin lost.
    """
    total = 0.0
    for place in np.flatnonzero(mine[0]):
        start, end = float(curve.starts[place]), float(curve.starts[place] + curve.watched_s[place])
        claims = [mine, *(other for other in others if other[0][place])]
        moments = {moment for _, from_s, to_s in claims for moment in (from_s, to_s)} | {start, end, until_s}
        covered, part = 0.0, 0.0
        for left, right in pairwise(sorted(min(max(moment, start), end) for moment in moments)):
            sharing = sum(from_s <= left and right <= to_s for _, from_s, to_s in claims)
            covered += right - left if sharing else 0.0
            if mine[1] <= left and right <= min(mine[2], until_s):
                part += (right - left) / sharing
        if covered:
            total += float(np.nan_to_num(curve.excess[place])) * (end - start) * part / covered
    return max(0.0, total) / HOUR_S


def sharers(mine: Claim, others: Sequence[Claim], curve: Curve) -> list[int]:
    """Which of the others have a part of the same harm."""
    ends = curve.starts + curve.bin_s
    found = []
    for number, (bins, from_s, to_s) in enumerate(others):
        common = np.minimum(ends, min(to_s, mine[2])) - np.maximum(curve.starts, max(from_s, mine[1]))
        if bool((mine[0] & bins & (common > 0)).any()):
            found.append(number)
    return found
