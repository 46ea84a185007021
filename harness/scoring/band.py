"""The band of fault-free days: by how much a half hour of two of them differs though nothing was wrong.

A signal of a treatment is harmed where it leaves this band. The band is as wide as the spread of *requests* makes it in
that half hour: two days with other seeds are two samples of what users may ask. Where all fault-free requests fared
alike it has no width, and the signal's floor decides; where a signal is in between by nature (features of routes that
nobody flew at night are old) it is wide, but only there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from harness.scoring.evidence import Arm, Floats
from harness.scoring.pairing import binned, bins_of, pair
from harness.scoring.policy import Policy
from harness.scoring.signals import Signal, all_signals

__all__ = ["band_of", "chance_of", "noise_of"]

#: Two fault-free runs are compared request by request if they share so many of them.
PAIRED_LEAST = 0.5


def noise_of(
    signal: Signal, control: Arm, references: Sequence[Arm], requests: Floats, starts: Floats, policy: Policy
) -> Floats:
    """The standard error of the mean difference of fault-free runs in each of the bins that begin at ``starts``.

    ``requests`` says how many requests each bin holds; where it holds none, the error is 0.
    """
    spread = _paired_spread if signal.sampled else _local_spread
    variance, between = spread(signal, control, references, starts, policy)
    return np.sqrt(np.where(requests > 0, np.nan_to_num(variance) / np.maximum(requests, 1) + between, 0.0))


def band_of(signal: Signal, noise: Floats, requests: Floats, agreement: tuple[int, int], policy: Policy) -> Floats:
    """eps of each bin: how far a fault-free run may go from another, at least the signal's floor.

    On a share ``band_coverage`` of fault-free runs, no k of m bins in a row leave it in any signal. A sampled loss is
    taken to be normal. Any other is 0 or 1, and a bin may hold a handful of them: its band is Bernstein's, which needs
    no more than that no difference is beyond 1; it has no width where the noise has none.
    """
    chance = chance_of(signal, agreement, int(np.count_nonzero(noise)), policy)
    if signal.sampled:
        return np.maximum(signal.floor, NormalDist().inv_cdf(1 - chance) * noise)
    few = -math.log(chance) / 3 / np.maximum(requests, 1)
    bound = few + np.sqrt(few**2 - 2 * math.log(chance) * noise**2)
    return np.maximum(signal.floor, np.where(noise > 0, bound, 0.0))


def chance_of(signal: Signal, agreement: tuple[int, int], bins: int, policy: Policy) -> float:
    """How likely a fault-free bin may be to leave the band: all of them together do so on a share ``1 - band_coverage``
    of runs.

    That risk is shared out equally among the signals that decide and their ways to do so, and by Bonferroni among the
    places where k of m bins may exceed.

    >>> from harness.scoring.signals import all_signals
    >>> facts, sampled = (next(s for s in all_signals() if s.name == name) for name in ("latency", "quality"))
    >>> round(chance_of(facts, (1, 1), 30, Policy()), 6), round(chance_of(sampled, (3, 4), 30, Policy()), 3)
    (6.7e-05, 0.02)
    """
    deciding = sum(other.counts for other in all_signals())
    k, m = agreement
    places = max(1, bins) * math.comb(m, k)
    chance = (1 - policy.band_coverage) / deciding / len(signal.agreements) / places
    return min(0.5, float(chance ** (1 / k)))


def _local_spread(
    signal: Signal, control: Arm, references: Sequence[Arm], starts: Floats, policy: Policy
) -> tuple[Floats, float]:
    """The variance of the difference of two requests that are nothing to each other, from how the fault-free requests
    of the same half hour and of its neighbours fared; and no other."""
    moments = np.zeros((3, len(starts)))
    for arm in (control, *references):
        loss = signal.loss(arm.requests, policy)
        bins = bins_of(arm.requests.sent_s, starts, policy.bin_s)
        known = np.isfinite(loss) & (bins >= 0)
        moments += [binned(bins[known], loss[known] ** power, len(starts)) for power in range(3)]
    padded = np.pad(moments, ((0, 0), (1, 1)))
    n, total, squares = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * np.maximum(squares / n - (total / n) ** 2, 0.0), 0.0


def _paired_spread(
    signal: Signal, control: Arm, references: Sequence[Arm], starts: Floats, policy: Policy
) -> tuple[Floats, float]:
    """The variance of the difference between two runs' answers to one request, in which its label's chance is no more;
    and the variance of what whole half hours differ by besides."""
    end_s = starts[-1] + policy.bin_s
    pairs = [  # a reference may be shorter than the control
        (pair(control.requests, other.requests, starts[0], min(end_s, other.observed_end_s)), other)
        for other in references
    ]
    if not pairs:
        return np.zeros(len(starts)), 0.0
    if min(pairing.coverage for pairing, _ in pairs) < PAIRED_LEAST:
        return _local_spread(signal, control, references, starts, policy)
    sums = []
    for pairing, other in pairs:
        diff = signal.loss(other.requests, policy)[pairing.treatment]
        diff = diff - signal.loss(control.requests, policy)[pairing.control]
        known = np.isfinite(diff)
        bins = bins_of(pairing.sent_s[known], starts, policy.bin_s)
        sums.append([binned(bins, diff[known] ** power, len(starts)) for power in range(3)])
    n, total, squares = np.concatenate(sums, axis=1)
    n, total, squares = n[n > 0], total[n > 0], squares[n > 0]
    freedom = float(np.sum(n - 1))
    within = float(np.sum(squares - total**2 / n)) / freedom if freedom > 0 else 0.0
    # Half hours of many requests tell most about what half hours differ by.
    between = float(np.sum(total**2 / n - within) / np.sum(n)) if len(n) else 0.0
    return np.full(len(starts), within), max(0.0, between)
