"""schema.number_format"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_rewrite import ColumnRewrite
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NumberFormat"]

#: {locale: (thousands separator, decimal sign)}
_SIGNS: Mapping[str, tuple[str, str]] = {
    "us": (",", "."),
    "de": (".", ","),
    "fr": ("\u00a0", ","),
    "ch": ("'", "."),
    "accounting": (",", "."),
}


@register
class NumberFormat(ColumnRewrite):
    """A producer writes numbers as text for people of some country.

    12,345.5 (``us``), 12.345,5 (``de``), 12 345,5 with a no-break space (``fr``), 12'345.5 (``ch``); ``accounting``
    is ``us`` with negative numbers in parentheses. Small numbers may still parse, which is what makes it silent.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"distance": [2475.5, -760.0, None]})
    >>> chaos.inject(table, "schema.number_format", column="distance", locale="de", seed=7)["distance"].to_pylist()
    ['2.475,5', '-760,0', None]
    """

    name: ClassVar[str] = "schema.number_format"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "distance", "locale": "us"},
    )

    column: Annotated[str, ColumnRef(ColumnKind.NUMBER)] = Field(description="The column to change.")
    locale: Literal["us", "de", "fr", "ch", "accounting"] = Field(
        default="de", description="Whose way of writing numbers."
    )

    def rewrite(self, values: pa.Array) -> pa.Array:
        import pyarrow as pa

        return pa.array([None if v is None else self._text(v) for v in values.to_pylist()], pa.string())

    def _text(self, number: float) -> str:
        thousands, decimal = _SIGNS[self.locale]
        text = f"{number:,}".translate({ord(","): thousands, ord("."): decimal})
        if self.locale == "accounting" and text.startswith("-"):
            return f"({text[1:]})"
        return text
