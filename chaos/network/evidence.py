"""What toxics really did: the connections, the bytes and the times that each acted on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

#: Toxics whose evidence is kept after they are gone; the oldest make way.
_KEPT = 1000


@dataclass(slots=True)
class Touched:
    """What one toxic acted on: distinct connections, chunks and ends, and bytes."""

    connections: int = 0
    actions: int = 0
    bytes: int = 0

    def to_json(self) -> dict[str, int]:
        """As the control API shows it."""
        return {"connections": self.connections, "actions": self.actions, "bytes": self.bytes}


class Evidence:
    """The evidence of every toxic of a proxy, also of those that were removed.

    >>> evidence = Evidence()
    >>> evidence.begin("slow")
    >>> evidence.note("slow", actions=2, size=100, new_connection=True)
    >>> evidence.to_json()
    {'slow': {'connections': 1, 'actions': 2, 'bytes': 100}}
    """

    def __init__(self) -> None:
        self._by_toxic: OrderedDict[str, Touched] = OrderedDict()

    def begin(self, toxic: str) -> None:
        """A toxic of this name is created: it has done nothing yet."""
        self._by_toxic.pop(toxic, None)
        self._by_toxic[toxic] = Touched()
        while len(self._by_toxic) > _KEPT:
            self._by_toxic.popitem(last=False)

    def note(self, toxic: str, *, actions: int, size: int, new_connection: bool) -> None:
        """A toxic acted so many times on a connection, on ``size`` bytes in all."""
        touched = self._by_toxic.get(toxic)
        if touched is not None:
            touched.actions += actions
            touched.bytes += size
            touched.connections += new_connection

    def to_json(self) -> dict[str, Any]:
        """As the control API shows it, in the order of creation."""
        return {name: touched.to_json() for name, touched in self._by_toxic.items()}
