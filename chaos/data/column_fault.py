"""The base of faults that change a share of the cells of one column."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chaos.errors import InvalidFault
from chaos.fault import ColumnRef, PayloadFault

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch


class ColumnFault(PayloadFault):
    """Rows are hit independently with probability ``rate``: the count is binomial, whatever the batches."""

    column: Annotated[str, ColumnRef()] = Field(description="The column to change.")
    rate: float = Field(ge=0.0, le=1.0, description="The share of rows to hit.")
    key: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(),
        description="Columns that name a row; by default a row is named by its position in the feed.",
    )

    def share(self) -> float:
        """The rate."""
        return self.rate

    @abstractmethod
    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        """The column with the victims changed: a new array of the same type and length."""

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.cells import change_cells  # here: validating a scenario needs no numpy

        require_columns(self, batch)
        table, corruption = change_cells(
            batch.table,
            self.change,
            fault=self.name,
            column=self.column,
            rate=self.rate,
            key=self.key,
            seed=seed,
            first_row=batch.ref.first_row,
        )
        return batch.with_table(table), corruption


def require_columns(fault: PayloadFault, batch: Batch) -> None:
    """Raises `InvalidFault` if the batch lacks a column that the fault names, or has another type there."""
    problems = fault.check_columns(batch.column_types())
    if problems:
        raise InvalidFault(fault.name, problems)
