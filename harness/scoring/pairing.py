"""The same requests in two arms, and the bins that they fall into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.scoring.evidence import Floats, Requests

__all__ = ["Bins", "Pairing", "bin_starts", "binned", "bins_of", "pair"]

Bins = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The same requests in two arms: indices into each, in order of the control's intended send time."""

    control: npt.NDArray[np.intp]
    treatment: npt.NDArray[np.intp]
    sent_s: Floats
    coverage: float


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


def bins_of(sent_s: Floats, starts: Floats, bin_s: float) -> Bins:
    """The bin of each moment; -1 outside of all."""
    bins = np.floor((sent_s - starts[0]) / bin_s).astype(np.int64)
    return np.where((bins >= 0) & (bins < len(starts)), bins, -1)


def binned(bins: Bins, weights: Floats, count: int) -> Floats:
    """The sum of the weights in each bin."""
    return np.bincount(bins, weights=weights, minlength=count).astype(np.float64)
