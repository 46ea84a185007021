"""A course of values as bars of Unicode blocks, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

__all__ = ["Bar", "bars_of", "draw", "shares"]

_BLOCKS = " ▁▂▃▄▅▆▇█"
#: Values that are so many times apart are drawn by their logarithm.
_WIDE = 100.0
#: Such a part of the largest value is not worth a decade of its own.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Bar:
    """One column: the mean of the values in it, None for none; ``marked`` if any of what it stands for is."""

    value: float | None
    marked: bool = False


def shares(count: int, width: int) -> list[slice]:
    """Divides so many neighbours among at most ``width`` bars, evenly, give or take one.

    >>> shares(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    bars = min(width, count)
    return [slice(place * count // bars, (place + 1) * count // bars) for place in range(bars)]


def bars_of(values: Sequence[float | None], marked: Sequence[bool], width: int) -> list[Bar]:
    """At most ``width`` bars for any number of values, each for as many neighbours as the others, give or take one.

    >>> [bar.value for bar in bars_of([1.0, 3.0, None, 5.0], [False] * 4, 2)]
    [2.0, 5.0]
    """
    bars = []
    for part in shares(len(values), width):
        known = [value for value in values[part] if value is not None]
        bars.append(Bar(fmean(known) if known else None, any(marked[part])))
    return bars


def draw(bars: Sequence[Bar], height: int, label: Callable[[float], str], *, across: int = 1) -> list[str]:
    """The bars, each ``across`` characters wide, with an axis; top line first. ``×`` is over marked ones, ``·`` stands
    where there is no value.

    >>> for line in draw([Bar(1.0), Bar(4.0, True), Bar(None)], 2, lambda value: f"{value:g}", across=2):
    ...     print(line)
         ××
    4 ┤  ██
      ┤▄▄██··
    """
    scale = _Scale.of([bar.value for bar in bars if bar.value is not None], height)
    labels = {row: label(scale.value_at(row)) for row in (height, height // 2) if row > 1 or height == 1}
    width = max(map(len, labels.values()))
    lines = ["".join(across * ("×" if bar.marked else " ") for bar in bars)] if any(bar.marked for bar in bars) else []
    lines = [" " * (width + 2) + line for line in lines]
    for row in range(height, 0, -1):
        cells = "".join(across * _cell(bar, scale, row - 1) for bar in bars)
        lines.append(f"{labels.get(row, ''):>{width}} ┤{cells}")
    return [line.rstrip() for line in lines]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a value to a height in rows."""

    low: float
    high: float
    height: int
    by_logarithm: bool

    @classmethod
    def of(cls, values: Sequence[float], height: int) -> _Scale:
        high = max(values, default=0.0) or 1.0
        above = [value for value in values if value > high * _NOTHING]
        wide = bool(above) and high / min(above) > _WIDE
        # A decade of room, so that the smallest is to be seen.
        return cls(min(above) / 10 if wide else 0.0, high, height, wide)

    def rows(self, value: float) -> float:
        if not self.by_logarithm:
            return self.height * value / self.high
        if value <= self.low:
            return 0.0
        return self.height * math.log(value / self.low) / math.log(self.high / self.low)

    def value_at(self, row: float) -> float:
        share = row / self.height
        return self.low * (self.high / self.low) ** share if self.by_logarithm else self.high * share


def _cell(bar: Bar, scale: _Scale, row: int) -> str:
    if bar.value is None:
        return "·" if row == 0 else " "
    eighths = round(8 * (scale.rows(bar.value) - row))
    # What is there is to be seen, however small.
    least = 1 if row == 0 else 0
    return _BLOCKS[max(least, min(8, eighths))]
