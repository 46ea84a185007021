"""data.sign_flip"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.data.column_fault import NumberFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["SignFlip"]


@register
class SignFlip(NumberFault):
    """Numbers change their sign: debit for credit, west for east. Columns that know no negative numbers keep 0 instead.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"delay": [12, -3]}), "data.sign_flip", column="delay", rate=1, seed=7).to_pydict()
    {'delay': [-12, 3]}
    """

    name: ClassVar[str] = "data.sign_flip"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "dep_delay", "rate": 0.05})

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.columns import mapped

        return mapped(values, lambda v: 0.0 - v)
