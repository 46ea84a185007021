"""data.shuffled_rows"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import Context
from chaos.data.row_fault import RowFault
from chaos.fault import Unit
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.cells import Victims
    from chaos.data.rows import I64

__all__ = ["ShuffledRows"]


@register
class ShuffledRows(RowFault):
    """Rows arrive out of order: those that are hit change places with each other, within windows of the feed.

    A window is ``within`` consecutive positions of the feed; where a batch ends inside a window, so does the shuffle.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"n": [1, 2, 3, 4]}), "data.shuffled_rows", rate=1, within=4, seed=8)["n"].to_pylist()
    [3, 1, 2, 4]
    """

    name: ClassVar[str] = "data.shuffled_rows"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"rate": 0.5, "within": 64})

    within: Annotated[int, Unit("rows")] = Field(
        default=1024, ge=2, le=1_000_000_000, description="How many consecutive rows of the feed make a window."
    )

    @model_validator(mode="after")
    def _windows_are_of_positions(self) -> ShuffledRows:
        if self.key:
            raise ValueError("windows are made of positions in the feed: leave out key")
        return self

    def context(self) -> Context:
        return "batch"

    def order(self, victims: Victims) -> I64:
        import numpy as np

        window = victims.ids.at(victims.rows) // np.uint64(self.within)
        order = np.arange(victims.cells.rows)
        order[victims.rows] = victims.rows[np.lexsort((victims.draws("place"), window))]
        return order
