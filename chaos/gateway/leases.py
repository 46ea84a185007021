"""Leases: rules that last only as long as whoever installed them says that it lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lease:
    """Held until ``ends_at`` on the gateway's own clock of seconds; each renewal moves the end."""

    lease_id: str
    ttl_s: float
    ends_at: float

    def to_json(self, now: float) -> dict[str, Any]:
        """As the control API shows it."""
        return {"lease_id": self.lease_id, "ttl_s": self.ttl_s, "left_s": round(max(self.ends_at - now, 0.0), 3)}


class Leases:
    """The leases that are held.

    >>> leases = Leases()
    >>> leases.renew("run-1", 10.0, now=100.0).ends_at
    110.0
    >>> leases.lapsed(now=109.9), leases.lapsed(now=110.0), leases.lapsed(now=111.0)
    ([], ['run-1'], [])
    """

    def __init__(self) -> None:
        self._held: dict[str, Lease] = {}

    def renew(self, lease_id: str, ttl_s: float, now: float) -> Lease:
        """Take the lease, or hold it for another ``ttl_s`` from now."""
        lease = self._held[lease_id] = Lease(lease_id, ttl_s, now + ttl_s)
        return lease

    def held(self, lease_id: str) -> bool:
        """Whether somebody holds it."""
        return lease_id in self._held

    def end(self, lease_id: str) -> None:
        """Give it up."""
        self._held.pop(lease_id, None)

    def lapsed(self, now: float) -> list[str]:
        """The leases that ran out since the last time, each told once."""
        over = [lease.lease_id for lease in self._held.values() if lease.ends_at <= now]
        for lease_id in over:
            del self._held[lease_id]
        return over

    def every(self) -> list[Lease]:
        """All that are held."""
        return list(self._held.values())
