"""data.null_spike"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.data.column_fault import ColumnFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["NullSpike"]


@register
class NullSpike(ColumnFault):
    """Values of a column go missing; the column keeps its type.

    An upstream join stops matching, a sensor drops out, an optional field is no longer filled in.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"temp": [39.0, 41.0]}), "data.null_spike", column="temp", rate=1.0, seed=7).to_pydict()
    {'temp': [None, None]}
    """

    name: ClassVar[str] = "data.null_spike"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "temp", "rate": 0.3})

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import pyarrow as pa

        return pa.nulls(len(values), values.type)
