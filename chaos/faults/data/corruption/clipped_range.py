"""data.clipped_range"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import NumberFault
from chaos.data.where import Limit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["ClippedRange"]


@register
class ClippedRange(NumberFault):
    """A range is cut off: values beyond it stand at its edge, as in a saturated sensor.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [-9.0, 20.0, 99.0]})
    >>> chaos.inject(table, "data.clipped_range", column="temp", low=0, high=40, seed=7).to_pydict()
    {'temp': [0.0, 20.0, 40.0]}
    """

    name: ClassVar[str] = "data.clipped_range"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "temp", "high": 50})

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    low: Limit | None = Field(default=None, description="The lower edge.")
    high: Limit | None = Field(default=None, description="The upper edge.")

    @model_validator(mode="after")
    def _edges_in_order(self) -> ClippedRange:
        if self.low is None and self.high is None:
            raise ValueError("expected low, high, or both")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"expected low below high, got low={self.low:g} and high={self.high:g}")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import numpy as np

        from chaos.data.precise import clipped, mapped_precisely

        low = -np.inf if self.low is None else float(self.low)
        high = np.inf if self.high is None else float(self.high)
        return mapped_precisely(
            values,
            lambda v: np.clip(v, low, high),
            lambda old, _, unit: clipped(old, self.low, self.high, unit),
            self.low,
            self.high,
        )
