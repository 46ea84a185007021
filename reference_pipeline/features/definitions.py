"""The features, defined once for serving and for training.

A **feature view** is kept per entity (the origin JFK, the carrier UA). The request names the entities, the store gives
their latest values, and `vector` puts everything in the model's order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: How long before its scheduled departure a prediction is asked for (training's nominal value), in seconds.
LEAD_S = 2 * 3600

#: A prediction is "late" if the flight arrives more than this many minutes late, or is cancelled.
LATE_MIN = 15


@dataclass(frozen=True, slots=True)
class View:
    """One kind of entity: its features, how long a stored value lives (None: for good), and how old it may be
    served, in seconds."""

    kind: str
    features: tuple[str, ...]
    ttl_s: int | None
    max_age_s: float


VIEWS: Mapping[str, View] = {
    view.kind: view
    for view in (
        View("origin", ("dep_delay_mean", "dep_count", "cancel_share"), 8 * 3600, 8 * 3600),
        View("dest", ("arr_delay_mean", "arr_count"), 24 * 3600, 24 * 3600),
        View("carrier", ("arr_delay_mean",), 12 * 3600, 12 * 3600),
        View("tail", ("arr_delay",), 24 * 3600, 24 * 3600),
        View(
            "weather",
            ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"),
            6 * 3600,
            3 * 3600,
        ),
        View("plane", ("year", "seats"), None, math.inf),
    )
}

#: Features that the request itself carries; the simplified model uses these alone.
REQUEST_FEATURES = ("hour", "weekday", "distance", "carrier", "origin", "dest")
CATEGORICAL = ("carrier", "origin", "dest")
STORE_FEATURES = tuple(f"{view.kind}.{name}" for view in VIEWS.values() for name in view.features)
FEATURES = REQUEST_FEATURES + STORE_FEATURES

#: Views that are refreshed all the time; the age of the oldest of them is the age of a prediction's features.
LIVE_VIEWS = ("origin", "weather")


def entity_keys(flight: Mapping[str, Any]) -> dict[str, str]:
    """The store's key of each view for a flight.

    >>> entity_keys({"carrier": "UA", "origin": "EWR", "dest": "IAH", "tailnum": "N14228"})["dest"]
    'f:dest:IAH'
    """
    origin = flight["origin"]
    tail = flight.get("tailnum") or "-"
    return {
        "origin": f"f:origin:{origin}",
        "dest": f"f:dest:{flight['dest']}",
        "carrier": f"f:carrier:{flight['carrier']}",
        "tail": f"f:tail:{tail}",
        "weather": f"f:weather:{origin}",
        "plane": f"f:plane:{tail}",
    }


def request_values(flight: Mapping[str, Any], codes: Mapping[str, Mapping[str, int]]) -> list[float]:
    """The request's own features, categories as codes (-1 for one that training never saw)."""
    departs = int(flight["sched_dep"])
    return [
        float(departs // 3600 % 24),
        float((departs // 86400 + 3) % 7),
        float(flight["distance"]),
        float(codes["carrier"].get(flight["carrier"], -1)),
        float(codes["origin"].get(flight["origin"], -1)),
        float(codes["dest"].get(flight["dest"], -1)),
    ]


def store_values(views: Mapping[str, Mapping[str, Any] | None]) -> list[float]:
    """The store's features in the model's order; what is missing is NaN."""
    values: list[float] = []
    for kind, view in VIEWS.items():
        stored = views.get(kind)
        if stored is None:
            values.extend([math.nan] * len(view.features))
        else:
            values.extend(as_number(stored.get(name)) for name in view.features)
    return values


def as_number(value: Any) -> float:
    """A finite float, or NaN for what can't be read as one.

    >>> as_number("12.5"), as_number("n/a"), as_number("inf")
    (12.5, nan, nan)
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def columns_of(kinds: Sequence[str]) -> list[int]:
    """Positions in `FEATURES` of the features of these views."""
    return [i for i, name in enumerate(FEATURES) if name.split(".")[0] in kinds and "." in name]
