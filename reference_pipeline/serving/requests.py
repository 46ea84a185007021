"""What is checked of a request before it reaches the model: who asks how often, and whether such a flight exists."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: The clients whose latest requests are remembered.
CLIENTS_KEPT = 1000
_MINUTE_S = 60.0
#: How far the distance of a request may be from the route's, in miles.
MILES_OFF = 2.0


class RateLimit:
    """At most so many requests of one client in any minute; None for no limit.

    >>> limit = RateLimit(2, iter([0.0, 1.0, 2.0, 61.5]).__next__)
    >>> [limit.allows("10.0.0.7") for _ in range(4)]
    [True, True, False, True]
    """

    def __init__(self, per_minute: float | None, timer: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._timer = timer
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Whether a client may be answered now; counts the request if so."""
        if self._per_minute is None:
            return True
        now = self._timer()
        moments = self._seen.setdefault(client, deque())
        self._seen.move_to_end(client)
        while moments and moments[0] <= now - _MINUTE_S:
            moments.popleft()
        if len(moments) >= self._per_minute:
            return False
        moments.append(now)
        while len(self._seen) > CLIENTS_KEPT:
            self._seen.popitem(last=False)
        return True


@dataclass(frozen=True, slots=True)
class KnownRoutes:
    """The distance of each route (``origin>dest``) that history has, in miles."""

    miles: Mapping[str, float]

    def repaired(self, origin: str, dest: str, distance: float) -> float:
        """The distance of the route, if the request's isn't that; a route that history doesn't have may be new.

        >>> routes = KnownRoutes({"JFK>LAX": 2475.0})
        >>> routes.repaired("JFK", "LAX", 2475.0), routes.repaired("JFK", "LAX", 12.0), routes.repaired("JFK", "XYZ", 7)
        (2475.0, 2475.0, 7)
        """
        known = self.miles.get(f"{origin}>{dest}")
        return distance if known is None or abs(known - distance) <= MILES_OFF else known
