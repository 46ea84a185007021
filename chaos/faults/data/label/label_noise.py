"""data.label_noise"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.data.where import Scalars, require_different
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["LabelNoise"]


@register
class LabelNoise(ColumnFault):
    """Labels are wrong at random, the same for every class: each victim gets one of the other classes, equally likely.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"late": [0, 1]})
    >>> chaos.inject(table, "data.label_noise", column="late", classes=[0, 1], rate=1, seed=7).to_pydict()
    {'late': [1, 0]}
    """

    name: ClassVar[str] = "data.label_noise"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "classes": ["arrived", "cancelled"], "rate": 0.1},
    )

    classes: Scalars = Field(min_length=2, description="The labels that there are.")

    dictionaries: ClassVar[bool] = True

    @model_validator(mode="after")
    def _different(self) -> LabelNoise:
        require_different(self.classes, "classes")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.categories import another_of

        return another_of(values, self.classes, victims, fault=self.name, param="classes")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: self.classes}
