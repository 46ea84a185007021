"""Data faults as a library: ``chaos.inject`` on pandas, polars and pyarrow frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import pyarrow as pa

from chaos.data.adapters import Adapter, adapter_of
from chaos.data.columns import joined, whole
from chaos.data.ledger import CellsChanged, ColumnDropped, ColumnRenamed, ColumnReplaced, Corruption, Step
from chaos.errors import InvalidFault, Problem, suggestion
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch
from chaos.registry import registry

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Corrupted(Generic[F]):
    """A corrupted frame, and the ledger: what was requested, selected, changed, where, and what it was."""

    frame: F
    ledger: Corruption

    def reverted(self) -> F:
        """The frame as it was before."""
        return revert(self.frame, self.ledger)


def inject(frame: F, fault: str | FeedFault, *, seed: int, offset: int = 0, **params: Any) -> F:
    """A frame of the same kind with the fault in it. The input is never changed; untouched columns are shared.

    ``fault`` is a name, with its parameters as keywords, or a fault already made. ``seed`` decides which rows are
    hit. ``offset`` is the position of the frame's first row in the whole, for a table that comes in parts.
    Raises `chaos.errors.ChaosError` for an unknown fault, wrong parameters or a missing column.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"seats": [55, 189, 20]})
    >>> inject(frame, "data.null_spike", column="seats", rate=0.5, seed=4)["seats"].dtype
    Int64Dtype()
    """
    return corrupt(frame, fault, seed=seed, offset=offset, **params).frame


def corrupt(frame: F, fault: str | FeedFault, *, seed: int, offset: int = 0, **params: Any) -> Corrupted[F]:
    """As `inject`, with the ledger.

    >>> frame = pa.table({"temp": [39.0, 41.0, None]})
    >>> done = corrupt(frame, "data.null_spike", column="temp", rate=1.0, seed=7)
    >>> done.ledger.selected, done.ledger.changed, done.reverted().equals(frame)
    (3, 2, True)
    """
    made = _fault(fault, params)
    adapter = adapter_of(frame)
    names = list(adapter.names(frame))
    wanted = list(dict.fromkeys(column for _, column, _ in made.column_refs()))
    _require(made, names, wanted)
    try:
        table = adapter.take(frame, wanted)
    except (pa.ArrowException, TypeError, ValueError) as error:
        problem = Problem("column", f"the values of {', '.join(wanted)} are not of one type: {error}")
        raise InvalidFault(made.name, [problem]) from None
    batch, ledger = made.corrupt(Batch.of(table, first_row=offset), seed=seed)
    if ledger is None:
        ledger = Corruption(made.name, table.num_rows, 0.0, 0, 0)
    steps = [_in_frame(step, names) for step in ledger.steps]
    out = frame
    for step in steps:
        out = _do(adapter, out, step, batch.table, made.name)
    return Corrupted(out, replace(ledger, steps=tuple(steps)))


def revert(frame: F, ledger: Corruption) -> F:
    """The frame as it was before a corruption of which ``ledger`` tells."""
    adapter = adapter_of(frame)
    out: Any = frame
    for step in reversed(ledger.steps):
        if isinstance(step, ColumnRenamed):
            out = adapter.rename(out, step.new, step.old)
        elif isinstance(step, ColumnDropped):
            out = adapter.insert(out, step.index, str(step.field.name), joined(step.original))
        elif isinstance(step, ColumnReplaced):
            out = adapter.replace(out, step.column, joined(step.original))
        else:
            restored = whole(step.undo(adapter.take(out, [step.column])), step.column)
            out = adapter.set_cells(out, step.column, restored, step.rows)
    return out  # type: ignore[no-any-return]


def _fault(fault: str | FeedFault, params: dict[str, Any]) -> FeedFault:
    made = registry.create(fault, params) if isinstance(fault, str) else fault
    if not isinstance(made, FeedFault) or type(made).corrupt is FeedFault.corrupt:
        raise InvalidFault(made.name, [Problem("", "acts on a running pipeline, not on what is in a frame")])
    if params and not isinstance(fault, str):
        raise InvalidFault(made.name, [Problem(next(iter(params)), "the fault has its parameters already")])
    return made


def _require(fault: FeedFault, names: list[Any], wanted: list[str]) -> None:
    problems = []
    for param, column, _ in fault.column_refs():
        if column not in names:
            known = [str(name) for name in names]
            hint = suggestion(column, known) or f" Columns: {', '.join(known) or 'none'}."
            problems.append(Problem(param, f"no column {column!r}.{hint}"))
        elif names.count(column) > 1:
            problems.append(Problem(param, f"column {column!r} occurs {names.count(column)} times"))
    if problems:
        raise InvalidFault(fault.name, problems)


def _in_frame(step: Step, names: list[Any]) -> Step:
    """The fault saw only the columns that it names: places are put in terms of the frame."""
    if isinstance(step, ColumnDropped):
        return replace(step, index=names.index(step.field.name))
    return step


def _do(adapter: Adapter, frame: Any, step: Step, after: pa.Table, fault: str) -> Any:
    if isinstance(step, CellsChanged):
        return adapter.set_cells(frame, step.column, whole(after, step.column), step.rows)
    if isinstance(step, ColumnReplaced):
        return adapter.replace(frame, step.column, whole(after, step.column))
    if isinstance(step, ColumnDropped):
        return adapter.drop(frame, str(step.field.name))
    if step.new in list(adapter.names(frame)):
        raise InvalidFault(fault, [Problem("to", f"there is a column {step.new!r} already")])
    return adapter.rename(frame, step.old, step.new)
