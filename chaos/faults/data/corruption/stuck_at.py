"""data.stuck_at"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault, Context
from chaos.data.where import OTHERS, Scalar
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["StuckAt"]


@register
class StuckAt(ColumnFault):
    """A sensor sticks: the same value comes again and again.

    With ``value`` it is that one. Without, runs of ``burst`` rows are hit, and each repeats its first value (the first
    of the run in the batch, where a run began in an earlier one).

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [1.0, 2.0, 3.0, 4.0]})
    >>> chaos.inject(table, "data.stuck_at", column="temp", rate=1, burst=2, seed=7).to_pydict()
    {'temp': [1.0, 1.0, 3.0, 3.0]}
    """

    name: ClassVar[str] = "data.stuck_at"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "temp", "rate": 0.5, "burst": 8})

    value: Scalar | None = Field(default=None, description="The value, of the column's kind; by default a run's first.")

    @model_validator(mode="after")
    def _a_value_or_runs(self) -> StuckAt:
        if self.value is None and self.burst < 2:
            raise ValueError("expected a value, or burst of 2 rows or more to repeat the first value of each run")
        return self

    def context(self) -> Context:
        return "batch" if self.value is None else super().context()

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        from chaos.data.values import constant

        if self.value is not None:
            return constant(self.value, values.type, len(values), fault=self.name, param="value")
        run = victims.ids.at(victims.rows) // np.uint64(self.burst)
        begins = np.concatenate([[True], run[1:] != run[:-1]])
        first = np.maximum.accumulate(np.where(begins, np.arange(len(run)), 0))
        return values.take(pa.array(first))

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {} if self.value is None else {self.column: [self.value, *OTHERS[type(self.value)]]}
