"""data.mojibake"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_fault import TextFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["Mojibake"]


@register
class Mojibake(TextFault):
    """Text is decoded in another encoding than it was written in.

    ``utf8_as_latin1`` and ``utf8_as_cp1252`` leave ASCII as it is (the ledger shows how many cells changed);
    ``utf16_as_latin1`` puts a zero byte behind every letter.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"city": ["Zürich"]}), "data.mojibake", column="city", rate=1, seed=7).to_pydict()
    {'city': ['ZÃ¼rich']}
    """

    name: ClassVar[str] = "data.mojibake"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:planes",
        {"column": "manufacturer", "rate": 0.3, "encoding": "utf16_as_latin1"},
    )

    encoding: Literal["utf8_as_latin1", "utf8_as_cp1252", "utf16_as_latin1"] = Field(
        default="utf8_as_latin1", description="Which encoding is read as which."
    )

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.text import mojibake

        return mojibake(values, self.encoding)

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: ["Zürich", "JFK", "東京"]}
