"""data.bit_flips"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import NumberFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["BitFlips"]


@register
class BitFlips(NumberFault):
    """One bit of a number is the other way round: bad memory, a bad disk, a bad wire.

    By default any bit; ``bit`` fixes it (0 is the lowest). A float may become huge, infinite or no number.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"seats": [55]}), "data.bit_flips", column="seats", bit=3, rate=1, seed=7).to_pydict()
    {'seats': [63]}
    """

    name: ClassVar[str] = "data.bit_flips"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "distance", "rate": 0.01, "bit": 12})

    bit: int | None = Field(default=None, ge=0, le=63, description="Which bit; by default one drawn for each cell.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.bits import flipped

        return flipped(values, self.bit, victims, fault=self.name)
