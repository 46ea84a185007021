"""Counts of what faults have really touched, for every backend's driver."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chaos.engine import Evidence

__all__ = ["OnTouched", "Touches"]

#: (fault id, what, how many more)
OnTouched = Callable[[str, str, int], None]


class Touches:
    """Counts the effects of faults and passes each on."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}
        self.listener: OnTouched | None = None

    def note(self, fault_id: str, what: str, count: int = 1) -> None:
        """Effects that happened now."""
        by_kind = self._counts.setdefault(fault_id, {})
        by_kind[what] = by_kind.get(what, 0) + count
        if self.listener is not None:
            self.listener(fault_id, what, count)

    def note_found(self, fault_ids: Iterable[str], what: str) -> None:
        """From now on it is the doing of these faults that something is as they found it, if they did nothing yet."""
        for fault_id in fault_ids:
            if self.evidence(fault_id) is None:
                self.note(fault_id, what)

    def evidence(self, fault_id: str) -> Evidence | None:
        """The finest count there is."""
        by_kind = self._counts.get(fault_id)
        if not by_kind:
            return None
        what = max(by_kind, key=lambda kind: (kind in ("cells", "keys"), by_kind[kind]))
        return Evidence(by_kind[what], what)
