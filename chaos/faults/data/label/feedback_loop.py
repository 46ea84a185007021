"""data.feedback_loop"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault
from chaos.data.where import OTHERS, Condition, Limit, Scalar, Where
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["FeedbackLoop"]


@register
class FeedbackLoop(ColumnFault):
    """The model decides which labels are ever found out.

    Where its score was below ``threshold``, ``unseen`` is recorded: claims that nobody investigates count as honest.
    Trained on that, the next model looks even less.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"score": [0.2, 0.9], "fraud": [1, 1]})
    >>> loop = chaos.inject(table, "data.feedback_loop", column="fraud", score="score", threshold=0.5, unseen=0, seed=7)
    >>> loop["fraud"].to_pylist()
    [0, 1]
    """

    name: ClassVar[str] = "data.feedback_loop"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "event", "score": "distance", "threshold": 700, "unseen": "arrived"},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    score: Annotated[str, ColumnRef(ColumnKind.NUMBER)] = Field(description="The column of the model's scores.")
    threshold: Limit = Field(default=0.5, description="From this score on somebody looks.")
    unseen: Scalar = Field(description="The label that is recorded where nobody looks.")

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.score, below=self.threshold))

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import constant

        return constant(self.unseen, values.type, len(values), fault=self.name, param="unseen")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [self.unseen, *OTHERS[type(self.unseen)]]}
