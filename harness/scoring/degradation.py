"""Treatment against control, request by request: D(t), when harm begins, and how much of it there was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.scoring.evidence import Arm, Bools, Floats, Requests
from harness.scoring.findings import SignalHarm
from harness.scoring.policy import HOUR_S, Policy
from harness.scoring.signals import Signal


@dataclass(frozen=True, slots=True)
class Pairing:
    """The same requests in two arms: indices into each, in order of the control's intended send time."""

    control: np.ndarray[tuple[int], np.dtype[np.intp]]
    treatment: np.ndarray[tuple[int], np.dtype[np.intp]]
    sent_s: Floats
    coverage: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One signal over the bins of the horizon, and request by request.

    ``excess`` is the signed mean of treatment minus control in a bin, NaN where no request says anything;
    ``bad`` marks the bins that exceed what the signal may.
    """

    signal: Signal
    starts: Floats
    bin_s: float
    control: Floats
    treatment: Floats
    excess: Floats
    bad: Bools
    eps: float
    sent_s: Floats
    diff: Floats

    @property
    def observed(self) -> Bools:
        """Which bins hold at least one paired request."""
        return np.isfinite(self.excess)


def pair(control: Requests, treatment: Requests, from_s: float, to_s: float) -> Pairing:
    """Pairs the requests that both arms answered or failed, sent in ``[from_s, to_s)``."""
    _, ic, it = np.intersect1d(control.ids, treatment.ids, assume_unique=True, return_indices=True)
    due = (control.sent_s >= from_s) & (control.sent_s < to_s)
    keep = due[ic]
    ic, it = ic[keep], it[keep]
    order = np.lexsort((control.ids[ic], control.sent_s[ic]))
    ic, it = ic[order], it[order]
    total = int(due.sum())
    return Pairing(ic, it, control.sent_s[ic], len(ic) / total if total else 0.0)


def bin_starts(from_s: float, to_s: float, bin_s: float) -> Floats:
    """The starts of equal bins that cover ``[from_s, to_s)``."""
    return from_s + bin_s * np.arange(max(1, int(np.ceil((to_s - from_s) / bin_s))), dtype=np.float64)


def measure(
    signal: Signal,
    control: Requests,
    treatment: Requests,
    pairing: Pairing,
    starts: Floats,
    eps: float,
    policy: Policy,
) -> Curve:
    """The signal's curve over the bins that begin at ``starts``."""
    before = signal.loss(control, policy)[pairing.control]
    after = signal.loss(treatment, policy)[pairing.treatment]
    diff = after - before
    known = np.isfinite(diff)
    bins = np.clip(((pairing.sent_s - starts[0]) // policy.bin_s).astype(np.int64), 0, len(starts) - 1)
    n = _binned(bins[known], np.ones(int(known.sum())), len(starts))
    total = _binned(bins[known], diff[known], len(starts))
    squares = _binned(bins[known], diff[known] ** 2, len(starts))
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = total / n
        variance = np.where(n > 1, np.maximum(squares - n * excess**2, 0.0) / (n - 1), np.inf)
        error = np.sqrt(variance / n)
    bad = np.isfinite(excess) & (excess > eps)
    if signal.sampled:
        bad &= excess > policy.sampling_z * error
    else:
        bad &= total >= policy.onset_requests
    return Curve(
        signal=signal,
        starts=starts,
        bin_s=policy.bin_s,
        control=_means(bins, before, len(starts)),
        treatment=_means(bins, after, len(starts)),
        excess=excess,
        bad=bad,
        eps=eps,
        sent_s=pairing.sent_s[known],
        diff=diff[known],
    )


def noise_of(signal: Signal, control: Arm, references: Sequence[Arm], policy: Policy) -> float:
    """eps: the high quantile of |D| a bin between fault-free runs of different seeds, at least the signal's
    floor.

    Requests that both runs know are paired; without enough of them the bins' means are compared.
    """
    from_s, to_s = control.warmup_s, control.observed_end_s
    starts = bin_starts(from_s, to_s, policy.bin_s)
    spread: list[Floats] = []
    for other in references:
        pairing = pair(control.requests, other.requests, from_s, min(to_s, other.observed_end_s))
        if pairing.coverage >= 0.5:
            curve = measure(signal, control.requests, other.requests, pairing, starts, 0.0, policy)
            spread.append(np.abs(curve.excess))
        else:
            spread.append(
                np.abs(_bin_means(signal, control, starts, policy) - _bin_means(signal, other, starts, policy))
            )
    values = np.concatenate(spread) if spread else np.empty(0)
    values = values[np.isfinite(values)]
    return max(signal.floor, float(np.quantile(values, policy.eps_quantile))) if len(values) else signal.floor


def flagged(curve: Curve, from_s: float, to_s: float, policy: Policy) -> tuple[Bools, bool]:
    """The bins of the window in which users were harmed, and whether part of that shows only in the long run.

    First k of m observed bins in a row have to exceed. What lies before and after those bins is harm too if
    its mean exceeds the signal's floor by many standard errors: a loss too small for any single bin.
    """
    window = _overlap(curve, from_s, to_s) & curve.observed
    k, m = curve.signal.agreement
    flags = np.zeros(len(curve.starts), dtype=np.bool_)
    places = np.flatnonzero(window)
    for first in range(len(places)):
        run = places[first : first + m]
        hits = run[curve.bad[run]]
        if len(hits) >= k:
            flags[hits] = True
    stretches = [(from_s, to_s)]
    if flags.any():
        hull = np.flatnonzero(flags)
        stretches = [(from_s, float(curve.starts[hull[0]])), (float(curve.starts[hull[-1]] + curve.bin_s), to_s)]
    slow = np.zeros(len(curve.starts), dtype=np.bool_)
    for start, end in stretches:
        slow |= _sustained(curve, start, end, policy) & window
    return flags | slow, bool(slow.any())


def harm_in(curve: Curve, flags: Bools, sustained: bool, from_s: float, to_s: float) -> SignalHarm:
    """Onset, depth, duration and area of the excess in a window whose bad bins are flagged."""
    inside = (curve.sent_s >= from_s) & (curve.sent_s < to_s)
    t_on = _onset(curve, flags, from_s, to_s) if flags.any() else None
    return SignalHarm(
        signal=curve.signal.name,
        title=curve.signal.title,
        decides=curve.signal.counts,
        t_on=t_on,
        sustained=sustained,
        depth=float(curve.excess[flags].max()) if flags.any() else 0.0,
        duration_s=float(flags.sum() * curve.bin_s),
        area=area(curve, flags, from_s, to_s),
        mean=float(curve.diff[inside].mean()) if inside.any() else 0.0,
        requests=float(curve.diff[inside].sum()) if inside.any() else 0.0,
        eps=curve.eps,
    )


def _onset(curve: Curve, flags: Bools, from_s: float, to_s: float) -> float:
    """The first worse request of the first bad bin, or of the unbroken row of worse ones that leads up to it."""
    start = float(curve.starts[np.flatnonzero(flags)[0]])
    worse = np.flatnonzero((curve.sent_s >= start) & (curve.sent_s < to_s) & (curve.diff > 0))
    if not len(worse):
        return max(from_s, start)
    first = int(worse[0])
    while not curve.signal.sampled and first > 0 and curve.diff[first - 1] > 0:
        first -= 1
    return max(from_s, float(curve.sent_s[first]))


def area(curve: Curve, flags: Bools, from_s: float, to_s: float) -> float:
    """The integral of the excess over the flagged bins of the window, in hours of total loss; empty bins count nothing.

    What lies within the noise of two fault-free seeds is no harm, however long it is added up.
    """
    overlap = np.clip(np.minimum(curve.starts + curve.bin_s, to_s) - np.maximum(curve.starts, from_s), 0, None)
    return max(0.0, float(np.sum(np.nan_to_num(curve.excess)[flags] * overlap[flags]))) / HOUR_S


def _sustained(curve: Curve, from_s: float, to_s: float, policy: Policy) -> Bools:
    """The bins over which the cumulated excess rises, if the stretch as a whole is worse beyond doubt."""
    inside = (curve.sent_s >= from_s) & (curve.sent_s < to_s)
    diff, sent = curve.diff[inside], curve.sent_s[inside]
    doubt = policy.sustained_z * float(np.sqrt(np.sum(diff**2)))
    if not len(diff) or diff.mean() <= curve.signal.floor or diff.sum() <= doubt:
        return np.zeros(len(curve.starts), dtype=np.bool_)
    level = np.concatenate(([0.0], np.cumsum(diff)))
    top = int(np.argmax(level))
    bottom = int(np.argmin(level[:top]))
    return _overlap(curve, max(from_s, float(sent[bottom])), min(to_s, float(sent[top - 1]) + 1e-9))


def _overlap(curve: Curve, from_s: float, to_s: float) -> Bools:
    overlap: Bools = (curve.starts + curve.bin_s > from_s) & (curve.starts < to_s)
    return overlap


def _binned(bins: np.ndarray[tuple[int], np.dtype[np.int64]], weights: Floats, count: int) -> Floats:
    return np.bincount(bins, weights=weights, minlength=count).astype(np.float64)


def _means(bins: np.ndarray[tuple[int], np.dtype[np.int64]], loss: Floats, count: int) -> Floats:
    known = np.isfinite(loss)
    n = _binned(bins[known], np.ones(int(known.sum())), count)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 0, _binned(bins[known], loss[known], count) / n, np.nan)


def _bin_means(signal: Signal, arm: Arm, starts: Floats, policy: Policy) -> Floats:
    sent = arm.requests.sent_s
    due = (sent >= starts[0]) & (sent < starts[-1] + policy.bin_s)
    bins = ((sent[due] - starts[0]) // policy.bin_s).astype(np.int64)
    return _means(bins, signal.loss(arm.requests, policy)[due], len(starts))
