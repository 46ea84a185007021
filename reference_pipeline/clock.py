"""What the pipeline needs of a clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells wall time."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...


class SystemClock:
    """The clock of the operating system."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()
