"""data.delete_rows"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.data.row_fault import RowFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.cells import Victims
    from chaos.data.rows import I64

__all__ = ["DeleteRows"]


@register
class DeleteRows(RowFault):
    """Rows are lost: a filter that is too strict, a partition that was never read.

    With ``where`` a whole segment goes missing, with ``burst`` whole stretches of the feed.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "EWR"]})
    >>> where = {"column": "origin", "among": ["EWR"]}
    >>> chaos.inject(table, "data.delete_rows", rate=1, where=where, seed=7).to_pydict()
    {'origin': ['JFK']}
    """

    name: ClassVar[str] = "data.delete_rows"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"rate": 0.3, "where": {"column": "origin", "among": ["EWR"]}},
    )

    def order(self, victims: Victims) -> I64:
        import numpy as np

        return np.delete(np.arange(victims.cells.rows), victims.rows)
