"""Intervals of whatever is computed from a set of experiments: by resampling them, or leaving each out in turn.

A *unit* is an experiment. A statistic takes weights, one row a resample and one column a unit (how often it was drawn),
and gives a value a row; so a whole bootstrap is a few matrix products. Units in a *stratum* (the repeats of a scenario)
are drawn among themselves: the mixture of scenarios stays what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from chaos.rng import generator
from harness.scoring.intervals import student_quantile

__all__ = ["BOOTSTRAP_LEAST", "Statistic", "bca", "interval", "jackknife_t", "ratio_of_sums"]

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
Strata = Sequence[Hashable]

#: From so many units on an interval comes from the bootstrap; below, from the jackknife and Student's t.
BOOTSTRAP_LEAST = 20
#: Fewer units than this have no interval.
LEAST = 3
DRAWS = 4000
#: The share of resamples that may hold none of the units that say something; of three, a twentieth does.
UNDEFINED_MOST = 0.1


def interval(
    statistic: Statistic, strata: Strata, *key: object, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The interval of a statistic over units; None for fewer than three, or where so few say anything that it is not
    defined without one of them. ``strata`` names each unit's stratum; those of one unit are one together. ``key`` seeds
    the draws."""
    if len(strata) < LEAST:
        return None
    strata = _collapsed(strata)
    if len(strata) < BOOTSTRAP_LEAST:
        return jackknife_t(statistic, strata, confidence)
    drawn = statistic(_resamples(strata, DRAWS, *key))
    if np.mean(~np.isfinite(drawn)) > UNDEFINED_MOST:
        return None
    observed = float(statistic(np.ones((1, len(strata))))[0])
    return bca(_finite(drawn), observed, _left_out(statistic, strata), confidence)


def _collapsed(strata: Strata) -> list[Hashable]:
    """The strata with those of one unit put together, as what a unit alone varies by can't be seen; a last one of them
    joins the smallest other. What strata differ by then counts as chance: the interval is too wide, not too narrow."""
    sizes = Counter(strata)
    alone = [stratum for stratum, size in sizes.items() if size == 1]
    joint: Hashable = "" if len(alone) != 1 else min(sizes, key=lambda s: (s in alone, sizes[s], str(s)))
    return [joint if stratum in alone else stratum for stratum in strata]


def ratio_of_sums(numerators: Sequence[float], denominators: Sequence[float]) -> Statistic:
    """The statistic of a mean or a share over units of different sizes: the sum of one over the sum of the other.

    >>> float(ratio_of_sums([60.0, 0.0], [1.0, 2.0])(np.ones((1, 2)))[0])
    20.0
    """
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)

    def ratio(weights: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            values: Floats = (weights @ above) / (weights @ below)
        return values

    return ratio


def bca(
    drawn: Floats, observed: float, left_out: Sequence[Floats], confidence: float = 0.95
) -> tuple[float, float] | None:
    """Efron's bias-corrected and accelerated interval from the resampled values, the value itself, and each stratum's
    values with one unit left out (strata of one unit have none)."""
    if not len(drawn) or not np.isfinite(observed):
        return None
    if np.all(drawn == drawn[0]):
        return float(drawn[0]), float(drawn[0])
    normal = NormalDist()
    below = float(np.mean(drawn < observed) + np.mean(drawn <= observed)) / 2
    if not 0 < below < 1:
        return float(np.min(drawn)), float(np.max(drawn))
    bias = normal.inv_cdf(below)
    acceleration = _acceleration(left_out)

    def level(alpha: float) -> float:
        z = bias + normal.inv_cdf(alpha)
        stretch = 1 - acceleration * z
        if stretch <= 0:  # beyond every draw, where the formula comes back from the other end
            return 1.0 if z > 0 else 0.0
        return normal.cdf(bias + z / stretch)

    alpha = (1 - confidence) / 2
    low, high = np.quantile(drawn, [level(alpha), level(1 - alpha)])
    return float(low), float(high)


def jackknife_t(statistic: Statistic, strata: Strata, confidence: float = 0.95) -> tuple[float, float] | None:
    """The interval of few units: the jackknife's standard error and Student's t."""
    observed = float(statistic(np.ones((1, len(strata))))[0])
    variance, freedom = 0.0, 0
    for values in _left_out(statistic, strata):
        if not np.isfinite(values).all():
            return None
        n = len(values)
        variance += (n - 1) / n * float(np.sum((values - values.mean()) ** 2))
        freedom += n - 1
    if freedom < LEAST - 1 or not np.isfinite(observed + variance):
        return None
    half = student_quantile((1 + confidence) / 2, freedom) * variance**0.5
    return observed - half, observed + half


def _acceleration(left_out: Sequence[Floats]) -> float:
    cubes = squares = 0.0
    for values in map(_finite, left_out):
        n = len(values)
        if n < 2:
            continue
        influence = (n - 1) * (values.mean() - values)
        cubes += float(np.sum(influence**3)) / n**3
        squares += float(np.sum(influence**2)) / n**2
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0


def _members(strata: Strata) -> list[npt.NDArray[np.intp]]:
    places: dict[Hashable, list[int]] = {}
    for place, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(place)
    return [np.array(found, dtype=np.intp) for found in places.values()]


def _resamples(strata: Strata, draws: int, *key: object) -> Floats:
    random = generator("bootstrap", *key)
    weights = np.ones((draws, len(strata)))
    for members in _members(strata):
        n = len(members)
        weights[:, members] = random.multinomial(n, np.full(n, 1 / n), size=draws)
    return weights


def _left_out(statistic: Statistic, strata: Strata) -> list[Floats]:
    """For each stratum of several units the statistic without each of them."""
    found = []
    for members in _members(strata):
        if len(members) < 2:
            continue
        weights = np.ones((len(members), len(strata)))
        weights[np.arange(len(members)), members] = 0
        found.append(statistic(weights))
    return found


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]
