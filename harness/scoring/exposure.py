"""How much fault-free time was watched, and how many alarms it held: each hour of the replay once, however many saw it.

Controls that begin at different times watch much the same hours, and other seeds are other users of the same data. How
much of an alarm is the data's doing and how much the seed's is not known, least of all where none was raised. So
several runs over one hour tell of that hour, and not of several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.scoring.findings import AlertSeen, ControlFinding
from harness.scoring.policy import DAY_S

__all__ = ["Exposure", "exposure_of", "watched_text"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """Days of the replay that were watched, and the alarms in them: the mean of those runs that watched at the time."""

    days: float
    alarms: float


def exposure_of(controls: Iterable[ControlFinding], counts: Callable[[AlertSeen], bool]) -> Exposure:
    """What fault-free runs say together about the alarms that count.

    >>> from harness.scoring.metrics._example import control
    >>> twice = (control(days=4.0, alarms=2), control(days=4.0, alarms=1))
    >>> exposure_of(twice, lambda alarm: True)
    Exposure(days=4.0, alarms=1.5)
    """
    watches = [(_begin_s(control), control) for control in controls]
    spans = [(begin, begin + control.days * DAY_S) for begin, control in watches]
    shares = []
    for begin, control in watches:
        for alarm in filter(counts, control.alarms):
            # One that fired before the watch began is seen at its beginning.
            t = begin + max(0.0, alarm.t_fired - control.warmup_s)
            shares.append(1 / max(1, sum(start <= t < end for start, end in spans)))
    return Exposure(_covered_s(spans) / DAY_S, math.fsum(shares))


def watched_text(alarms: int, controls: Iterable[ControlFinding], days: float) -> str:
    """How many alarms there were in how much time, and how much of it was the same time over again."""
    run = sum(control.days for control in controls)
    again = f" of runs, which replay {days:.3g} of them" if run > days * 1.001 else ""
    return f"{alarms} in {run:.3g} days{again}"


def _begin_s(control: ControlFinding) -> float:
    """When the watch of a run began, on the calendar of the replay."""
    start = datetime.fromisoformat(control.start)
    return (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp() + control.warmup_s


def _covered_s(spans: Iterable[tuple[float, float]]) -> float:
    """How long the spans are together, where they overlap once."""
    total, until = 0.0, -float("inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
