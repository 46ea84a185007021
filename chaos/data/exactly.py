"""An exact number of cells that all change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaos.data.cells import Victims, changes
from chaos.data.conditions import weights
from chaos.data.rows import I64, RowIds, select_exactly
from chaos.data.source import Cells

if TYPE_CHECKING:
    from chaos.data.column_fault import CellFault


def drawn_among_changeable(fault: CellFault, cells: Cells, ids: RowIds, key: int) -> tuple[I64, float]:
    """Exactly rate times the eligible rows, taken from those that the fault can change, and how many were asked for.

    The fault is tried on every eligible row first, which costs as much as a rate of 1 would.
    """
    share = weights(fault.conditions(), cells, fault.columns()[0], fault.name)
    share = np.ones(cells.rows) if share is None else share
    requested = fault.rate * float(share.sum())
    eligible = np.flatnonzero(share > 0.0)
    can_change = np.zeros(cells.rows)
    for step in changes(
        fault.edit, fault.columns(), Victims(eligible, ids, key, cells), dictionaries=fault.dictionaries
    ):
        can_change[step.rows] = share[step.rows]
    return select_exactly(key, ids, round(requested), can_change), requested
