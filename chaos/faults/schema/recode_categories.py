"""schema.recode_categories"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_rewrite import ColumnRewrite
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RecodeCategories"]


def _digest(value: str) -> str:
    return blake2b(value.encode(), digest_size=4).hexdigest()


_STYLES: Mapping[str, Callable[[str], Any]] = {
    "lower": str.lower,
    "upper": str.upper,
    "padded": lambda value: f" {value} ",
    "hash": _digest,
    "number": lambda value: int(_digest(value), 16),
}


@register
class RecodeCategories(ColumnRewrite):
    """A producer encodes categories in another way; each still has exactly one code, but no code is known any more.

    ``lower`` and ``upper`` case, ``padded`` with a space on both sides, a ``hash`` of 8 digits, a whole ``number``.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "LGA", "JFK"]})
    >>> made = chaos.inject(table, "schema.recode_categories", column="origin", style="lower", seed=7)
    >>> made["origin"].to_pylist()
    ['jfk', 'lga', 'jfk']
    """

    name: ClassVar[str] = "schema.recode_categories"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "carrier", "style": "lower"},
    )

    column: Annotated[str, ColumnRef(ColumnKind.TEXT)] = Field(description="The column of categories.")
    style: Literal["lower", "upper", "padded", "hash", "number"] = Field(
        default="lower", description="The new encoding."
    )

    def typical(self) -> Mapping[str, Sequence[Any]]:
        """Categories in mixed case."""
        return {self.column: ["Jfk", "Lga", None]}

    def rewrite(self, values: pa.Array) -> pa.Array:
        import pyarrow as pa

        coded = values.dictionary_encode()
        style = _STYLES[self.style]
        kind = pa.int64() if self.style == "number" else pa.string()
        codes = pa.array([style(str(value)) for value in coded.dictionary.to_pylist()], kind)
        return codes.take(coded.indices)
