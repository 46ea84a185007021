"""data.yesterdays_value"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault, Context
from chaos.fault import ColumnKind, ColumnRef, Unit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["YesterdaysValue"]


@register
class YesterdaysValue(ColumnFault):
    """A value is the one of an earlier time: the same entity's, ``lag_s`` before. A join on the wrong day.

    Values come from the same batch; where it holds no row of exactly that time, the value stays.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"day": ["2013-01-01", "2013-01-02"], "temp": [39.0, 21.0]})
    >>> chaos.inject(table, "data.yesterdays_value", column="temp", time="day", seed=7)["temp"].to_pylist()
    [39.0, 39.0]
    """

    name: ClassVar[str] = "data.yesterdays_value"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "time": "observed_at", "entity": ["origin"], "lag_s": 3600},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    time: Annotated[str, ColumnRef(ColumnKind.TIME)] = Field(description="The column of times.")
    entity: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(), description="Columns that say whose value it is; by default all rows are one entity's."
    )
    lag_s: Annotated[float, Field(gt=0.0, le=31_536_000_000.0, description="How much earlier."), Unit("s")] = 86_400.0

    def context(self) -> Context:
        return "batch"

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.groups import at_lag, taking

        source = at_lag(victims, self.entity, self.time, round(self.lag_s * 1e6))
        return taking(values, victims, self.column, source)
