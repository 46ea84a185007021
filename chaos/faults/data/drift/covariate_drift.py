"""data.covariate_drift"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import NumberFault
from chaos.data.course import Course
from chaos.data.where import Limit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["CovariateDrift"]


@register
class CovariateDrift(Course, NumberFault):
    """A feature's distribution moves: at full drift a value is ``(value - around) * scale + around + shift``.

    The shape says how it gets there: sudden, incremental, gradual or recurring; see `start` and `end`.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [50.0] * 5})
    >>> warm = chaos.inject(table, "data.covariate_drift", column="temp", shift=8, shape="incremental",
    ...     start=0, end=4, seed=7)
    >>> warm["temp"].to_pylist()
    [50.0, 52.0, 54.0, 56.0, 58.0]
    """

    name: ClassVar[str] = "data.covariate_drift"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "shift": 15, "shape": "sudden"},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    shift: Limit = Field(default=0.0, description="What is added at full drift, in the column's own unit.")
    scale: float = Field(default=1.0, gt=0.0, description="How much the spread grows or shrinks at full drift.")
    around: Limit = Field(default=0.0, description="The value that scaling leaves in place.")

    @model_validator(mode="after")
    def _some_drift(self) -> CovariateDrift:
        if self.shift == 0.0 and self.scale == 1.0:
            raise ValueError("expected a shift other than 0, or a scale other than 1")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.decimals import exactly
        from chaos.data.precise import mapped_precisely, moved_by

        done = self.progress(victims)
        by, about = float(self.shift), float(self.around)
        shift, scale, around = exactly(self.shift), exactly(self.scale), exactly(self.around)
        return mapped_precisely(
            values,
            lambda v: v + done * ((v - about) * (self.scale - 1.0) + by),
            lambda old, rows, unit: moved_by(old, done[rows], scale - 1, (shift - around * (scale - 1)) * unit),
            self.shift,
            self.around,
        )
