"""schema.change_nullability"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_fault import ColumnFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims
    from chaos.data.ledger import Corruption
    from chaos.data.rows import I64, RowIds
    from chaos.data.source import Cells

__all__ = ["ChangeNullability"]


@register
class ChangeNullability(ColumnFault):
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

    to: Literal["optional", "mandatory"] = Field(default="optional", description="What it becomes.")
    rate: float = Field(
        default=0.2,
        ge=0.0,
        le=1.0,
        description="The share of rows, of those that `where` leaves, without a value once optional.",
    )

    def share(self) -> float:
        return self.rate if self.to == "optional" else 1.0

    def typical(self) -> Mapping[str, Sequence[Any]]:
        """Some values are missing."""
        return {self.column: [25.3, None]}

    def diff(self, cells: Cells, ids: RowIds, *, seed: int, candidates: I64 | None = None) -> Corruption:
        if self.to == "mandatory" and self.rate < 1.0:  # no row is left out, whatever the rate of the other way
            return self.model_copy(update={"rate": 1.0}).diff(cells, ids, seed=seed)
        return super().diff(cells, ids, seed=seed, candidates=candidates)

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import pyarrow as pa

        return _filled(values) if self.to == "mandatory" else pa.nulls(len(values), values.type)


def _filled(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    from chaos.data.decimals import with_zeros

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.fill_null(values, pa.scalar("", kind))
    if pa.types.is_boolean(kind):
        return pc.fill_null(values, False)
    if pa.types.is_decimal(kind):
        return with_zeros(values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pc.fill_null(values, pa.scalar(0).cast(kind))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.fill_null(values, pa.scalar(0, pa.int64() if kind.bit_width == 64 else pa.int32()).cast(kind))
    return values
