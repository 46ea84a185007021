"""Several faults on one process at a time: it stays as it is for the sake of those that last."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ANSWERING", "DOWN", "FULL", "OFFLINE", "PROTECTED", "STILL", "Caps", "Holds"]

DOWN, STILL, OFFLINE, ANSWERING = "down", "still", "offline", "answering"
FULL, PROTECTED = "full", "protected"


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
        self._by.get((state, name), {}).pop(fault_id, None)
        return self.held(state, name)

    def held(self, state: str, name: str) -> Sequence[str]:
        """The faults that want it so."""
        return tuple(self._by.get((state, name), {}))


class Caps:
    """Which faults cap something, and at what: the lowest holds, and at the end what was there before the first.

    A cap of 0 is none at all.

    >>> caps = Caps()
    >>> caps.take("CPUs of serving", "a", 0.5, before=1.0), caps.take("CPUs of serving", "b", 0.2, before=0.5)
    (0.5, 0.2)
    >>> caps.let_go("CPUs of serving", "a", before=1.0), caps.let_go("CPUs of serving", "b", before=0.5)
    (0.2, 1.0)
    """

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self._by: dict[str, dict[str, float]] = {}

    def before(self, what: str) -> float | None:
        """What it was before any fault; None if none has ever capped it."""
        return self._before.get(what)

    def capped(self, what: str) -> bool:
        """Whether a fault caps it now."""
        return bool(self._by.get(what))

    def take(self, what: str, fault_id: str, value: float, *, before: float) -> float:
        """A fault caps it where it stands at ``before``; what it is to be now."""
        self._before.setdefault(what, before)
        self._by.setdefault(what, {})[fault_id] = value
        return self._lowest(what)

    def let_go(self, what: str, fault_id: str, *, before: float) -> float:
        """A fault no longer does, if it did; what it is to be now. ``before`` counts only if nothing is known of it."""
        self._by.get(what, {}).pop(fault_id, None)
        self._before.setdefault(what, before)
        return self._lowest(what)

    def _lowest(self, what: str) -> float:
        return min((cap for cap in (self._before[what], *self._by.get(what, {}).values()) if cap > 0), default=0.0)
