"""Fuzzing: any fault on any frame changes what its ledger says, nothing else, and reverts to the bit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from frame_kinds import DATA_FAULTS, KINDS, frame_of, values_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chaos.data.frames import Corrupted, corrupt
from chaos.data.ledger import CellsChanged, RowsTaken
from chaos.errors import InvalidFault
from chaos.fault import FeedFault
from chaos.registry import registry
from chaos.testing import faults

NO_SHRINK = [phase for phase in Phase if phase is not Phase.shrink]
TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.float64(), st.floats(width=64)),
    (pa.float32(), st.floats(width=32)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint8(), st.integers(0, 255)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.text(max_size=8)),
    (pa.large_string(), st.text(max_size=3)),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["p", "q", "ü"])),
    (pa.timestamp("us"), st.integers(0, 2**50)),
    (pa.timestamp("ns", "Europe/Berlin"), st.integers(0, 2**59)),
    (pa.date32(), st.integers(0, 40_000)),
    (pa.time64("us"), st.integers(0, 86_399_999_999)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.decimal128(20, 2), st.decimals(-(10**17), 10**17, places=2)),
    (pa.duration("us"), st.integers(-(2**50), 2**50)),
    (pa.binary(), st.binary(max_size=3)),
]


def tables(names: list[str]) -> st.SearchStrategy[pa.Table]:
    """Tables with columns of any types under these names, with nulls, in one chunk or several."""

    @st.composite
    def make(draw: st.DrawFn) -> pa.Table:
        rows = draw(st.integers(0, 30))
        columns = {}
        for name in names:
            kind, values = draw(st.sampled_from(TYPES))
            filled = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
            columns[name] = pa.array(filled, kind if not pa.types.is_dictionary(kind) else pa.string()).cast(kind)
        table = pa.table(columns)
        cut = draw(st.integers(0, rows))
        return pa.concat_tables([table.slice(0, cut), table.slice(cut)]) if draw(st.booleans()) else table

    return make()


def _check(done: Corrupted[Any], frame: Any) -> None:
    ledger = done.ledger
    before, after = values_of(frame), values_of(done.frame)
    rows = len(next(iter(before.values()), []))
    assert ledger.changed == sum(
        len(step.rows) + (len(step.removed) if isinstance(step, RowsTaken) else 0)
        for step in ledger.steps
        if isinstance(step, CellsChanged | RowsTaken)
    )
    order = list(range(rows))
    for step in ledger.steps:
        if isinstance(step, RowsTaken):
            order = [order[i] for i in step.order]
    masks = ledger.mask()
    for column, values in after.items():
        mask = masks.get(column)
        for place, (value, source) in enumerate(zip(values, order, strict=True)):
            if mask is None or not mask[place]:
                assert repr(value) == repr(before[column][source]), f"{column} changed in row {place} and has no mark"
    assert repr(values_of(done.reverted())) == repr(before)


@pytest.mark.parametrize("name", DATA_FAULTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINK)
@given(data=st.data(), kind=st.sampled_from(KINDS), seed=st.integers(0, 2**64 - 1))
def test_any_fault_on_any_frame(name: str, data: st.DataObject, kind: str, seed: int) -> None:
    fault = data.draw(faults(registry.get(name)))
    assert isinstance(fault, FeedFault)
    named = dict.fromkeys(column for _, column, _ in fault.column_refs())
    frame = frame_of(kind, data.draw(tables([*named, "other"])))
    before = repr(values_of(frame))
    try:
        done = corrupt(frame, fault, seed=seed)
    except InvalidFault:
        return
    finally:
        assert repr(values_of(frame)) == before
    _check(done, frame)


def test_a_decimal_object_keeps_its_digits_beside_one_that_got_more() -> None:
    frame = pd.DataFrame({"fare": [Decimal("1.50"), None, Decimal("2.25")] * 20, "miles": [0.123456] * 60})
    done = corrupt(frame, "data.swapped_columns", column="fare", other="miles", rate=0.4, seed=7)
    digits = {-value.as_tuple().exponent for value in done.frame["fare"].dropna()}
    assert digits == {2, 6}, "where there was none, it has the digits of the number that came there"
    _check(done, frame)
