"""data.bounded_drift"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from chaos.data.column_fault import NumberFault
from chaos.data.course import Course
from chaos.data.where import Limit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims
    from chaos.data.columns import Floats
    from chaos.data.precise import Whole
    from chaos.data.rows import I64

__all__ = ["BoundedDrift"]


@register
class BoundedDrift(Course, NumberFault):
    """A feature drifts and never leaves its historical bounds: no range check, and no limit on single values, sees it.

    A value between ``low`` and ``high`` moves towards the edge ``towards``, by ``strength`` of the way at full drift;
    values outside stay.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"bid": [1.0, 9.0]})
    >>> chaos.inject(table, "data.bounded_drift", column="bid", low=0, high=10, strength=0.5, seed=7)["bid"].to_pylist()
    [5.5, 9.5]
    """

    name: ClassVar[str] = "data.bounded_drift"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "humid", "low": 12, "high": 100, "strength": 0.3},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    low: Limit = Field(description="The lowest value that was ever seen.")
    high: Limit = Field(description="The highest value that was ever seen.")
    towards: Literal["low", "high"] = Field(default="high", description="Where values move.")
    strength: float = Field(default=0.5, gt=0.0, le=1.0, description="How much of the way they go at full drift.")

    @model_validator(mode="after")
    def _bounds_in_order(self) -> BoundedDrift:
        if not self.low < self.high:
            raise ValueError(f"expected low below high, got low={self.low:g} and high={self.high:g}")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from fractions import Fraction
        from math import ceil, floor

        import numpy as np

        from chaos.data.decimals import exactly
        from chaos.data.precise import clipped, mapped_precisely, moved_by

        edge = self.low if self.towards == "low" else self.high
        first, last, there = float(self.low), float(self.high), float(edge)
        way = self.strength * self.progress(victims)

        def moved(v: Floats) -> Floats:
            new = np.clip(v + way * (there - v), first, last)
            return np.where((v >= first) & (v <= last), new, v)

        def moved_precisely(old: Whole, rows: I64, unit: Fraction) -> Whole:
            inside = clipped(old, ceil(low * unit), floor(high * unit), Fraction(1)) == old
            new = clipped(moved_by(old, way[rows], Fraction(-1), exactly(edge) * unit), low, high, unit)
            return np.where(inside, new, old)

        low, high = exactly(self.low), exactly(self.high)
        return mapped_precisely(values, moved, moved_precisely, self.low, self.high)
