"""Every fault on what is in a batch, over every format of payload: the same rows are hit, and the payload shows it."""

from __future__ import annotations

import pytest

from chaos.fault import FeedFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.column_types import type_name
from chaos.gateway.formats import decode, encode
from chaos.registry import registry
from chaos.testing import sample_table

FORMATS = ("csv", "json", "parquet")


def feed_faults() -> list[FeedFault]:
    """The example of every fault that changes tables, whichever batches are delivered."""
    found = []
    for name in registry.names():
        fault = registry.create(name, registry.get(name).example[1])
        if isinstance(fault, FeedFault) and fault.overrides("corrupt") and not fault.overrides("deliver"):
            found.append(fault)
    return found


def batch_of(fault: FeedFault, fmt: str) -> tuple[BatchRef, bytes]:
    table = sample_table(fault, 200)
    columns = {field.name: type_name(field.type) for field in table.schema}
    ref = BatchRef("b1", "weather", 1, 0, 1, 2.0, table.num_rows, columns, fmt, "", None, {"row_offset": 5_000})
    payload = encode(Batch(table, ref))
    return ref.sealing(payload), payload


@pytest.mark.parametrize("fault", feed_faults(), ids=lambda fault: fault.name)
def test_a_fault_acts_over_every_format(fault: FeedFault) -> None:
    hit = {}
    for fmt in FORMATS:
        ref, payload = batch_of(fault, fmt)
        before = decode(payload, ref)
        expected, ledger = fault.corrupt(before, seed=11)
        assert ledger is not None
        hit[fmt] = (ledger.selected, ledger.changed)
        made = encode(expected)
        # A small number is the same bytes of CSV as its text.
        if ledger.effective and not (fault.name == "schema.number_format" and fmt == "csv"):
            assert made != payload
        sealed = ref.describing(expected.table, made)
        again = decode(made, sealed)
        assert again.table.num_rows == expected.table.num_rows
        assert ledger.revert(expected.table).equals(before.table)
    assert len(set(hit.values())) == 1, hit
