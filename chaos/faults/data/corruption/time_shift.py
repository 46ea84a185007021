"""data.time_shift"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.fault import ColumnKind, ColumnRef, Unit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["TimeShift"]


@register
class TimeShift(ColumnFault):
    """Times are off by a fixed amount: a wrong time zone, a clock that is ahead.

    Text keeps its form (``Z``, blank or ``T``, fractions); what is no time stays.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"at": ["2013-01-31T23:00:00Z"]})
    >>> chaos.inject(table, "data.time_shift", column="at", by_s=7200, rate=1, seed=7).to_pydict()
    {'at': ['2013-02-01T01:00:00Z']}
    """

    name: ClassVar[str] = "data.time_shift"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "observed_at", "by_s": -18000, "rate": 1},
    )

    column: Annotated[str, ColumnRef(ColumnKind.TIME)] = Field(description="The column to change, of times.")
    by_s: Annotated[
        float,
        Field(ge=-31_536_000_000.0, le=31_536_000_000.0, description="How much later; negative is earlier."),
        Unit("s"),
    ]

    @model_validator(mode="after")
    def _some_time(self) -> TimeShift:
        if self.by_s == 0.0:
            raise ValueError("expected by_s other than 0")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.times import shifted

        return shifted(values, round(self.by_s * 1e6))
