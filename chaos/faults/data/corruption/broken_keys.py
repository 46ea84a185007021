"""data.broken_keys"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["BrokenKeys"]


@register
class BrokenKeys(ColumnFault):
    """References point to nothing: a foreign key matches no row of the other table any more.

    A text key gets ``suffix`` behind it, a number becomes negative (``-key - 1``). A join silently drops or nulls these
    rows.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"tailnum": ["N14228"]})
    >>> chaos.inject(table, "data.broken_keys", column="tailnum", rate=1, seed=7).to_pydict()
    {'tailnum': ['N14228-0']}
    """

    name: ClassVar[str] = "data.broken_keys"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "tailnum", "rate": 0.2})

    suffix: str = Field(default="-0", min_length=1, description="What a text key gets behind it.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.broken import dangling

        return dangling(values, self.suffix, fault=self.name)
