"""Numbers as people read them, the same in every report."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def duration_text(seconds: float | None) -> str:
    """A duration in its two largest units; an em dash for none.

    >>> duration_text(5400), duration_text(42.4), duration_text(0.25), duration_text(None)
    ('1 h 30 min', '42 s', '0.25 s', '—')
    >>> duration_text(3599.7)
    '1 h'
    """
    if seconds is None:
        return "—"
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    if rest < 1:
        return f"{sign}{rest:.2g} s" if rest else "0 s"
    # Rounded to the smaller of the two units that are shown, so that nothing reads '59 min 60 s'.
    for (size, _), (smaller, _) in pairwise(_UNITS):
        if rest >= size:
            rest = round(rest / smaller) * smaller
            break
    else:
        rest = float(round(rest))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{int(count)} {unit}")
        if len(parts) == 2:
            break
    return sign + " ".join(parts)


def brief_text(seconds: float | None) -> str:
    """A duration in one unit with two digits or so, for tables; an em dash for none.

    >>> brief_text(85), brief_text(1500), brief_text(20880), brief_text(200000), brief_text(None)
    ('85 s', '25 min', '5.8 h', '2.3 d', '—')
    """
    if seconds is None:
        return "—"
    for size, unit, from_size in ((86_400.0, "d", 48 * 3600.0), (3600.0, "h", 5400.0), (60.0, "min", 90.0)):
        if abs(seconds) >= from_size:
            return f"{number_text(round(seconds / size, 0 if unit == 'min' else 1))} {unit}"
    return f"{seconds:.0f} s"


def share_text(share: float | None) -> str:
    """A share as a percentage, with as many digits as its distance from 100 % needs.

    >>> share_text(0.5), share_text(0.9971), share_text(0.99993), share_text(1.0), share_text(None)
    ('50 %', '99.71 %', '99.993 %', '100 %', '—')
    """
    if share is None:
        return "—"
    percent = 100 * share
    if 99 < percent < 100:
        text = f"{min(percent, 99.999):.3f}"
    else:
        text = f"{percent:.2f}" if percent > 90 or percent < 1 else f"{percent:.1f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " %"


def number_text(value: float | None) -> str:
    """A plain number with three significant digits.

    >>> number_text(0.123456), number_text(1234.5), number_text(0.0), number_text(None)
    ('0.123', '1234', '0', '—')
    """
    if value is None:
        return "—"
    return f"{value:.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.3g}"


def clock_text(start: str, t: float) -> str:
    """The replay's wall clock at a virtual second.

    >>> clock_text("2013-06-10T00:00:00Z", 5430)
    'Mon 10 Jun 01:30'
    """
    moment = datetime.fromisoformat(start.replace("Z", "+00:00")) + timedelta(seconds=t)
    return f"{moment:%a} {moment.day} {moment:%b %H:%M}"
