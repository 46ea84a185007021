"""One adapter a kind of frame: each moves only the columns that a fault touches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa

from chaos.data.rows import I64


class Adapter(Protocol):
    """What the engine needs of a kind of frame. Frames go in untouched; new ones come out, sharing columns."""

    def names(self, frame: Any) -> Sequence[Any]:
        """Column names in order, as often as they occur."""
        ...

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        """These columns as an Arrow table, without copying where the layouts agree."""
        ...

    def set_cells(self, frame: Any, name: str, column: pa.Array, rows: I64) -> Any:
        """The column's cells at the rows as in ``column``; dtype kept (made nullable where it must)."""
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

    def insert(self, frame: Any, index: int, name: str, column: pa.Array) -> Any:
        """The frame with a column put in."""
        ...


def adapter_of(frame: object) -> Adapter:
    """The adapter for the frame's kind; raises ``TypeError`` for what is no frame."""
    package = type(frame).__module__.partition(".")[0]
    kind = type(frame).__name__
    if package == "pandas" and kind == "DataFrame":
        from chaos.data.adapters.pandas import PandasAdapter

        return PandasAdapter()
    if package == "polars" and kind == "DataFrame":
        from chaos.data.adapters.polars import PolarsAdapter

        return PolarsAdapter()
    if package == "pyarrow" and kind in ("Table", "RecordBatch"):
        from chaos.data.adapters.arrow import ArrowAdapter

        return ArrowAdapter()
    hint = "; collect() it first" if kind == "LazyFrame" else ""
    raise TypeError(f"expected a pandas DataFrame, a polars DataFrame or a pyarrow Table, got {package}.{kind}{hint}")
