"""The axis of time that all rows of a timeline share."""

from __future__ import annotations

from harness.scoring.findings import Timeline

__all__ = ["Axis"]

_STEPS_H = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336)


class Axis:
    """From virtual seconds to percent of the width; hours count from the end of the warm-up."""

    def __init__(self, timeline: Timeline) -> None:
        self.start, self.end = timeline.t_from, max(timeline.t_to, timeline.t_from + 1)

    @property
    def length_s(self) -> float:
        """What the whole width stands for, in seconds."""
        return self.end - self.start

    def at(self, t: float) -> float:
        """Where a moment is, in percent, kept within the axis."""
        return round(100 * min(1.0, max(0.0, (t - self.start) / self.length_s)), 3)

    def marks(self) -> list[tuple[float, str]]:
        """Six or so marks with hours, or days where the axis is long."""
        hours = self.length_s / 3600
        step = next((step for step in _STEPS_H if hours / step <= 8), hours)
        unit, size = ("d", 24.0) if step >= 24 else ("h", 1.0)
        return [
            (self.at(self.start + mark * step * 3600), f"{mark * step / size:g} {unit}")
            for mark in range(int(hours / step) + 1)
        ]
