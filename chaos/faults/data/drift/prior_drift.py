"""data.prior_drift"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.course import Course
from chaos.data.row_fault import RowFault
from chaos.data.where import OTHERS, Scalars
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.cells import Victims
    from chaos.data.rows import I64

__all__ = ["PriorDrift"]


@register
class PriorDrift(Course, RowFault):
    """The share of a class moves: rows of the other classes go missing, in the course of the drift, at the rate.

    What a class looks like stays; how often it comes changes.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"event": ["arrived", "cancelled", "arrived"]})
    >>> chaos.inject(table, "data.prior_drift", column="event", growing=["cancelled"], rate=1, seed=7).to_pydict()
    {'event': ['cancelled']}
    """

    name: ClassVar[str] = "data.prior_drift"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "growing": ["cancelled"], "rate": 0.5},
    )

    column: Annotated[str, ColumnRef()] = Field(description="The column of classes.")
    growing: Scalars = Field(min_length=1, description="The classes whose share grows.")

    def order(self, victims: Victims) -> I64:
        import numpy as np

        from chaos.data.values import places

        classes = places(victims.values(self.column), self.growing, fault=self.name, param="growing")
        progress = self.progress(victims)
        gone = (classes < 0) & (victims.draws("gone") < progress)
        return np.delete(np.arange(victims.cells.rows), victims.rows[gone])

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [*self.growing, *OTHERS[type(self.growing[0])]]}
