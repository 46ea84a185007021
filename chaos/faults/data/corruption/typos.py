"""data.typos"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_fault import TextFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

Kind = Literal["neighbour", "exchange", "omit", "double"]

__all__ = ["Typos"]


@register
class Typos(TextFault):
    """Typing errors: a neighbouring key, two characters exchanged, one left out, one doubled. Every victim is changed.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"name": ["Boeing"]}), "data.typos", column="name", rate=1, seed=7).to_pydict()
    {'name': ['Boeng']}
    """

    name: ClassVar[str] = "data.typos"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "dest", "rate": 0.1})

    errors: int = Field(default=1, ge=1, le=20, description="How many errors a text gets, each on top of the last.")

    kinds: tuple[Kind, ...] = Field(
        default=("neighbour", "exchange", "omit", "double"), min_length=1, description="The kinds, each equally likely."
    )

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.typing_errors import typo

        for i in range(self.errors):
            values = typo(values, victims.bits(f"error {i}"), self.kinds)
        return values
