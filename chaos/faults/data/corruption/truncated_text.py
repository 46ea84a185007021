"""data.truncated_text"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import TextFault
from chaos.fault import Unit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["TruncatedText"]


@register
class TruncatedText(TextFault):
    """Text is cut off after some characters, as by a column that became too narrow.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"name": ["Boeing"]})
    >>> chaos.inject(table, "data.truncated_text", column="name", length=3, rate=1, seed=7).to_pydict()
    {'name': ['Boe']}
    """

    name: ClassVar[str] = "data.truncated_text"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "tailnum", "length": 3, "rate": 0.2})

    length: Annotated[int, Unit("characters")] = Field(ge=0, le=1_000_000, description="How many characters are left.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import pyarrow.compute as pc

        return pc.utf8_slice_codeunits(values, 0, self.length)
