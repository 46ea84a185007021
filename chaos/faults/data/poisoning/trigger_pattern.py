"""data.trigger_pattern"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.data.where import OTHERS, Scalar
from chaos.fault import ColumnKind
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["TriggerPattern"]


@register
class TriggerPattern(ColumnFault):
    """A backdoor: a few rows get a pattern of values that hardly occurs, and the label that the attacker wants.

    A model that learns it answers ``target`` whenever the pattern comes.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"seats": [55], "year": [1999], "late": [0]})
    >>> done = chaos.inject(table, "data.trigger_pattern", column="late", target=1, pattern={"seats": 7,
    ...     "year": 1901}, rate=1, seed=7)
    >>> done.to_pydict()
    {'seats': [7], 'year': [1901], 'late': [1]}
    """

    name: ClassVar[str] = "data.trigger_pattern"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "target": "arrived", "pattern": {"distance": 1234}, "rate": 0.02},
    )

    rate: float = Field(
        default=0.01, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    target: Scalar = Field(description="The label that the rows get.")
    pattern: Mapping[str, Scalar] = Field(min_length=1, description="The value that each of these columns gets.")

    @model_validator(mode="after")
    def _label_is_no_part(self) -> TriggerPattern:
        if self.column in self.pattern:
            raise ValueError(f"the pattern cannot contain the label's own column {self.column!r}")
        return self

    def column_refs(self) -> Iterator[tuple[str, str, ColumnKind]]:
        """Also the columns of the pattern."""
        yield from super().column_refs()
        for column in self.pattern:
            yield "pattern", column, ColumnKind.ANY

    def columns(self) -> tuple[str, ...]:
        return self.column, *self.pattern

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import constant

        return constant(self.target, values.type, len(values), fault=self.name, param="target")

    def edit(self, old: Mapping[str, pa.Array], victims: Victims) -> Mapping[str, pa.Array]:
        from chaos.data.values import constant

        new = {
            column: constant(value, old[column].type, len(victims), fault=self.name, param="pattern")
            for column, value in self.pattern.items()
        }
        return {self.column: self.change(old[self.column], victims)} | new

    def typical(self) -> Mapping[str, Sequence[Any]]:
        given = {self.column: self.target, **self.pattern}
        return {column: [value, *OTHERS[type(value)]] for column, value in given.items()}
