"""data.wrong_category"""

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

__all__ = ["WrongCategory"]


@register
class WrongCategory(ColumnFault):
    """A category is another one of those that exist. Every victim gets another one than it had, each equally likely.

    The categories are given, never taken from the rows at hand.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "LGA"]})
    >>> done = chaos.inject(table, "data.wrong_category", column="origin", categories=["JFK", "LGA"],
    ...     rate=1, seed=7)
    >>> done.to_pydict()
    {'origin': ['LGA', 'JFK']}
    """

    name: ClassVar[str] = "data.wrong_category"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "origin", "categories": ["EWR", "JFK", "LGA"], "rate": 0.1},
    )

    categories: Scalars = Field(min_length=2, description="The categories that there are.")

    dictionaries: ClassVar[bool] = True

    @model_validator(mode="after")
    def _different(self) -> WrongCategory:
        require_different(self.categories, "categories")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.categories import another_of

        return another_of(values, self.categories, victims, fault=self.name, param="categories")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: self.categories}
