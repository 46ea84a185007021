"""data.concept_drift"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.data.course import Course
from chaos.data.where import Scalars, require_different
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["ConceptDrift"]


@register
class ConceptDrift(Course, ColumnFault):
    """The same features mean another label from now on: labels change where ``where`` says, in the course of the drift.

    The label becomes the next one of ``classes`` (the last becomes the first).

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"wind": [5.0, 40.0], "late": [0, 0]})
    >>> where = {"column": "wind", "above": 30}
    >>> done = chaos.inject(table, "data.concept_drift", column="late", classes=[0, 1],
    ...     where=where, seed=7)
    >>> done["late"].to_pylist()
    [0, 1]
    """

    name: ClassVar[str] = "data.concept_drift"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "classes": ["arrived", "cancelled"], "where": {"column": "distance", "above": 1000}},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    classes: Scalars = Field(min_length=2, description="The labels that there are.")

    @model_validator(mode="after")
    def _different(self) -> ConceptDrift:
        require_different(self.classes, "classes")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.categories import next_of
        from chaos.data.columns import picked

        changed = next_of(values, self.classes, fault=self.name, param="classes")
        return picked(victims.draws("drifted") < self.progress(victims), changed, values)

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: self.classes}
