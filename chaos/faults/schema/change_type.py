"""schema.change_type"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_rewrite import ColumnRewrite
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ChangeType"]


@register
class ChangeType(ColumnRewrite):
    """A producer writes a column in another type.

    ``text``: as text; ``text_comma``: as text with a decimal comma; ``integer``: fractions are dropped;
    ``float``: whole numbers get a fraction part. What has no value in the new type becomes null.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.5]})
    >>> chaos.inject(table, "schema.change_type", column="temp", to="text_comma", seed=7).to_pydict()
    {'temp': ['39,5']}
    """

    name: ClassVar[str] = "schema.change_type"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "to": "text_comma"},
    )

    to: Literal["text", "text_comma", "integer", "float"] = Field(default="text", description="What it becomes.")

    def rewrite(self, values: pa.Array) -> pa.Array:
        from chaos.data.casts import cast

        return cast(values, self.to)
