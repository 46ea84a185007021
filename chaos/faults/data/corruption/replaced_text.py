"""data.replaced_text"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import TextFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["ReplacedText"]


@register
class ReplacedText(TextFault):
    """A piece of text is replaced by another one wherever it occurs: a careless search and replace.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"day": ["2013-01-31"]})
    >>> chaos.inject(table, "data.replaced_text", column="day", find="-", by="/", rate=1, seed=7).to_pydict()
    {'day': ['2013/01/31']}
    """

    name: ClassVar[str] = "data.replaced_text"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "tailnum", "find": "N", "by": "M", "rate": 0.2},
    )

    find: str = Field(min_length=1, description="What is replaced.")
    by: str = Field(description="What stands there then.")

    @model_validator(mode="after")
    def _two_texts(self) -> ReplacedText:
        if self.find == self.by:
            raise ValueError(f"expected 'by' to be another text than 'find', got {self.by!r} for both")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import pyarrow.compute as pc

        return pc.replace_substring(values, self.find, self.by)

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [f"a{self.find}b", "other"]}
