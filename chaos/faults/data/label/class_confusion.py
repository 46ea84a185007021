"""data.class_confusion"""

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

__all__ = ["ClassConfusion"]


@register
class ClassConfusion(ColumnFault):
    """One class is taken for another, at a rate of its own (class-conditional label noise). Other classes stay right.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"late": [0, 1]})
    >>> chaos.inject(table, "data.class_confusion", column="late", source=1, target=0, rate=1, seed=7).to_pydict()
    {'late': [0, 0]}
    """

    name: ClassVar[str] = "data.class_confusion"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "source": "cancelled", "target": "arrived", "rate": 0.4},
    )

    source: Scalar = Field(description="The class that is taken for another.")
    target: Scalar = Field(description="What it is taken for.")

    @model_validator(mode="after")
    def _two_classes(self) -> ClassConfusion:
        require_different((self.source, self.target), "source and target")
        return self

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.column, among=(self.source,)))

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import constant

        return constant(self.target, values.type, len(values), fault=self.name, param="target")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [self.source, self.target]}
