"""How many rows a feed brings over its latest batches, against what is usual for these hours of the week."""

from __future__ import annotations

from collections.abc import Sequence


def hour_of_week(at: float) -> int:
    """0 for Monday 0:00 UTC, 167 for Sunday 23:00 (1970-01-01 was a Thursday).

    >>> hour_of_week(1356998400)  # Tuesday, 2013-01-01
    24
    """
    return (int(at) // 3600 + 72) % 168


def volume_ratio(
    windows: Sequence[tuple[float, int]], usual: Sequence[float], count: int, rows_min: float
) -> float | None:
    """Rows of the latest batches over the rows that are usual then; None if too few are usual, or known.

    ``windows`` are (start in epoch seconds, rows), ``usual`` the mean rows of a batch by hour of the week. It takes
    ``count`` batches and ``rows_min`` rows that are usual in them: at night, nothing can be said.

    >>> volume_ratio([(0.0, 30), (900.0, 10)], [20.0] * 168, 2, 40)
    1.0
    """
    if not count or len(windows) < count:
        return None
    expected = sum(usual[hour_of_week(start)] for start, _ in windows)
    return sum(rows for _, rows in windows) / expected if expected >= rows_min else None
