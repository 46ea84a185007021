"""data.fan_out"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.row_fault import RowFault
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.cells import Victims
    from chaos.data.rows import I64

__all__ = ["FanOut"]


@register
class FanOut(RowFault):
    """A join fans out: the other table has several rows for a key, and each row of that key arrives that many times.

    ``join_key`` is the key of the join: all rows of a key are hit together, or none.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"id": ["a", "a"]})
    >>> chaos.inject(table, "data.fan_out", join_key=["id"], rate=1, matches=2, seed=7).to_pydict()
    {'id': ['a', 'a', 'a', 'a']}
    """

    name: ClassVar[str] = "data.fan_out"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"join_key": ["tailnum"], "rate": 0.1, "matches": 3},
    )

    join_key: Annotated[tuple[str, ...], ColumnRef()] = Field(min_length=1, description="The columns of the join key.")
    matches: int = Field(default=2, ge=2, le=1000, description="How many rows of the other table match.")

    @model_validator(mode="before")
    @classmethod
    def _keys_name_rows(cls, given: Any) -> Any:
        """Rows are named by the join key."""
        if isinstance(given, dict) and "join_key" in given and not given.get("key"):
            return given | {"key": given["join_key"]}
        return given

    @model_validator(mode="after")
    def _one_key(self) -> FanOut:
        if self.key != self.join_key:
            raise ValueError("rows are named by 'join_key': leave out key")
        return self

    def order(self, victims: Victims) -> I64:
        import numpy as np

        times = np.ones(victims.cells.rows, dtype=np.int64)
        times[victims.rows] = self.matches
        return np.repeat(np.arange(victims.cells.rows), times)
