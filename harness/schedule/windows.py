"""When runs are allowed: business hours, and blackouts in which nothing is broken on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

__all__ = ["Blackout", "Hours"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """Days of the week, and a part of each of these days; ``start`` inclusive, ``end`` exclusive.

    >>> office = Hours(("mon", "fri"), time(9), time(17), ZoneInfo("Europe/Berlin"))
    >>> [office.open(datetime.fromisoformat(f"2026-07-31T{clock}Z")) for clock in ("06:59", "07:00", "15:00")]
    [False, True, False]
    """

    days: tuple[str, ...]
    start: time
    end: time
    timezone: ZoneInfo

    def open(self, moment: datetime) -> bool:
        """Whether runs may start. Hours that end before they start go on after midnight."""
        local = moment.astimezone(self.timezone)
        today, yesterday = DAYS[local.weekday()], DAYS[(local.weekday() - 1) % 7]
        clock = local.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


@dataclass(frozen=True, slots=True)
class Blackout:
    """A span without runs; ``start`` inclusive, ``end`` exclusive."""

    start: datetime
    end: datetime
    why: str = ""

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        return self.start <= moment < self.end
