"""data.outliers"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.data.where import Limit
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims
    from chaos.data.columns import Floats

__all__ = ["Outliers"]


@register
class Outliers(ColumnFault):
    """Single values are far out: a slipped decimal point, or beyond the fences of what the column can be.

    Without fences the value is multiplied by ``magnitude`` (a zero becomes ``magnitude``), so positive columns
    stay positive. With ``low`` and/or ``high`` it is drawn from one fence width beyond them, or from ``magnitude``
    beyond a single one. Only the value and the row's own draw count, never the other rows.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.0, 0.0]})
    >>> chaos.inject(table, "data.outliers", column="temp", rate=1.0, magnitude=100, seed=7).to_pydict()
    {'temp': [3900.0, 100.0]}
    """

    name: ClassVar[str] = "data.outliers"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "rate": 0.05, "magnitude": 10},
    )

    column: Annotated[str, ColumnRef(ColumnKind.NUMBER)] = Field(description="The column to change, of numbers.")
    magnitude: Limit = Field(
        default=10.0,
        gt=1.0,
        description="What a value is multiplied by, or how far beyond a single fence it may lie.",
    )
    low: Limit | None = Field(default=None, description="The lower fence: outliers lie below it.")
    high: Limit | None = Field(default=None, description="The upper fence: outliers lie above it.")

    @model_validator(mode="after")
    def _fences_in_order(self) -> Outliers:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"expected low below high, got low={self.low:g} and high={self.high:g}")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        from chaos.data.affine import affine
        from chaos.data.columns import floats, mapped, picked
        from chaos.data.decimals import exactly, rounded_whole
        from chaos.data.fences import kept_beyond
        from chaos.data.precise import mapped_precisely

        if self.low is None and self.high is None:
            if pa.types.is_decimal(values.type):
                far, new = affine(values, self.magnitude, 0.0), affine(values, 1.0, self.magnitude)
                return picked(floats(values) != 0.0, far, new)
            times, magnitude = exactly(self.magnitude), float(self.magnitude)
            return mapped_precisely(
                values,
                lambda v: np.where(v == 0, magnitude, v * magnitude),
                lambda old, *_: rounded_whole(old, times),
            )
        low, high = (None if fence is None else float(fence) for fence in (self.low, self.high))
        beyond = _beyond(low, high, float(self.magnitude), victims)
        return kept_beyond(mapped(values, lambda _: beyond), beyond, self.low, self.high)


def _beyond(low: float | None, high: float | None, reach: float, victims: Victims) -> Floats:
    import numpy as np

    beyond = np.empty(len(victims))
    for first, part in victims.parts():
        away = part.draws("distance")
        _move_beyond(away, low, high, reach)
        beyond[first : first + len(part)] = away
    return beyond


def _move_beyond(away: Floats, low: float | None, high: float | None, reach: float) -> None:
    """Put values beyond the fences in place of draws; with both fences, one half of the draws is for each side."""
    import numpy as np

    upper = away >= 0.5
    if low is not None and high is not None:
        away *= 2.0
        away -= upper
        reach = high - low
    np.subtract(1.0, away, out=away)  # in (0, 1]: strictly beyond
    away *= reach
    if low is not None and high is not None:
        side = upper.view(np.int8)  # looked up: numpy chooses between two arrays much more slowly
        away *= np.array([-1.0, 1.0]).take(side)
        away += np.array([low, high]).take(side)
    elif low is not None:
        np.subtract(low, away, out=away)
    else:
        away += high or 0.0
