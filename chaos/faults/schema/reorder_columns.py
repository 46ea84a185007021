"""schema.reorder_columns"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import require_values
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["ReorderColumns"]


@register
class ReorderColumns(PayloadFault):
    """A producer writes the columns in another order: whoever reads by position mixes them up.

    Without ``last`` the order is drawn from the seed, and is always another one if there are two columns or more.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.0], "dewp": [26.1], "humid": [59.4]})
    >>> chaos.inject(table, "schema.reorder_columns", last=["temp"], seed=7).column_names
    ['dewp', 'humid', 'temp']
    """

    reshapes: ClassVar[bool] = True
    reads: ClassVar[bool] = False
    name: ClassVar[str] = "schema.reorder_columns"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"last": ["origin", "temp"]})

    last: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(), description="The columns to put last, in this order; the others keep theirs."
    )

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.column_rewrite import reshaped

        require_values(self, batch)
        table, before = batch.table, batch.table.schema.names
        after = [*self._order(batch.names, seed), *before[len(batch.names) :]]
        return reshaped(self.name, batch, table if after == before else table.select(after))

    def _order(self, names: Sequence[str], seed: int) -> list[str]:
        if self.last:
            return [*(name for name in names if name not in self.last), *dict.fromkeys(self.last)]
        drawn = sorted(names, key=lambda name: uniform(seed, self.name, name))
        return drawn if drawn != list(names) else [*drawn[1:], *drawn[:1]]
