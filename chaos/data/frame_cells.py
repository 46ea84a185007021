"""The cells of a frame of any kind, each column taken out of it once, and put back once when it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from chaos.data.adapters import Adapter
from chaos.data.columns import plain
from chaos.data.ledger import CellsChanged
from chaos.data.rows import I64
from chaos.errors import InvalidFault, Problem

#: What is raised where the objects of a column have no type in common.
MIXED = (pa.ArrowException, TypeError, ValueError, OverflowError)


class FrameCells:
    """`chaos.data.source.Cells` of a frame, which stays as it is; ``fault`` is named in errors."""

    def __init__(self, adapter: Adapter, frame: Any, fault: str) -> None:
        self.fault = fault
        self.rows = adapter.rows(frame)
        self._adapter = adapter
        self._frame = frame
        self._names = list(adapter.names(frame))
        self._columns: dict[str, Any] = {}
        self._changed: dict[str, Any] = {}

    def names(self) -> Sequence[Any]:
        """The columns, in order, as often as they occur."""
        return self._names

    def type_of(self, column: str) -> pa.DataType:
        """The type of a column's values; raises `InvalidFault` if they have no common one."""
        try:
            return self._adapter.type_of(self._column(column))
        except MIXED as error:
            raise mixed(self.fault, column, error) from None

    def take(self, column: str, rows: I64, dictionaries: bool = False) -> pa.Array:
        """The values at some rows, ascending; with their dictionary only if that is asked for."""
        try:
            values = self._adapter.gather(self._column(column), rows)
        except MIXED as error:
            raise mixed(self.fault, column, error) from None
        return values if dictionaries else plain(values)

    def whole(self, column: str) -> pa.Array:
        """All values of a column."""
        try:
            return plain(self._adapter.gather(self._column(column), None))
        except MIXED as error:
            raise mixed(self.fault, column, error) from None

    def digits(self, columns: Sequence[str], rows: I64) -> I64 | None:
        """The digits that each row's decimals have behind the point, where each value may have other ones."""
        found = []
        for name in columns:
            try:
                digits = self._adapter.digits(self._column(name), rows)
            except MIXED as error:
                raise mixed(self.fault, name, error) from None
            if digits is not None:
                found.append(digits)
        return np.maximum.reduce(found) if found else None

    def change(self, step: CellsChanged) -> CellsChanged:
        """Make a change, for `frame` and for what is read from here on; the step with what its revert needs."""
        column = self._column(step.column)
        form = self._adapter.form(column, step.rows, step.originals)
        try:
            changed = self._adapter.scattered(column, step.rows, step.values)
        except MIXED as error:
            problem = Problem("column", f"{step.column!r} cannot hold the new values: {error}")
            raise InvalidFault(self.fault, [problem]) from None
        self._columns[step.column] = self._changed[step.column] = changed
        return CellsChanged(step.column, step.rows, step.originals, step.values, form)

    def frame(self) -> Any:
        """The frame with all changes in it."""
        return self._adapter.put(self._frame, self._changed) if self._changed else self._frame

    def _column(self, name: str) -> Any:
        if name not in self._columns:
            self._columns[name] = self._adapter.column(self._frame, name)
        return self._columns[name]


def mixed(fault: str, columns: str, error: Exception) -> InvalidFault:
    """The error for columns whose values are not of one type."""
    return InvalidFault(fault, [Problem("column", f"the values of {columns!r} are not of one type: {error}")])
