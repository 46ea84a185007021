"""schema.change_nullability"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_rewrite import replace_column, require_values
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register
from chaos.rng import key64

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["ChangeNullability"]


@register
class ChangeNullability(PayloadFault):
    """A column that always had a value becomes optional, or an optional one becomes mandatory.

    ``optional``: a share of the values goes missing, each row on its own draw. ``mandatory``: what was missing is
    filled with the type's idea of nothing (0, an empty text, false), so that "unknown" turns into a value.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"wind_gust": [25.3, None]})
    >>> made = chaos.inject(table, "schema.change_nullability", column="wind_gust", to="mandatory", seed=7)
    >>> made["wind_gust"].to_pylist()
    [25.3, 0.0]
    """

    name: ClassVar[str] = "schema.change_nullability"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "wind_gust", "to": "mandatory"},
    )

    column: Annotated[str, ColumnRef()] = Field(description="The column to change.")
    to: Literal["optional", "mandatory"] = Field(default="optional", description="What it becomes.")
    rate: float = Field(default=0.2, ge=0.0, le=1.0, description="The share of rows without a value, once optional.")

    def share(self) -> float:
        return self.rate if self.to == "optional" else 1.0

    def typical(self) -> Mapping[str, Sequence[Any]]:
        """Some values are missing."""
        return {self.column: [25.3, None]}

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.columns import plain, whole

        require_values(self, batch)
        values = plain(whole(batch.table, self.column))
        if self.to == "mandatory":
            return replace_column(self.name, batch, self.column, _filled(values))
        made, hit = self._emptied(values, batch.ref.first_row, seed)
        return replace_column(self.name, batch, self.column, made, selected=hit)

    def _emptied(self, values: pa.Array, first_row: int, seed: int) -> tuple[pa.Array, int]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from chaos.data.rows import Positions, select

        rows = select(key64(seed, self.name, self.column), Positions(first_row, len(values)), self.rate)
        flags = np.zeros(len(values), dtype=bool)
        flags[rows] = True
        return pc.if_else(pa.array(flags), pa.scalar(None, values.type), values), len(rows)


def _filled(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.fill_null(values, pa.scalar("", kind))
    if pa.types.is_boolean(kind):
        return pc.fill_null(values, False)
    if pa.types.is_decimal(kind):
        return pc.fill_null(values, pa.scalar(Decimal(0), kind))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pc.fill_null(values, pa.scalar(0).cast(kind))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.fill_null(values, pa.scalar(0, pa.int64() if kind.bit_width == 64 else pa.int32()).cast(kind))
    return values
