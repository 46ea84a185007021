"""data.duplicate_rows"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.data.row_fault import RowFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.cells import Victims
    from chaos.data.rows import I64

__all__ = ["DuplicateRows"]


@register
class DuplicateRows(RowFault):
    """Rows arrive more than once, right behind themselves: a retry without an idempotency key.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"id": ["a", "b"]}), "data.duplicate_rows", rate=1, seed=7).to_pydict()
    {'id': ['a', 'a', 'b', 'b']}
    """

    name: ClassVar[str] = "data.duplicate_rows"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"rate": 0.1})

    copies: int = Field(default=1, ge=1, le=1000, description="How many more times a row that is hit arrives.")

    def order(self, victims: Victims) -> I64:
        import numpy as np

        times = np.ones(victims.cells.rows, dtype=np.int64)
        times[victims.rows] += self.copies
        return np.repeat(np.arange(victims.cells.rows), times)
