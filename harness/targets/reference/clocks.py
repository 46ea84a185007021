"""Wrong clocks of simulated hosts."""

from __future__ import annotations

from functools import partial

from harness.sim import World
from harness.targets.reference.touches import Touches

__all__ = ["Clocks"]


class Clocks:
    """Who skews which host's clock, by how many seconds; several add up. A reading of a wrong clock is evidence."""

    def __init__(self, world: World, touches: Touches) -> None:
        self._world = world
        self._touches = touches
        self._skews: dict[str, dict[str, float]] = {}

    def skew(self, host: str, skew_id: str, by_s: float) -> None:
        """From now on the clock is so much further ahead."""
        self._skews.setdefault(host, {})[skew_id] = by_s
        self._set(host)

    def unskew(self, host: str, skew_id: str) -> None:
        """And no more."""
        self._skews.get(host, {}).pop(skew_id, None)
        self._set(host)

    def _set(self, name: str) -> None:
        host, skews = self._world.network.hosts[name], self._skews.get(name, {})
        host.skew_s = sum(skews.values())
        host.on_wrong_time = partial(self._read, tuple(skews)) if skews else None

    def _read(self, skew_ids: tuple[str, ...]) -> None:
        for skew_id in skew_ids:
            self._touches.note(skew_id, "readings")
