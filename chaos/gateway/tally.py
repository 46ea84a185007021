"""What a rule has done: the evidence that it was not inert."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

#: Batches that a tally remembers, so as to count each once: a year of one every hour.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rule did to one batch; with a ``skipped_reason``, why it did nothing."""

    rule_id: str
    rows: int = 0
    cells: int = 0
    skipped_reason: str | None = None


@dataclass(slots=True)
class Tally:
    """What a rule has done so far, each batch counted once."""

    batches: int = 0
    rows: int = 0
    cells: int = 0
    skipped: int = 0
    skipped_reason: str | None = None
    _seen: OrderedDict[tuple[str, bool], None] = field(default_factory=OrderedDict)

    def count(self, batch_id: str, effect: Effect) -> tuple[str, int] | None:
        """Add an effect on a batch; gives (what, how many more), None if there is nothing new."""
        skipped = effect.skipped_reason is not None
        if (batch_id, skipped) in self._seen:
            return None
        self._seen[batch_id, skipped] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if skipped:
            self.skipped += 1
            self.skipped_reason = effect.skipped_reason
            return None
        self.batches += 1
        self.rows += effect.rows
        self.cells += effect.cells
        return _finest(1, effect.rows, effect.cells)

    def to_json(self) -> dict[str, Any]:
        """As the control API shows it; ``touched`` counts the finest thing there is, named by ``what``."""
        what, touched = _finest(self.batches, self.rows, self.cells)
        return {
            "touched": touched,
            "what": what,
            "batches": self.batches,
            "rows": self.rows,
            "cells": self.cells,
            "skipped": self.skipped,
            "skipped_reason": self.skipped_reason,
        }


def _finest(batches: int, rows: int, cells: int) -> tuple[str, int]:
    if cells:
        return "cells", cells
    return ("rows", rows) if rows else ("batches", batches)
