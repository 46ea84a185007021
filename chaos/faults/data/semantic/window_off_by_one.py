"""data.window_off_by_one"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault, Context
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["WindowOffByOne"]


@register
class WindowOffByOne(ColumnFault):
    """An aggregate is of the wrong window: each row gets what the row ``steps`` before it had, within its group.

    A rolling mean that excludes the current row, a day counted from the wrong hour. Values come from the same batch;
    the first rows of a group keep theirs.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"t": ["2013-01-01", "2013-01-02"], "mean_7d": [5.0, 6.0]})
    >>> chaos.inject(table, "data.window_off_by_one", column="mean_7d", time="t", seed=7)["mean_7d"].to_pylist()
    [5.0, 5.0]
    """

    name: ClassVar[str] = "data.window_off_by_one"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "precip", "group": ["origin"], "time": "observed_at"},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    group: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(), description="Columns whose values make a group; by default the batch is one."
    )
    time: Annotated[str | None, ColumnRef(ColumnKind.TIME)] = Field(
        default=None, description="The column that orders a group; by default its rows are in order."
    )
    steps: int = Field(default=1, ge=1, le=1_000_000, description="By how many rows the window is off.")

    def context(self) -> Context:
        return "batch"

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.groups import earlier, taking

        return taking(values, victims, self.column, earlier(victims, self.group, self.time, self.steps))
