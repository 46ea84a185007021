"""data.segment_bias"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import NumberFault
from chaos.data.where import OTHERS, Condition, Limit, Scalars, Where
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["SegmentBias"]


@register
class SegmentBias(NumberFault):
    """One segment's values are biased: ``value * factor + offset``. A station off its calibration, a boastful region.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "EWR"], "temp": [50.0, 50.0]})
    >>> warm = chaos.inject(table, "data.segment_bias", column="temp", segment="origin", among=["EWR"],
    ...     offset=4, seed=7)
    >>> warm["temp"].to_pylist()
    [50.0, 54.0]
    """

    name: ClassVar[str] = "data.segment_bias"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "segment": "origin", "among": ["EWR"], "offset": 8},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    segment: Annotated[str, ColumnRef()] = Field(description="The column that tells segments apart.")
    among: Scalars = Field(min_length=1, description="The segments that are hit.")
    factor: Limit = Field(default=1.0, description="What values are multiplied by.")
    offset: Limit = Field(default=0.0, description="What is added then, in the column's own unit.")

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.segment, among=self.among))

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.segment: [*self.among, *OTHERS[type(self.among[0])]]}

    @model_validator(mode="after")
    def _some_bias(self) -> SegmentBias:
        if self.factor == 1.0 and self.offset == 0.0:
            raise ValueError("expected a factor other than 1, or an offset other than 0")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.affine import affine

        return affine(values, self.factor, self.offset)
