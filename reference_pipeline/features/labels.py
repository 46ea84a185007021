"""Labels: whether a flight was late, from the event that ended it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from reference_pipeline.features.definitions import LATE_MIN, as_number
from reference_pipeline.features.windows import Columns


def label(event: Any, arr_delay: Any) -> int | None:
    """Whether a flight was late, once it is known: more than 15 minutes late, cancelled, or diverted (it has no delay).

    >>> label("arrived", 16.0), label("arrived", None), label("cancelled", None), label("departed", None)
    (1, 1, 1, None)
    """
    if event == "cancelled":
        return 1
    if event == "arrived":
        delay = math.inf if arr_delay is None else as_number(arr_delay)
        return None if math.isnan(delay) else int(delay > LATE_MIN)
    return None


def labels_of(columns: Columns) -> Iterator[tuple[str, int]]:
    """(flight, late) of each row of a flights partition that tells; none if a column that it takes is missing.

    >>> list(labels_of({"flight_id": ["a", "b"], "event": ["arrived", "departed"], "arr_delay": [3.0, None]}))
    [('a', 0)]
    """
    if not {"flight_id", "event", "arr_delay"} <= columns.keys():
        return
    rows = zip(columns["flight_id"], columns["event"], columns["arr_delay"], strict=True)
    for flight_id, event, arr_delay in rows:
        late = label(event, arr_delay)
        if late is not None and flight_id is not None:
            yield str(flight_id), late
