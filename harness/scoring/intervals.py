"""Intervals of shares and rates, in plain Python: scipy is slow to import and only the tests' oracle."""

from __future__ import annotations

import math
from collections.abc import Callable

Z95 = 1.959963984540054


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share; ``(0, 1)`` for no trials.

    >>> [round(x, 3) for x in wilson(8, 10)]
    [0.49, 0.943]
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == n else centre + half)


def clopper_pearson(hits: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share; ``(0, 1)`` for no trials. Means of counts need not be whole.

    >>> [round(x, 4) for x in clopper_pearson(0, 59, confidence=0.90)]
    [0.0, 0.0495]
    """
    if n == 0:
        return 0.0, 1.0
    alpha = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: incomplete_beta(hits, n - hits + 1, p), alpha, 1.0)
    high = 1.0 if hits == n else _solve(lambda p: incomplete_beta(hits + 1, n - hits, p), 1 - alpha, 1.0)
    return low, high


def poisson_upper(events: float, exposure: float, confidence: float = 0.95) -> float:
    """The upper bound of a rate: ``chi2(confidence, 2 events + 2) / (2 exposure)``.

    >>> round(poisson_upper(0, 1.0), 3)
    2.996
    """
    if exposure <= 0:
        return math.inf
    ceiling = events + 20.0 + 10.0 * math.sqrt(events + 1.0)
    return _solve(lambda mean: incomplete_gamma(events + 1, mean), confidence, ceiling) / exposure


def student_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t for a share of at least a half.

    >>> round(student_quantile(0.975, 4), 3)
    2.776
    """
    return _solve(lambda t: 1 - incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2, share, 1e5)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))

    def step(i: int) -> tuple[float, float]:
        if i == 1:
            return 1.0, 1.0
        m = (i - 1) // 2
        if i % 2 == 0:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

    return front / a * _continued_fraction(0.0, step)


def incomplete_gamma(a: float, x: float) -> float:
    """The regularised lower incomplete gamma function: by its series below the bulk, by its fraction
    above."""
    if x <= 0:
        return 0.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1.0 / a
        rank = a
        while abs(term) > 1e-17 * abs(total):
            rank += 1
            term *= x / rank
            total += term
        return front * total

    def step(i: int) -> tuple[float, float]:
        return (1.0 if i == 1 else -(i - 1) * (i - 1 - a)), x + 2 * i - 1 - a

    return 1.0 - front * _continued_fraction(0.0, step)


def _continued_fraction(first: float, step: Callable[[int], tuple[float, float]]) -> float:
    """``first + a1 / (b1 + a2 / (b2 + ...))`` by Lentz's method as modified by Thompson and Barnett."""
    tiny = 1e-300
    value = first or tiny
    c, d = value, 0.0
    for i in range(1, 10_000):
        a, b = step(i)
        d = 1.0 / ((b + a * d) or tiny)
        c = (b + a / c) or tiny
        value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _solve(rising: Callable[[float], float], target: float, high: float) -> float:
    """Where a rising function reaches a target, by bisection to the last bit that matters."""
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        if rising(middle) < target:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * max(1.0, high):
            break
    return (low + high) / 2
