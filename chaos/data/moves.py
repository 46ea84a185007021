"""Orders of rows, and what they make of a table."""

from __future__ import annotations

import numpy as np

from chaos.data.ledger import RowsTaken
from chaos.data.rows import I64


def rows_taken(order: I64, before: int) -> RowsTaken:
    """The step that takes ``before`` rows in this order.

    A row is out of place if it stands behind one that came after it, or is a copy of one that stands before it.

    >>> step = rows_taken(np.array([0, 1, 1, 3]), 4)
    >>> step.rows.tolist(), step.removed.tolist()
    ([2], [2])
    """
    seen = np.zeros(before, dtype=bool)
    seen[order] = True
    misplaced = np.zeros(len(order), dtype=bool)
    if len(order) > 1:
        misplaced[1:] = order[1:] <= np.maximum.accumulate(order)[:-1]
    return RowsTaken(before, order, np.flatnonzero(misplaced), np.flatnonzero(~seen), None)
