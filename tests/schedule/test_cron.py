"""When cron says: against a minute-by-minute reading of the fields, over changes of the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.schedule.cron import Cron, zone

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
#: Days around changes of the clock in 2026: Berlin, New York, Lord Howe (half an hour).
CHANGES = ("2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04", "2026-10-03", "2026-06-10")

numbers = {"minute": (0, 59), "hour": (0, 6), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}


def field(name: str) -> st.SearchStrategy[str]:
    low, high = numbers[name]
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, 30 if name == "minute" else 23).map(lambda every: f"*/{every}")
    kinds = [st.just("*"), number.map(str), span, st.lists(number.map(str), min_size=1, max_size=3).map(",".join)]
    return st.one_of([*kinds, step] if name in ("minute", "hour") else kinds)


def allowed(word: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in word.split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        assert match is not None
        first = low if match[1] is None else int(match[1])
        last = high if match[1] is None else int(match[2] or match[1])
        values |= set(range(first, last + 1, int(match[3] or 1)))
    return values


def due_between(text: str, timezone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every wall-clock minute that fits, mapped to the time at which it is, as the module's rule says."""
    words = text.split()
    _, hour, day, _, weekday = words
    fits = [allowed(word, *bounds) for word, bounds in zip(words, numbers.values(), strict=True)]
    fits[1] = allowed(hour, 0, 23)
    found = set()
    wall = start.astimezone(timezone).replace(tzinfo=None, second=0, microsecond=0) - timedelta(hours=3)
    for _ in range(int((end - start) / timedelta(minutes=1)) + 360):
        wall += timedelta(minutes=1)
        on_day = wall.day in fits[2]
        on_weekday = (wall.weekday() + 1) % 7 in fits[4]
        either = on_day or on_weekday if "*" not in (day, weekday) else on_day and on_weekday
        if not (wall.minute in fits[0] and wall.hour in fits[1] and wall.month in fits[3] and either):
            continue
        first, second = (wall.replace(tzinfo=timezone, fold=fold).astimezone(UTC) for fold in (0, 1))
        exists = first.astimezone(timezone).replace(tzinfo=None) == wall
        if hour.startswith("*"):
            found |= {first, second} if exists else set()
        else:
            found.add(first)
    return sorted(moment for moment in found if start < moment <= end)


@settings(max_examples=120, deadline=None)
@given(
    text=st.tuples(*(field(name) for name in numbers)).map(" ".join),
    name=st.sampled_from(ZONES),
    day=st.sampled_from(CHANGES),
)
def test_it_agrees_with_a_reading_minute_by_minute(text: str, name: str, day: str) -> None:
    start = datetime.fromisoformat(f"{day}T18:07Z")
    end = start + timedelta(days=2)
    try:
        cron = Cron(text, zone(name))
    except ValueError:  # the 30th of February never comes
        assert due_between(text, zone(name), start, start + timedelta(days=2)) == []
        return
    moments = []
    moment = cron.next(start)
    while moment <= end:
        moments.append(moment)
        moment = cron.next(moment)
    assert moments == due_between(text, zone(name), start, end)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York"])
def test_a_daily_job_runs_once_on_each_day_of_a_year_whatever_the_clock_does(name: str) -> None:
    cron = Cron("30 2 * * *", zone(name))
    moments = cron.after(datetime(2026, 1, 1, 12, tzinfo=UTC), 365)
    days = [moment.astimezone(zone(name)).date() for moment in moments]
    assert len(set(days)) == 365
    assert max(later - earlier for earlier, later in pairwise(moments)) <= timedelta(hours=25)


def test_a_job_of_every_quarter_runs_in_real_time() -> None:
    moments = Cron("*/15 * * * *", zone("Europe/Berlin")).after(datetime(2026, 1, 1, tzinfo=UTC), 4 * 24 * 365)
    steps = {later - earlier for earlier, later in pairwise(moments)}
    assert steps == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 0 * * 0", "2026-11-29"),  # Sunday, as cron counts
        ("0 0 * * 7", "2026-11-29"),
        ("0 0 * * sat-mon", "2026-11-28"),
        ("0 0 13 * fri", "2026-11-27"),  # either is enough
        ("0 0 29 2 *", "2028-02-29"),
        ("@monthly", "2026-12-01"),
        ("0 0 * jan mon-fri/2", "2027-01-01"),
    ],
)
def test_the_customs_of_cron(text: str, first: str) -> None:
    assert f"{Cron(text, zone('UTC')).next(datetime(2026, 11, 24, 12, tzinfo=UTC)):%Y-%m-%d}" == first


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("17 3 * *", "expected five fields (minute hour day month weekday), got 4"),
        ("60 3 * * *", "minute: expected 0 to 59, got '60'"),
        ("0 3 * * tues", "weekday: expected 0 to 7, got 'tues'"),
        ("0 3 30 2 *", "'0 3 30 2 *' never comes"),
        ("0 5-3 * * *", "hour: the range 5-3 runs backwards. Write 3-5."),
        ("*/0 * * * *", "minute: '*/0' can't be read"),
        ("1;2 * * * *", "minute: '1;2' can't be read"),
    ],
)
def test_what_is_no_cron_expression(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        Cron(text, zone("UTC"))
    with pytest.raises(ValueError, match="no time zone 'Europe/Berlinn'"):
        zone("Europe/Berlinn")
