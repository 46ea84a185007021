"""Durations for assertions: ``assert experiment.time_to_detect < minutes(15)``."""

from __future__ import annotations

import math

__all__ = ["NEVER", "Elapsed", "hours", "minutes", "seconds"]


class Elapsed(float):
    """Seconds that know how people read them; `NEVER` is later than any moment.

    >>> minutes(90), Elapsed(0.25), NEVER < hours(1000)
    (1 h 30 min, 0.25 s, False)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        from harness.scoring.wording import duration_text

        return duration_text(float(self)) if math.isfinite(self) else "never"

    __str__ = __repr__


#: The time of what did not happen while it was watched.
NEVER = Elapsed(math.inf)


def seconds(count: float) -> Elapsed:
    """So many seconds.

    >>> seconds(90)
    1 min 30 s
    """
    return Elapsed(count)


def minutes(count: float) -> Elapsed:
    """So many minutes.

    >>> minutes(15) == 900
    True
    """
    return Elapsed(count * 60.0)


def hours(count: float) -> Elapsed:
    """So many hours.

    >>> hours(1.5)
    1 h 30 min
    """
    return Elapsed(count * 3600.0)
