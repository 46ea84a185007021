"""data.targeted_flips"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.data.where import Condition, Scalar, Where, require_different
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["TargetedFlips"]


@register
class TargetedFlips(ColumnFault):
    """An attacker relabels a few rows of one class as another, to shift a decision: small rates are enough.

    ``where`` narrows it to the cases that the attacker cares for.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"fraud": [1, 1], "amount": [10.0, 9000.0]})
    >>> where = {"column": "amount", "above": 1000}
    >>> done = chaos.inject(table, "data.targeted_flips", column="fraud", source=1, target=0, rate=1,
    ...     where=where, seed=7)
    >>> done["fraud"].to_pylist()
    [1, 0]
    """

    name: ClassVar[str] = "data.targeted_flips"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "source": "cancelled", "target": "arrived", "rate": 0.05},
    )

    rate: float = Field(
        default=0.01, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    source: Scalar = Field(description="The class that is taken for another.")
    target: Scalar = Field(description="What it is taken for.")

    @model_validator(mode="after")
    def _two_classes(self) -> TargetedFlips:
        require_different((self.source, self.target), "source and target")
        return self

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.column, among=(self.source,)))

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import constant

        return constant(self.target, values.type, len(values), fault=self.name, param="target")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [self.source, self.target]}
