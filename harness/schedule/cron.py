"""Cron expressions in a time zone, with a rule for the days on which clocks are changed.

Field arithmetic is APScheduler's, on wall-clock times without a zone. As in Vixie's cron, a job at a fixed hour runs
once on such a day (an hour that does not exist is made up for right after it), one at every hour runs in real time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.errors import UsageError

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

__all__ = ["FIELDS", "Cron", "zone"]

FIELDS = ("minute", "hour", "day", "month", "weekday")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * sun",
    "@monthly": "0 0 1 * *",
}
_PART = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d{1,3}))?")
#: No zone has moved its clocks by more in one go.
_SHIFT = timedelta(hours=3)
#: A day that comes in leap years only is at most eight years away.
_NEVER = timedelta(days=366 * 9)


def zone(name: str) -> ZoneInfo:
    """The time zone of a name; raises ``ValueError`` with what to write."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"no time zone {name!r:.60}. Write for example Europe/Berlin, America/New_York or UTC."
        ) from None


class Cron:
    """Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday), or a macro.

    If both days are restricted either is enough, as in cron. Raises ``ValueError`` that names the field.

    >>> berlin = Cron("30 2 * * *", zone("Europe/Berlin"))
    >>> [f"{t:%d %H:%M}" for t in berlin.after(datetime(2026, 3, 28, 12, tzinfo=UTC), 2)]  # no 02:30 on the 29th
    ['29 01:30', '30 00:30']
    """

    def __init__(self, text: str, timezone: ZoneInfo) -> None:
        self.text = text
        self.timezone = timezone
        words = _MACROS.get(text.strip().lower(), text).lower().split()
        if len(words) != 5:
            fields = f"expected five fields ({' '.join(FIELDS)}), got {len(words)}"
            raise ValueError(f"{fields}. Write for example '17 3 * * *'.")
        self.fields = {name: _field(name, word) for name, word in zip(FIELDS, words, strict=True)}
        self._triggers = self._make_triggers()
        self._last: tuple[datetime, datetime] | None = None
        self._every_hour = self.fields["hour"].startswith("*")
        self.next(datetime(2024, 1, 1, tzinfo=UTC))  # refuses the 30th of February

    def next(self, after: datetime) -> datetime:
        """The first moment after this one at which the job is due, in UTC."""
        if self._last is None or self._last[0] != after:  # asked again and again while nothing happens
            self._last = (after, self._find(after))
        return self._last[1]

    def _find(self, after: datetime) -> datetime:
        wall = after.astimezone(self.timezone).replace(tzinfo=None)
        found = self._wall(wall + timedelta(microseconds=1))
        if self._offset(after - _SHIFT) == self._offset(_utc(found, self.timezone) + _SHIFT):
            return _utc(found, self.timezone)
        return self._around_a_change(after, wall)

    def after(self, moment: datetime, count: int) -> list[datetime]:
        """The next ``count`` moments."""
        found: list[datetime] = []
        while len(found) < count:
            moment = self.next(moment)
            found.append(moment)
        return found

    def _around_a_change(self, after: datetime, wall: datetime) -> datetime:
        """Looks at every wall-clock time around, as some do not exist and some come twice."""
        best: datetime | None = None
        candidate = wall - _SHIFT
        while best is None or candidate <= best.astimezone(self.timezone).replace(tzinfo=None) + _SHIFT:
            candidate = self._wall(candidate + timedelta(microseconds=1))
            for moment in self._moments(candidate):
                if moment > after and (best is None or moment < best):
                    best = moment
        return best

    def _moments(self, wall: datetime) -> list[datetime]:
        first, second = (_utc(wall, self.timezone, fold) for fold in (0, 1))
        if first == second:
            return [first]
        exists = first.astimezone(self.timezone).replace(tzinfo=None) == wall
        if self._every_hour:
            return [first, second] if exists else []
        return [first]

    def _wall(self, wall: datetime) -> datetime:
        """The first wall-clock time at or after this one that fits the fields."""
        start = wall.replace(tzinfo=UTC)
        found = [trigger.get_next_fire_time(None, start) for trigger in self._triggers]
        moments: list[datetime] = [moment.replace(tzinfo=None) for moment in found if moment is not None]
        if not moments or min(moments) - wall > _NEVER:
            raise ValueError(f"{self.text!r} never comes. Check day and month.")
        return min(moments)

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.timezone).utcoffset()

    def _make_triggers(self) -> list[CronTrigger]:
        try:
            from apscheduler.triggers.cron import CronTrigger
        except ModuleNotFoundError as error:
            raise UsageError("schedules need APScheduler: pip install 'pipequake[schedule]'") from error
        day, weekday = self.fields["day"], self.fields["weekday"]
        days = [(day, weekday)] if "*" in (day[0], weekday[0]) else [(day, "*"), ("*", weekday)]
        rest = {name: self.fields[name] for name in ("minute", "hour", "month")}
        end = datetime(2200, 1, 1, tzinfo=UTC)
        return [CronTrigger(day=d, day_of_week=w, timezone=UTC, end_date=end, second=0, **rest) for d, w in days]


def _utc(wall: datetime, timezone: ZoneInfo, fold: int = 0) -> datetime:
    return wall.replace(tzinfo=timezone, fold=fold).astimezone(UTC)


def _field(name: str, word: str) -> str:
    """One field as APScheduler takes it, with weekdays by name: it counts them from Monday, cron from Sunday."""
    return ",".join(_part(name, part) for part in word.split(","))


def _part(name: str, part: str) -> str:
    match = _PART.fullmatch(part)
    if match is None or (match[1] == "*" and match[2]) or (match[3] is not None and int(match[3]) == 0):
        raise ValueError(
            f"{name}: {part!r:.30} can't be read. Write a number, a range 1-5, a list 1,15 or a step */10."
        )
    step = f"/{match[3]}" if match[3] else ""
    if match[1] == "*":
        return _days(range(0, 7, int(match[3]))) if name == "weekday" and step else f"*{step}"
    first = _number(name, match[1])
    last = _number(name, match[2]) if match[2] else (_RANGES[name][1] if step else first)
    if name == "weekday":
        last = min(last, 6) if match[2] is None and step else last
        if first > last and last == 0:
            last = 7
        if first > last:
            return _days([*range(first, 7), *range(last + 1)][:: int(match[3] or 1)])
        return _days(range(first, last + 1, int(match[3] or 1)))
    if first > last:
        raise ValueError(f"{name}: the range {part} runs backwards. Write {match[2]}-{match[1]}.")
    return f"{first}-{last}{step}" if last != first or step else str(first)


def _days(numbers: range | list[int]) -> str:
    return ",".join(dict.fromkeys(_DAYS[number] for number in numbers))


def _number(name: str, word: str) -> int:
    names = {
        "month": {month: at for at, month in enumerate(_MONTHS, 1)},
        "weekday": {d: i for i, d in enumerate(_DAYS[:7])},
    }
    known = names.get(name, {})
    low, high = _RANGES[name]
    number = known.get(word, int(word) if word.isdecimal() else -1)
    if not low <= number <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {word!r:.20}.")
    return number
