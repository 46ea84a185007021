"""Several faults on one process at a time: it stays as it is for the sake of those that last."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ANSWERING", "DOWN", "STILL", "Holds"]

DOWN, STILL, ANSWERING = "down", "still", "answering"


class Holds:
    """Which faults hold what in which state, oldest first.

    >>> holds = Holds()
    >>> holds.take(DOWN, "serving", "a"), holds.take(DOWN, "serving", "b")
    (None, None)
    >>> holds.let_go(DOWN, "serving", "a"), holds.let_go(DOWN, "serving", "b")
    (('b',), ())
    """

    def __init__(self) -> None:
        self._by: dict[tuple[str, str], dict[str, None]] = {}

    def take(self, state: str, name: str, fault_id: str) -> None:
        """A fault wants it so; a second time changes nothing."""
        self._by.setdefault((state, name), {})[fault_id] = None

    def let_go(self, state: str, name: str, fault_id: str) -> Sequence[str]:
        """A fault no longer does, if it did; those that still do."""
        holding = self._by.get((state, name), {})
        holding.pop(fault_id, None)
        return tuple(holding)
