"""data.segment_unit"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.where import OTHERS, Condition, Scalars, Where
from chaos.fault import ColumnRef
from chaos.faults.data.corruption.unit_change import UnitChange
from chaos.registry import register

__all__ = ["SegmentUnit"]


@register
class SegmentUnit(UnitChange):
    """One segment sends a number in another unit: the airport that reports Celsius, the branch that counts in cents.

    Each value alone may well be right; the column's overall distribution hardly moves. See `data.unit_change`.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "EWR"], "temp": [50.0, 50.0]})
    >>> where = {"segment": "origin", "among": ["EWR"]}
    >>> cold = chaos.inject(table, "data.segment_unit", column="temp", factor=0.2, seed=7, **where)
    >>> cold["temp"].to_pylist()
    [50.0, 10.0]
    """

    name: ClassVar[str] = "data.segment_unit"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "conversion": "fahrenheit_to_celsius", "segment": "origin", "among": ["EWR"]},
    )

    segment: Annotated[str, ColumnRef()] = Field(description="The column that tells segments apart.")
    among: Scalars = Field(min_length=1, description="The segments that are hit.")

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.segment, among=self.among))

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.segment: [*self.among, *OTHERS[type(self.among[0])]]}
