"""How much may be broken at once. A scenario that wants more is refused, before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from chaos.errors import BlastRadiusExceeded
from chaos.points import Point, PointKind

_PROCESSES = (PointKind.SERVICE, PointKind.STORE, PointKind.ENV, PointKind.CLOCK)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one injection may touch: a point, and the largest share of what passes there."""

    point: Point
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """Caps on what is in effect at one time.

    ``max_faults``: injections. ``max_points``: different injection points. ``max_services``: different services hit
    as processes (service, store, env and clock points). ``max_share``: of the rows, connections or keys at one point.

    >>> BlastRadius(max_services=1).check(
    ...     Reach(Point.parse("service:serving")), [Reach(Point.parse("store:features"))]
    ... )
    Traceback (most recent call last):
    ...
    chaos.errors.BlastRadiusExceeded: refused: 2 services would be hit at once (features, serving), the cap \
max_services is 1. Revert a fault first, or raise max_services.
    """

    max_faults: int = 16
    max_points: int = 16
    max_services: int = 8
    max_share: float = 1.0

    def __post_init__(self) -> None:
        for cap in fields(self):
            value = getattr(self, cap.name)
            if not value > 0:
                raise ValueError(f"expected {cap.name} above 0, got {value!r}")

    def check(self, wanted: Reach, active: Sequence[Reach]) -> None:
        """Raises `BlastRadiusExceeded` if ``wanted`` on top of what is active is too much."""
        every = [*active, wanted]
        if len(every) > self.max_faults:
            raise _refusal(f"{len(every)} faults would be in effect at once", "max_faults", self.max_faults)
        points = _names(str(reach.point) for reach in every)
        if len(points) > self.max_points:
            raise _refusal(_hit(points, "points"), "max_points", self.max_points)
        services = _names(reach.point.name for reach in every if reach.point.kind in _PROCESSES)
        if len(services) > self.max_services:
            raise _refusal(_hit(services, "services"), "max_services", self.max_services)
        if wanted.share > self.max_share:
            raise _refusal(
                f"up to {wanted.share:.0%} of what passes {wanted.point} would be touched",
                *("max_share", self.max_share),
            )


def _names(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _hit(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what} would be hit at once ({', '.join(names)})"


def _refusal(what: str, cap: str, limit: float) -> BlastRadiusExceeded:
    return BlastRadiusExceeded(f"refused: {what}, the cap {cap} is {limit:g}. Revert a fault first, or raise {cap}.")
