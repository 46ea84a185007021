"""Treatment against control, request by request: D(t), when harm begins, and how much of it there was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.scoring.band import band_of
from harness.scoring.evidence import Bools, Floats, Requests
from harness.scoring.findings import SignalHarm
from harness.scoring.pairing import Bins, Pairing, binned, bins_of
from harness.scoring.policy import HOUR_S, Policy
from harness.scoring.signals import Signal

Noise = Callable[[Floats], Floats]
"""The standard error between fault-free runs of bins that hold so many requests."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One signal over the bins of the horizon, and request by request.

    ``excess`` is the signed mean of treatment minus control in a bin, NaN where no request says anything;
    ``eps`` is the band of fault-free runs for a bin alone; ``bad`` marks the bins that exceed as much as each of the
    signal's agreements asks for; ``doubt`` is a bin's standard error between fault-free runs, in requests' worth of
    loss.
    """

    signal: Signal
    starts: Floats
    bin_s: float
    watched_s: Floats
    """For how long each bin was watched: the end of the horizon may cut the last one."""
    control: Floats
    treatment: Floats
    excess: Floats
    bad: tuple[Bools, ...]
    eps: Floats
    doubt: Floats
    sent_s: Floats
    done_s: Floats
    """When the treatment's answer came, or was given up: what happened before decided it."""
    diff: Floats

    @property
    def observed(self) -> Bools:
        """Which bins hold at least one paired request."""
        return np.isfinite(self.excess)


def measure(
    signal: Signal,
    control: Requests,
    treatment: Requests,
    pairing: Pairing,
    starts: Floats,
    to_s: float,
    noise: Noise,
    policy: Policy,
) -> Curve:
    """The signal's curve over the bins that begin at ``starts`` and were watched until ``to_s``, held against the noise
    between fault-free runs."""
    before = signal.loss(control, policy)[pairing.control]
    after = signal.loss(treatment, policy)[pairing.treatment]
    diff = after - before
    known = np.isfinite(diff)
    bins = bins_of(pairing.sent_s, starts, policy.bin_s)
    n = binned(bins[known], np.ones(int(known.sum())), len(starts))
    total = binned(bins[known], diff[known], len(starts))
    squares = binned(bins[known], diff[known] ** 2, len(starts))
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = total / n
        variance = np.where(n > 1, np.maximum(squares - n * excess**2, 0.0) / (n - 1), np.inf)
        error = np.sqrt(variance / n)
    doubt = noise(n)
    bands = [band_of(signal, doubt, n, agreement, policy) for agreement in signal.agreements]
    bad = [excess > band for band in bands]
    for (k, _), exceeds in zip(signal.agreements, bad, strict=True):
        if k == 1:  # a bin alone
            exceeds &= total >= policy.onset_requests
        if signal.sampled:
            exceeds &= excess > (policy.sustained_z if k == 1 else policy.sampling_z) * error
    return Curve(
        signal=signal,
        starts=starts,
        bin_s=policy.bin_s,
        watched_s=np.clip(to_s - starts, 0, policy.bin_s),
        control=_means(bins, before, len(starts)),
        treatment=_means(bins, after, len(starts)),
        excess=excess,
        bad=tuple(bad),
        eps=bands[0],
        doubt=doubt * n,
        sent_s=pairing.sent_s[known],
        done_s=pairing.sent_s[known] + np.nan_to_num(treatment.latency_ms[pairing.treatment][known]) / 1000,
        diff=diff[known],
    )


def flagged(curve: Curve, from_s: float, to_s: float, policy: Policy) -> tuple[Bools, bool]:
    """The bins of the window in which users were harmed, and whether part of that shows only in the long run.

    First k of m observed bins in a row have to exceed, for any of the signal's agreements. What lies before and after
    those bins is harm too if its mean exceeds the signal's floor, and its sum zero by many standard errors: a loss too
    small for any single bin.
    """
    window = _overlap(curve, from_s, to_s) & curve.observed
    flags = np.zeros(len(curve.starts), dtype=np.bool_)
    places = np.flatnonzero(window)
    for (k, m), bad in zip(curve.signal.agreements, curve.bad, strict=True):
        for first in range(len(places)):
            run = places[first : first + m]
            hits = run[bad[run]]
            if len(hits) >= k:
                flags[hits] = True
    stretches = [(from_s, to_s)]
    if flags.any():
        hull = np.flatnonzero(flags)
        stretches = [(from_s, float(curve.starts[hull[0]])), (float(curve.starts[hull[-1]] + curve.bin_s), to_s)]
    slow = np.zeros(len(curve.starts), dtype=np.bool_)
    for start, end in stretches:
        slow |= _sustained(curve, start, end, policy) & window
    own = _own(curve, from_s, to_s)
    return (flags | slow) & own, bool((slow & own).any())


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
        eps=float(curve.eps[np.argmax(np.where(flags, curve.excess, -np.inf))]) if flags.any() else curve.signal.floor,
    )


def decided_s(curve: Curve, sent_s: float) -> float:
    """When the first request that was sent then was answered."""
    at = int(np.searchsorted(curve.sent_s, sent_s))
    return float(curve.done_s[at]) if at < len(curve.sent_s) else sent_s


def _own(curve: Curve, from_s: float, to_s: float) -> Bools:
    """All bins but those that the window cuts, and most of whose loss lies outside of it: they are its neighbour's."""
    cut = (curve.starts < from_s) | (curve.starts + curve.bin_s > to_s)
    bins = bins_of(curve.sent_s, curve.starts, curve.bin_s)
    inside = (curve.sent_s >= from_s) & (curve.sent_s < to_s)
    total, part = (binned(bins, curve.diff * weight, len(curve.starts)) for weight in (1.0, inside))
    own: Bools = ~(cut & (part <= total / 2))
    return own


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
    """The integral of the excess over the flagged bins, in hours of total loss, as far as it is the window's requests'.

    A bin's mean is over all of its requests. So it counts for the whole bin, and not for the part after the window's
    begin alone: what was well before that is in the mean already. Empty bins count nothing. What lies within the noise
    of two fault-free seeds is no harm, however long it is added up.
    """
    bins = bins_of(curve.sent_s, curve.starts, curve.bin_s)
    inside = (curve.done_s >= from_s) & (curve.sent_s < to_s)
    asked, lost = (binned(bins, weight, len(curve.starts)) for weight in (np.ones(len(bins)), curve.diff * inside))
    excess = lost / np.maximum(asked, 1)
    return max(0.0, float(np.sum((excess * curve.watched_s)[flags]))) / HOUR_S


def _sustained(curve: Curve, from_s: float, to_s: float, policy: Policy) -> Bools:
    """The bins over which the cumulated excess rises, if the stretch as a whole is worse beyond doubt.

    The doubt is the largest of three: as if requests were independent, as if only bins were (users of one half hour
    have the same weather and the same model), and as between fault-free runs.
    """
    nowhere = np.zeros(len(curve.starts), dtype=np.bool_)
    inside = (curve.sent_s >= from_s) & (curve.sent_s < to_s)
    diff, sent = curve.diff[inside], curve.sent_s[inside]
    if not len(diff) or diff.mean() <= curve.signal.floor:
        return nowhere
    sums = binned(bins_of(sent, curve.starts, curve.bin_s), diff, len(curve.starts))
    noise = curve.doubt[_overlap(curve, from_s, to_s)]
    doubt = float(np.sqrt(max(np.sum(part**2) for part in (diff, sums, noise))))
    if diff.sum() <= policy.sustained_z * doubt:
        return nowhere
    level = np.concatenate(([0.0], np.cumsum(diff)))
    top = int(np.argmax(level))
    bottom = int(np.argmin(level[:top]))
    return _overlap(curve, max(from_s, float(sent[bottom])), min(to_s, float(sent[top - 1]) + 1e-9))


def _overlap(curve: Curve, from_s: float, to_s: float) -> Bools:
    overlap: Bools = (curve.starts + curve.bin_s > from_s) & (curve.starts < to_s)
    return overlap


def _means(bins: Bins, loss: Floats, count: int) -> Floats:
    known = np.isfinite(loss)
    n = binned(bins[known], np.ones(int(known.sum())), count)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 0, binned(bins[known], loss[known], count) / n, np.nan)
