"""Data faults as a library: ``chaos.inject`` on pandas, polars and pyarrow frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import index
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa

from chaos.data.adapters import Adapter, Arrangement, adapter_of
from chaos.data.chain import Selection
from chaos.data.column_fault import CellFault, require
from chaos.data.column_rewrite import ColumnRewrite
from chaos.data.columns import is_text, whole
from chaos.data.decimals import ROOM
from chaos.data.frame_cells import MIXED, FrameCells, mixed
from chaos.data.ledger import (
    CellsChanged,
    ColumnDropped,
    ColumnRenamed,
    ColumnReplaced,
    Corruption,
    RowsTaken,
    Step,
    TableReplaced,
    together,
)
from chaos.data.row_fault import RowFault, moved_ids
from chaos.data.rows import I64, RowIds
from chaos.errors import InvalidFault, Problem, suggestion
from chaos.fault import Fault, FeedFault
from chaos.gateway.batch import Batch
from chaos.registry import registry

F = TypeVar("F")

#: Field metadata: the place in the frame of the column that it stands for.
_PLACE = b"place"


@dataclass(frozen=True, slots=True)
class Corrupted(Generic[F]):
    """A corrupted frame, and the ledger: what was requested, selected, changed, where, and what it was."""

    frame: F
    ledger: Corruption

    def reverted(self) -> F:
        """The frame as it was before."""
        return revert(self.frame, self.ledger)


def inject(frame: F, *faults: str | FeedFault, seed: int, first_row: int = 0, **params: Any) -> F:
    """A frame of the same kind with the fault in it. The input is never changed; untouched columns are shared.

    The fault is a name, with its parameters as keywords, or one or more faults already made, which are injected in
    this order with one pass of row selection. ``seed`` decides which rows are hit. ``first_row`` is the position of the
    frame's first row in the whole, for a table that comes in parts.
    Raises `chaos.errors.ChaosError` for an unknown fault, wrong parameters or a missing column, and ``TypeError`` or
    ``ValueError`` for what is no frame, no fault, no seed or no position.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"seats": [55, 189, 20]})
    >>> inject(frame, "data.null_spike", column="seats", rate=0.5, seed=1)["seats"].dtype
    Int64Dtype()
    """
    return corrupt(frame, *faults, seed=seed, first_row=first_row, **params).frame


def corrupt(frame: F, *faults: str | FeedFault, seed: int, first_row: int = 0, **params: Any) -> Corrupted[F]:
    """As `inject`, with the ledger.

    >>> frame = pa.table({"temp": [39.0, 41.0, None]})
    >>> done = corrupt(frame, "data.null_spike", column="temp", rate=1.0, seed=7)
    >>> done.ledger.selected, done.ledger.changed, done.reverted().equals(frame)
    (3, 2, True)
    """
    made = [make_fault(fault, params) for fault in faults]
    if not made:
        raise TypeError("expected the name of a fault, or faults, after the frame")
    adapter = adapter_of(frame)
    seed, first_row = whole_number("seed", seed), whole_number("first_row", first_row)
    if first_row < 0:
        raise ValueError(f"expected the position of the first row, 0 or more, as first_row, got {first_row}")
    out: Any = frame
    carried: RowIds | None = None
    ledgers: list[Corruption] = []
    start = 0
    while start < len(made):
        stop = start + 1
        while stop < len(made) and isinstance(made[stop - 1], CellFault):
            stop += 1
        out, done, carried = _run(adapter, out, made[start:stop], seed, first_row, carried)
        ledgers += done
        start = stop
    ledger = ledgers[0] if len(ledgers) == 1 else together(ledgers, adapter.rows(frame))
    return Corrupted(out, ledger)


def _run(
    adapter: Adapter, frame: Any, faults: Sequence[FeedFault], seed: int, first_row: int, carried: RowIds | None
) -> tuple[Any, list[Corruption], RowIds | None]:
    """Some faults of which only the last may change which rows and columns there are.

    The new frame, what each did, and the names of the rows if they are no longer positions.
    """
    cells = FrameCells(adapter, frame, faults[0].name)
    for fault in faults:
        _require_once(fault, cells.names())
    selection = Selection.of([(fault, seed) for fault in faults], cells, first_row, carried)
    ledgers = []
    for place, fault in enumerate(faults):
        cells.fault = fault.name
        candidates = selection.found.get(place)
        if isinstance(fault, CellFault):
            require(fault, cells)
            done = fault.diff(cells, selection.named(cells, fault.key), seed=seed, candidates=candidates)
            ledgers.append(replace(done, steps=tuple(map(cells.change, done.cell_steps()))))
        elif isinstance(fault, RowFault):
            require(fault, cells)
            done = fault.moves(cells, selection.named(cells, fault.key), seed=seed, candidates=candidates)
            out, done, order = _moved(adapter, cells.frame(), done)
            carried = carried if order is None else moved_ids(selection.named(cells, ()), order)
            return out, [*ledgers, done], carried
        else:
            out, done = _whole_table(adapter, cells.frame(), fault, seed, first_row)
            return out, [*ledgers, done], carried
    return cells.frame(), ledgers, carried


def _moved(adapter: Adapter, frame: Any, done: Corruption) -> tuple[Any, Corruption, I64 | None]:
    """The frame with its rows moved, the ledger fit for its revert, and the order that the rows were taken in."""
    for step in done.steps:
        assert isinstance(step, RowsTaken)
        kept = replace(step, originals=adapter.take_rows(frame, step.removed), labels=adapter.labels(frame))
        return adapter.take_rows(frame, step.order), replace(done, steps=(kept,)), step.order
    return frame, done, None


def _whole_table(adapter: Adapter, frame: Any, fault: FeedFault, seed: int, first_row: int) -> tuple[Any, Corruption]:
    """A fault that is no draw of cells or rows: it gets what it looks at as a table."""
    names = list(adapter.names(frame))
    wanted = list(dict.fromkeys(column for _, column, _ in fault.column_refs()))
    try:
        table = _seen(adapter, frame, fault, names, wanted)
        batch = replace(Batch.of(table, first_row=first_row), digits=_digits(adapter, frame, fault))
    except MIXED as error:
        raise mixed(fault.name, ", ".join(wanted), error) from None
    batch, ledger = fault.corrupt(batch, seed=seed)
    done = ledger or Corruption(fault.name, table.num_rows, 0.0, 0, 0)
    out = frame
    steps = [_in_frame(adapter, step, names, frame) for step in done.steps]
    for step in steps:
        out = _do(adapter, out, step, batch.table, fault.name)
    return out, replace(done, steps=tuple(steps))


def _seen(adapter: Adapter, frame: Any, fault: FeedFault, names: list[Any], wanted: list[str]) -> pa.Table:
    """The columns that a fault names, or all of them if it names none; for what it does not look at there are blanks.

    If it changes which columns there are, it sees all names, and each field tells which column of the frame it is.
    """
    if fault.reads and not fault.reshapes:
        return adapter.take(frame, wanted or names)
    read = wanted if fault.reads else []
    values = adapter.take(frame, read)
    blank = pa.nulls(adapter.rows(frame))
    fields, contents = [], []
    for place, name in enumerate(names):
        if fault.reshapes or name in wanted:
            field = values.schema.field(name) if name in read else pa.field(str(name), blank.type)
            fields.append(field.with_metadata({_PLACE: str(place).encode()}))
            contents.append(values.column(name) if name in read else blank)
    if not fields:
        return pa.table([blank], names=[""]).select([])  # which has rows
    return pa.Table.from_arrays(contents, schema=pa.schema(fields))


def _digits(adapter: Adapter, frame: Any, fault: FeedFault) -> dict[str, I64]:
    """The digits that each decimal of a column to rewrite has behind the point, where each may have other ones."""
    if not isinstance(fault, ColumnRewrite) or not adapter.rows(frame):
        return {}
    found = adapter.digits(adapter.column(frame, fault.column), np.arange(adapter.rows(frame)))
    return {} if found is None else {fault.column: found}


def _arrangement(after: pa.Table, names: list[Any]) -> Arrangement:
    """What became of the columns that `_seen` showed."""
    columns: list[tuple[Any, int | pa.ChunkedArray]] = []
    for field, values in zip(after.schema, after.columns, strict=True):
        mark = (field.metadata or {}).get(_PLACE)
        if mark is None:
            columns.append((field.name, values))
        else:
            old = names[int(mark)]  # a name in pandas may be of any type
            columns.append((old if str(old) == field.name else field.name, int(mark)))
    return columns


def revert(frame: F, ledger: Corruption) -> F:
    """The frame as it was before a corruption of which ``ledger`` tells.

    Raises ``ValueError`` if it is another frame, as far as its rows and columns show.
    """
    adapter = adapter_of(frame)
    _require_corrupted(adapter, frame, ledger)
    out: Any = frame
    for step in reversed(ledger.steps):
        out = _undo(adapter, out, step)
    return out  # type: ignore[no-any-return]


def _require_corrupted(adapter: Adapter, frame: Any, ledger: Corruption) -> None:
    rows: int | None = ledger.rows
    for step in ledger.steps:
        if isinstance(step, RowsTaken):
            rows = len(step.order)
        elif isinstance(step, TableReplaced):
            rows = None  # which may have any number of them
    if rows is not None and ledger.steps and rows != adapter.rows(frame):
        raise ValueError(
            f"expected the frame that the ledger is about, of {rows} rows, got one of {adapter.rows(frame)}"
        )
    last = ledger.steps[-1] if ledger.steps else None
    if isinstance(last, CellsChanged | ColumnReplaced) and last.column not in list(adapter.names(frame)):
        raise ValueError(f"expected the frame that the ledger is about, got one without column {last.column!r}")


def _undo(adapter: Adapter, frame: Any, step: Step) -> Any:
    if isinstance(step, CellsChanged):
        column = adapter.column(frame, step.column)
        restored = adapter.scattered(column, step.rows, step.originals, step.form)
        return adapter.put(frame, {step.column: restored})
    if isinstance(step, RowsTaken):
        return adapter.put_back(frame, step.originals, step.inverse(), step.labels)
    if isinstance(step, ColumnRenamed):
        return adapter.rename(frame, step.new, step.old)
    if isinstance(step, ColumnDropped):
        return adapter.insert(frame, step.index, str(step.field.name), step.original)
    if isinstance(step, ColumnReplaced):
        return adapter.put(frame, {step.column: step.original})
    return step.original


def whole_number(name: str, value: int) -> int:
    """The value, of whatever type of whole numbers it is; raises ``TypeError`` if it is none.

    >>> whole_number("seed", 7)
    7
    """
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"expected a whole number as {name}, got {value!r}") from None


def make_fault(fault: str | FeedFault, params: dict[str, Any]) -> FeedFault:
    """The fault by name and parameters, or as it is; raises `InvalidFault` if it acts on no table."""
    if not isinstance(fault, str | Fault):
        raise TypeError(f"expected the name of a fault, or a fault, got {fault!r}")
    made = registry.create(fault, params) if isinstance(fault, str) else fault
    if not isinstance(made, FeedFault) or type(made).corrupt is FeedFault.corrupt:
        raise InvalidFault(made.name, [Problem("", "acts on a running pipeline, not on what is in a frame")])
    if params and not isinstance(fault, str):
        raise InvalidFault(made.name, [Problem(next(iter(params)), "the fault has its parameters already")])
    return made


def _require_once(fault: FeedFault, names: Sequence[Any]) -> None:
    """Raises `InvalidFault` if a column that the fault names is missing, or is there more than once.

    A fault that changes which columns there are names them all.
    """
    problems = []
    if fault.reshapes:
        counts = Counter(map(str, names))
        problems += [Problem("", f"column {name!r} occurs {n} times") for name, n in counts.items() if n > 1]
    for param, column, _ in fault.column_refs():
        if column not in names:
            known = [str(name) for name in names]
            hint = suggestion(column, known) or f" Columns: {', '.join(known) or 'none'}."
            if column in known:
                hint = f" The name of column {names[known.index(column)]!r} is no text: rename it first."
            problems.append(Problem(param, f"no column {column!r}.{hint}"))
        elif names.count(column) > 1 and not fault.reshapes:
            problems.append(Problem(param, f"column {column!r} occurs {names.count(column)} times"))
    if problems:
        raise InvalidFault(fault.name, problems)


def _in_frame(adapter: Adapter, step: Step, names: list[Any], frame: Any) -> Step:
    """The fault saw an Arrow table of the columns that it names: the step is put in terms of the frame."""
    if isinstance(step, ColumnDropped):
        name = step.field.name
        column = adapter.column(frame, name)
        with suppress(*MIXED):  # a column may be dropped whatever it holds
            step = replace(step, field=pa.field(name, adapter.type_of(column)))
        return replace(step, index=names.index(name), original=column)
    if isinstance(step, ColumnReplaced):
        return replace(step, original=adapter.column(frame, step.column))
    return replace(step, original=frame) if isinstance(step, TableReplaced) else step


def _do(adapter: Adapter, frame: Any, step: Step, after: pa.Table, fault: str) -> Any:
    if isinstance(step, CellsChanged):
        changed = adapter.scattered(adapter.column(frame, step.column), step.rows, step.values)
        return adapter.put(frame, {step.column: changed})
    if isinstance(step, RowsTaken):
        return adapter.take_rows(frame, step.order)
    if isinstance(step, TableReplaced):
        try:
            return adapter.arranged(frame, _arrangement(after, list(adapter.names(frame))))
        except MIXED as error:
            raise InvalidFault(fault, [Problem("", f"the frame cannot hold the new columns: {error}")]) from None
    if isinstance(step, ColumnReplaced):
        return _rewritten(adapter, frame, step, whole(after, step.column))
    if isinstance(step, ColumnDropped):
        return adapter.drop(frame, str(step.field.name))
    if step.new in list(adapter.names(frame)):
        raise InvalidFault(fault, [Problem("to", f"there is a column {step.new!r} already")])
    return adapter.rename(frame, step.old, step.new)


def _rewritten(adapter: Adapter, frame: Any, step: ColumnReplaced, values: pa.Array) -> Any:
    """The frame with other values in a column, which is of the same dtype if they are of the same type."""
    column = adapter.column(frame, step.column)
    kind = adapter.type_of(column)
    if is_text(values.type) and is_text(kind) and values.type != kind:
        values = values.cast(kind)
    if values.type != kind or adapter.is_plain(column):
        return adapter.replace(frame, step.column, values)
    values = values.take(pa.array(step.rows))
    digits = adapter.digits(column, step.rows)
    if digits is None:
        return adapter.put(frame, {step.column: adapter.scattered(column, step.rows, values)})
    for count in np.unique(digits).tolist():  # a new decimal has as many digits as the one that it replaces
        alike = np.flatnonzero(digits == count)
        part = values.take(pa.array(alike)).cast(pa.decimal128(38, ROOM if count < 0 else count))
        column = adapter.scattered(column, step.rows[alike], part)
    return adapter.put(frame, {step.column: column})
