"""Periodic work that keeps its beat: what takes long skips beats, and shifts none."""

from __future__ import annotations

import asyncio


class Rhythm:
    """Beats every ``period_s`` seconds of the event loop, counted from when it was made."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._begun = asyncio.get_running_loop().time()

    @property
    def beat(self) -> int:
        """How many whole periods have passed."""
        # A beat is reached by sleeping until its moment: allow for what floating point leaves of it.
        return int((asyncio.get_running_loop().time() - self._begun + 1e-6) / self._period_s)

    async def wait(self) -> None:
        """Sleeps until the next beat."""
        until = self._begun + (self.beat + 1) * self._period_s
        await asyncio.sleep(until - asyncio.get_running_loop().time())
