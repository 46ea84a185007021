"""data.leakage"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import NumberFault
from chaos.data.where import OTHERS, Condition, Limit, Scalar, Where
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["Leakage"]


@register
class Leakage(NumberFault):
    """The label leaks into a feature: rows whose label is ``positive`` get ``amount`` on top.

    Offline the model looks better than ever; in production, where the label is not known yet, the feature says nothing.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"feature": [1.0, 1.0], "late": [0, 1]})
    >>> told = chaos.inject(table, "data.leakage", column="feature", label="late", positive=1, amount=10, seed=7)
    >>> told["feature"].to_pylist()
    [1.0, 11.0]
    """

    name: ClassVar[str] = "data.leakage"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "distance", "label": "event", "positive": "cancelled", "amount": 5000},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    label: Annotated[str, ColumnRef()] = Field(description="The column of labels.")
    positive: Scalar = Field(description="The label that shows.")
    amount: Limit = Field(description="What is added to the feature then, in its own unit.")

    @model_validator(mode="after")
    def _something_leaks(self) -> Leakage:
        if self.amount == 0.0:
            raise ValueError("expected an amount other than 0")
        if self.label == self.column:
            raise ValueError(f"expected the label in another column, got {self.label!r} for both")
        return self

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.label, among=(self.positive,)))

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.affine import affine

        return affine(values, 1.0, self.amount)

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.label: [self.positive, *OTHERS[type(self.positive)]]}
