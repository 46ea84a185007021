"""Bodies of requests that are no users', and users' requests changed on their way. Pure: no sockets, no clock.

Both the harness's own sender and the load generator's process (``--bodies``) make their requests with these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, product
from typing import Any

from chaos.rng import uniform

__all__ = ["Flight", "altered", "bodies_of"]

Flight = Mapping[str, Any]

_HUGE = 1 << 20


def altered(flight: Flight, how: Mapping[str, Any]) -> Flight | None:
    """The flight with ``how["field"]`` times ``how["factor"]``, for a share ``rate`` of flights; None if it stays.

    >>> altered({"flight_id": "UA1", "distance": 7.0}, {"field": "distance", "factor": 2, "rate": 1.0, "seed": 1})
    {'flight_id': 'UA1', 'distance': 14.0}
    """
    value = flight.get(how["field"])
    if uniform(how["seed"], "alter", flight["flight_id"]) < how["rate"] and isinstance(value, int | float):
        return {**flight, how["field"]: value * how["factor"]}
    return None


def bodies_of(load: Mapping[str, Any], flights: Sequence[Flight]) -> Iterator[bytes]:
    """What a load sends, for ever; ``flights`` are what users ask about."""
    if load["kind"] == "malformed":
        return (_broken(flight, load["shape"]) for flight in cycle(flights))
    if load["kind"] == "extraction":
        asked = _grid(flights) if load["around"] == "grid" else _neighbours(flights[0])
        return (json.dumps(flight).encode() for flight in asked)
    return (json.dumps(flight).encode() for flight in cycle(flights))


def _broken(flight: Flight, shape: str) -> bytes:
    """A request that can't be read.

    >>> _broken({"distance": 7.0, "dest": "LAX"}, "types")
    b'{"distance": "seven", "dest": "LAX"}'
    """
    if shape == "types":
        return json.dumps({**flight, "distance": "seven"}).encode()
    if shape == "missing":
        return json.dumps({name: value for name, value in flight.items() if name != "origin"}).encode()
    if shape == "huge":
        return json.dumps({**flight, "carrier": "A" * _HUGE}).encode()
    text = json.dumps(dict(flight)).encode()
    return text[: len(text) // 2]


def _grid(flights: Sequence[Flight]) -> Iterator[Flight]:
    """Every combination of what the requests hold, for ever."""
    names = ("origin", "dest", "carrier", "distance")
    values = [list(dict.fromkeys(flight[name] for flight in flights)) for name in names]
    for combination in cycle(product(*values)):
        yield {**flights[0], **dict(zip(names, combination, strict=True))}


def _neighbours(flight: Flight) -> Iterator[Flight]:
    """One flight, a little earlier or later, nearer or farther, for ever."""
    for minutes, miles in cycle(product(range(-60, 61, 5), range(-20, 21, 4))):
        yield {**flight, "sched_dep": flight["sched_dep"] + 60 * minutes, "distance": flight["distance"] + miles}
