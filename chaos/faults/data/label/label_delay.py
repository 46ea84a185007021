"""data.label_delay"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault, Context
from chaos.data.where import check_stamp
from chaos.fault import ColumnKind, ColumnRef, Unit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["LabelDelay"]


@register
class LabelDelay(ColumnFault):
    """Labels come late: rows younger than ``delay_s`` have none yet. Age counts from ``as_of``.

    Without ``as_of`` it counts from the latest time in the batch, so that it matters how the feed is cut.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"at": ["2013-01-01T00:00:00Z", "2013-01-01T09:00:00Z"], "late": [0, 1]})
    >>> chaos.inject(table, "data.label_delay", column="late", time="at", delay_s=3600, seed=7)["late"].to_pylist()
    [0, None]
    """

    name: ClassVar[str] = "data.label_delay"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "arr_delay", "time": "event_time", "delay_s": 3600},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    time: Annotated[str, ColumnRef(ColumnKind.TIME)] = Field(description="The column of times that age counts from.")
    delay_s: Annotated[float, Field(gt=0.0, le=31_536_000_000.0, description="How late labels come."), Unit("s")]
    as_of: str | None = Field(default=None, description="The present, in ISO 8601; by default the batch's latest time.")

    @model_validator(mode="after")
    def _a_time(self) -> LabelDelay:
        if self.as_of is not None:
            check_stamp(self.as_of)
        return self

    def context(self) -> Context:
        return super().context() if self.as_of is not None else "batch"

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import pyarrow as pa

        from chaos.data.columns import picked
        from chaos.data.times import microseconds, parse_stamp

        us, known = microseconds(victims.values(self.time))
        if self.as_of is not None:
            present = parse_stamp(self.as_of)
        else:
            every, every_known = microseconds(victims.cells.whole(self.time))
            present = int(every[every_known].max()) if every_known.any() else 0
        young = known & (us > present - round(self.delay_s * 1e6))
        return picked(young, pa.nulls(len(values), values.type), values)
