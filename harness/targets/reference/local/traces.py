"""Looks for the effects of faults where they leave a trace: in the gateway, in the proxy, beside an overlay.

Each source counts by itself, in its own process. What it counted is asked for often until there is something (the time
of a fault's first effect is a result), and once more when the fault is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chaos.engine import Evidence
from chaos.errors import InjectionError
from harness.targets.reference.touches import Touches

__all__ = ["Count", "Traces"]

#: So much has been touched so far, and of what.
Count = Callable[[], Awaitable[Evidence | None]]

#: How often a fault without an effect is looked at, in seconds of the machine.
_LOOK_S = 0.05


class Traces:
    """Follows the faults in effect. ``touches`` is told of the first effect of each, as soon as it is seen."""

    def __init__(self, touches: Touches) -> None:
        self._touches = touches
        self._counts: dict[str, dict[str, Count]] = {}
        self._unseen: set[str] = set()
        self._last: dict[str, Evidence] = {}

    def follow(self, fault_id: str, key: str, count: Count) -> None:
        """There is something to be counted for a fault; the same key again changes nothing."""
        known = self._counts.setdefault(fault_id, {})
        if key not in known:
            known[key] = count
            self._unseen.add(fault_id)

    async def run(self) -> None:
        """Looks, for ever."""
        while True:
            for fault_id in sorted(self._unseen):
                found = await self.evidence(fault_id)
                if found is not None and fault_id in self._unseen:
                    self._unseen.discard(fault_id)
                    self._touches.note(fault_id, found.what, found.touched)
            await asyncio.sleep(_LOOK_S)

    async def evidence(self, fault_id: str) -> Evidence | None:
        """The sum of what is counted now; where a source is gone, what it said last."""
        total, what = 0, ""
        for key, count in list(self._counts.get(fault_id, {}).items()):
            try:
                found = await count()
            except (OSError, InjectionError):
                found = self._last.get(f"{fault_id} {key}")
            if found is not None and found.touched > 0:
                self._last[f"{fault_id} {key}"] = found
                total, what = total + found.touched, found.what
        return Evidence(total, what) if total else None
