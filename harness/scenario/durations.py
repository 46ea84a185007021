"""Humane durations: ``90s``, ``4h``, ``1h30m``, ``2d``, ``250ms``; as seconds, exact to the millisecond."""

from __future__ import annotations

import math
import re
from decimal import Decimal

__all__ = ["DURATION_PATTERN", "MAX_DURATION_S", "format_duration", "parse_duration", "to_the_ms"]

_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMBER = r"\d{1,12}(?:\.\d{1,9})?"
_PARTS = "".join(rf"(?:({_NUMBER}){unit})?" for unit in _UNIT_MS)
_DURATION = re.compile(rf"(?=\d){_PARTS}", re.ASCII)

#: The same language as `parse_duration` reads, for JSON Schema (but for its limits of size and precision).
DURATION_PATTERN = "^(?=[0-9])" + _PARTS.replace(r"\d", "[0-9]").replace("?:", "") + "$"

#: Ten years: longer is surely a slip, and every float below it is exact to the millisecond.
MAX_DURATION_S = 3650 * 86_400.0


def parse_duration(value: object) -> float:
    """Seconds of a duration as it is written in a scenario.

    Parts go from the largest unit to the smallest, each unit once. Raises ``ValueError`` with what to write.

    >>> parse_duration("1h30m")
    5400.0
    >>> parse_duration("1.5h"), parse_duration("250ms")
    (5400.0, 0.25)
    >>> parse_duration(90)
    Traceback (most recent call last):
    ValueError: expected a duration with a unit, got the number 90. Write '90s'.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected a duration, got {value!r}. {_EXAMPLES}")
    text = value if isinstance(value, str) else repr(value)
    if text.startswith("-"):
        raise ValueError(f"a duration can't be negative, got {text}. {_EXAMPLES}")
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        raise ValueError(f"expected a duration with a unit, got the number {text}. Write '{text}s'.")
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a duration, got {_shorten(text)!r}. {_hint(text)}")
    total_ms = sum(
        (
            Decimal(number) * ms
            for number, ms in zip(match.groups(), _UNIT_MS.values(), strict=True)
            if number is not None
        ),
        Decimal(0),
    )
    if total_ms != total_ms.to_integral_value():
        raise ValueError(f"a duration can't be finer than a millisecond, got {text!r}. Round it.")
    if total_ms > MAX_DURATION_S * 1000:
        raise ValueError(f"a duration can't be longer than ten years, got {text!r}. Write at most '3650d'.")
    return int(total_ms) / 1000


def format_duration(seconds: float) -> str:
    """How a duration is written: `parse_duration` reads it back, to the millisecond.

    Sums of durations may be longer than what is read. Raises ``ValueError`` for what is negative or not finite.

    >>> format_duration(5400), format_duration(0.25), format_duration(0)
    ('1h30m', '250ms', '0s')
    """
    if not 0 <= seconds < math.inf:
        raise ValueError(f"expected seconds of at least 0, got {seconds!r}")
    rest = round(seconds * 1000)
    parts = []
    for unit, ms in _UNIT_MS.items():
        count, rest = divmod(rest, ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def to_the_ms(seconds: float) -> float:
    """A sum or difference of durations, without what binary fractions add to it.

    >>> 40528.387 + 9186.154 > 49714.541, to_the_ms(40528.387 + 9186.154) > 49714.541
    (True, False)
    """
    return round(seconds, 3)


_EXAMPLES = "Write for example '90s', '4h', '1h30m', '2d' or '250ms'."
_LONG_UNITS = {"sec": "s", "min": "m", "hour": "h", "hr": "h", "day": "d", "milli": "ms"}


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _hint(text: str) -> str:
    """What the writer probably meant: ``4 hours`` is ``4h``, ``1H`` is ``1h``; else the examples."""
    parts = re.findall(rf"(?<![\d.])({_NUMBER})\s*([a-zA-Z]+)", text[:80], re.ASCII)
    if parts:
        guess = "".join(number + _unit(word) for number, word in parts)
        if _DURATION.fullmatch(guess):
            return f"Write '{guess}'."
    return _EXAMPLES


def _unit(word: str) -> str:
    lowered = word.lower()
    if lowered in _UNIT_MS:
        return lowered
    return next((unit for start, unit in _LONG_UNITS.items() if lowered.startswith(start)), lowered)
