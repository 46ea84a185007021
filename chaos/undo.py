"""What is still applied, read from a journal: the write-ahead side of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.errors import InvalidJournal, InvalidPoint
from chaos.fault import Action
from chaos.points import Point


@dataclass(frozen=True, slots=True)
class PendingUndo:
    """A fault whose revert is not on record; ``actions`` are in the order to perform them."""

    arm: str | None
    fault_id: str
    fault: str
    point: Point
    actions: Sequence[Action]


def pending(records: Iterable[Mapping[str, Any]]) -> list[PendingUndo]:
    """The faults with an intent and no revert, last in first out. Other records are skipped.

    A fault whose apply failed counts until its undo is on record. Raises `InvalidJournal` for an intent without
    what it takes to undo it.

    >>> journal = [
    ...     {"kind": "fault.intent", "arm": "a", "fault_id": "f1", "fault": "process.kill", "point": "service:serving",
    ...      "undo": [{"verb": "start", "args": {"empty": False}}]},
    ...     {"kind": "fault.applied", "arm": "a", "fault_id": "f1"},
    ... ]
    >>> [(entry.fault_id, entry.actions[0].verb) for entry in pending(journal)]
    [('f1', 'start')]
    >>> pending([*journal, {"kind": "fault.reverted", "arm": "a", "fault_id": "f1"}])
    []
    """
    found: dict[tuple[str | None, str], PendingUndo] = {}
    for record in records:
        kind = record.get("kind")
        if kind == "fault.intent":
            entry = _entry(record)
            found.pop((entry.arm, entry.fault_id), None)  # injected again: its place is the last one
            found[entry.arm, entry.fault_id] = entry
        elif kind == "fault.reverted":
            found.pop((record.get("arm"), record.get("fault_id", "")), None)
    return list(reversed(found.values()))


def _entry(record: Mapping[str, Any]) -> PendingUndo:
    try:
        undo = [Action.from_json(raw) for raw in record["undo"]]
        point = Point.parse(record["point"])
        return PendingUndo(record.get("arm"), record["fault_id"], record["fault"], point, undo[::-1])
    except (KeyError, TypeError, AttributeError, InvalidPoint) as error:
        raise InvalidJournal(
            f"the intent of fault {record.get('fault_id', '?')!r} holds no undo ({error!r}); "
            "its target must be reset by hand"
        ) from None
