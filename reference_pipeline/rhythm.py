"""Periodic work that keeps its beat: what takes long skips beats, and shifts none."""

from __future__ import annotations

from reference_pipeline.clock import Clock


class Rhythm:
    """Beats every ``period_s`` seconds of a clock, counted from when it was made."""

    def __init__(self, period_s: float, clock: Clock) -> None:
        self._period_s = period_s
        self._clock = clock
        self._begun = clock.monotonic()

    @property
    def beat(self) -> int:
        """How many whole periods have passed."""
        # A beat is reached by sleeping until its moment: allow for what floating point leaves of it.
        return int((self._clock.monotonic() - self._begun + 1e-6) / self._period_s)

    async def wait(self) -> None:
        """Sleeps until the next beat."""
        until = self._begun + (self.beat + 1) * self._period_s
        await self._clock.sleep(until - self._clock.monotonic())
