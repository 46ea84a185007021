"""data.affix"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import TextFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["Affix"]


@register
class Affix(TextFault):
    """Something sticks to a text: quotes, a blank, a unit, a tenant's name.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"dest": ["LAX"]}), "data.affix", column="dest", suffix=" ", rate=1, seed=7).to_pydict()
    {'dest': ['LAX ']}
    """

    name: ClassVar[str] = "data.affix"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "dest", "suffix": " ", "rate": 0.2})

    prefix: str = Field(default="", description="What comes before the text.")
    suffix: str = Field(default="", description="What comes behind it.")

    @model_validator(mode="after")
    def _something(self) -> Affix:
        if not self.prefix and not self.suffix:
            raise ValueError("expected a prefix or a suffix")
        for name, text in (("prefix", self.prefix), ("suffix", self.suffix)):
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise ValueError(f"{name}: expected text that UTF-8 can hold, got half a surrogate pair in {text!a}")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import joined_text

        return joined_text(values, self.prefix, self.suffix)
