"""One adapter a kind of frame: each moves only the cells that a fault touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from chaos.data.rows import I64

#: The columns of a new frame: the name of each, and its place in the old frame or its values.
Arrangement = Sequence[tuple[Any, int | pa.ChunkedArray]]


class Adapter(Protocol):
    """What the engine needs of a kind of frame. Frames go in untouched; new ones come out, sharing columns."""

    def names(self, frame: Any) -> Sequence[Any]:
        """Column names in order, as often as they occur."""
        ...

    def rows(self, frame: Any) -> int:
        """How many rows."""
        ...

    def column(self, frame: Any, name: str) -> Any:
        """A column as the frame holds it, for the methods that follow."""
        ...

    def type_of(self, column: Any) -> pa.DataType:
        """The Arrow type of a column's values, without its dictionary."""
        ...

    def gather(self, column: Any, rows: I64 | None) -> pa.Array:
        """A column's values at some rows, ascending, or all of them; in a dictionary if it has one."""
        ...

    def digits(self, column: Any, rows: I64) -> I64 | None:
        """The digits behind the point of the decimals at some rows, where each may have other ones; -1 for null."""
        ...

    def scattered(self, column: Any, rows: I64, values: pa.Array, form: Any = None) -> Any:
        """The column with other values at the rows; dtype kept, made nullable or wider only where it must.

        With a ``form`` the column gets back exactly the dtype that `form` told of.
        """
        ...

    def form(self, column: Any, rows: I64, values: pa.Array) -> Any:
        """What is needed to restore a column's dtype, and its values at these rows, besides the values."""
        ...

    def put(self, frame: Any, columns: Mapping[str, Any]) -> Any:
        """The frame with other columns under these names, in their places."""
        ...

    def take_rows(self, frame: Any, order: I64) -> Any:
        """The frame's rows in this order."""
        ...

    def labels(self, frame: Any) -> Any:
        """The names of the rows, if they have any."""
        ...

    def put_back(self, frame: Any, originals: Any, inverse: I64, labels: Any) -> Any:
        """The rows of both frames, one behind the other, in this order, with these names."""
        ...

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        """These columns as an Arrow table, without copying where the layouts agree."""
        ...

    def is_plain(self, column: Any) -> bool:
        """Whether the column is of the dtype that `replace` gives to values of its type."""
        ...

    def replace(self, frame: Any, name: str, column: pa.Array) -> Any:
        """The whole column, type included."""
        ...

    def rename(self, frame: Any, old: str, new: str) -> Any:
        """A column renamed in place."""
        ...

    def drop(self, frame: Any, name: str) -> Any:
        """The frame without a column."""
        ...

    def insert(self, frame: Any, index: int, name: str, column: Any) -> Any:
        """The frame with a column, as `column` gives it, put in."""
        ...

    def arranged(self, frame: Any, columns: Arrangement) -> Any:
        """The frame with these columns in this order; those that it has had before are as they were."""
        ...


def adapter_of(frame: object) -> Adapter:
    """The adapter for the frame's kind, or for what it is a kind of; raises ``TypeError`` for what is no frame."""
    for ancestor in type(frame).__mro__:
        package = ancestor.__module__.partition(".")[0]
        kind = ancestor.__name__
        if package == "pandas" and kind == "DataFrame":
            from chaos.data.adapters.pandas import PandasAdapter

            return PandasAdapter()
        if package == "polars" and kind == "DataFrame":
            from chaos.data.adapters.polars import PolarsAdapter

            return PolarsAdapter()
        if package == "pyarrow" and kind in ("Table", "RecordBatch"):
            from chaos.data.adapters.arrow import ArrowAdapter

            return ArrowAdapter()
    package, kind = type(frame).__module__.partition(".")[0], type(frame).__name__
    hint = "; collect() it first" if kind == "LazyFrame" else ""
    raise TypeError(f"expected a pandas DataFrame, a polars DataFrame or a pyarrow Table, got {package}.{kind}{hint}")
