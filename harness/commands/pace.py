"""Whether the machine was fast enough for a run on real processes: told in every run, never left to be guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Pace"]

#: Requests that are sent later than this no longer come when they were meant to, in milliseconds.
_LATE_MS = 250.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How late requests were sent over all arms (milliseconds), and how long deployments took to start (seconds)."""

    time_scale: float
    lag_ms_p99: float
    lag_ms_max: float
    start_s_max: float

    @classmethod
    def of(cls, journal: Iterable[Mapping[str, Any]]) -> Pace | None:
        """From a run's journal; None if it says nothing about it.

        >>> deployed = {"kind": "arm.deployed", "arm": "a", "took_s": 6.0, "time_scale": 120.0}
        >>> pace = {"kind": "arm.pace", "arm": "a", "lag_ms_p99": 4.0, "lag_ms_max": 9.0}
        >>> Pace.of([deployed, pace]).text()
        'time scale 120: requests were sent at most 9 ms late; deployments took up to 6 s to start'
        """
        deployed: dict[str, Mapping[str, Any]] = {}
        latest: dict[str, Mapping[str, Any]] = {}
        for record in journal:
            if record["kind"] == "arm.deployed":
                deployed[record["arm"]] = record
            elif record["kind"] == "arm.pace" and record["lag_ms_max"] is not None:
                latest[record["arm"]] = record
        if not deployed or not latest:
            return None
        return cls(
            max(record["time_scale"] for record in deployed.values()),
            max(record["lag_ms_p99"] for record in latest.values()),
            max(record["lag_ms_max"] for record in latest.values()),
            max(record["took_s"] for record in deployed.values()),
        )

    @property
    def too_fast(self) -> bool:
        """Whether the machine could not keep up."""
        return self.lag_ms_p99 > _LATE_MS

    def text(self) -> str:
        """One line, or, where times can't be trusted, what to do about it."""
        told = (
            f"time scale {self.time_scale:g}: requests were sent at most {self.lag_ms_max:.0f} ms late; "
            f"deployments took up to {self.start_s_max:.0f} s to start"
        )
        if not self.too_fast:
            return told
        return (
            f"{told}. This machine could not keep up: one request in a hundred was {self.lag_ms_p99:.0f} ms late "
            f"({self.lag_ms_p99 / 1000 * self.time_scale:.0f} s of the replay), and times to detect and to recover are "
            "off by as much. Run fewer arms at once (--jobs 1), or slower (a smaller --time-scale)."
        )
