"""Faults that take values from other rows: the same outcome for any split that keeps their groups whole."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from frame_kinds import DATA_FAULTS
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos
from chaos.data.column_fault import DrawnFault
from chaos.registry import registry

GROUPS, SIZE = 20, 12
N = GROUPS * SIZE
#: 20 groups of 12 rows, one behind the other: six days of two sensors each.
TABLE = pa.table(
    {
        "group": [f"g{i // SIZE}" for i in range(N)],
        "sensor": ["ab"[i % 2] for i in range(N)],
        "day": pa.array([i % SIZE // 2 * 86_400 for i in range(N)], pa.timestamp("s")),
        "value": pa.array([None if i % 17 == 0 else i * 1.5 for i in range(N)]),
        "text": [f"row {i}" for i in range(N)],
    }
)
#: {fault: parameters with which what one row gets comes from its own group}
GROUPED: Mapping[str, Mapping[str, Any]] = {
    "data.permuted_within_group": {"column": "text", "group": ["group"], "rate": 0.6},
    "data.yesterdays_value": {"column": "value", "time": "day", "entity": ["group", "sensor"], "rate": 0.6},
    "data.window_off_by_one": {"column": "value", "group": ["group"], "time": "day", "steps": 3, "rate": 0.6},
    "data.swapped_entities": {
        "column": "text",
        "entity": "sensor",
        "giver": "a",
        "taker": "b",
        "at": ["group", "day"],
        "rate": 0.6,
    },
    "data.stuck_at": {"column": "text", "burst": SIZE // 2, "rate": 0.6},
    "data.shuffled_rows": {"within": SIZE, "rate": 0.6},
}
#: A batch is a group of its own for these: the shift begins anew, and the last time is the batch's.
BY_BATCH = {
    "data.shifted_rows": {"column": "value"},
    "data.label_delay": {"column": "value", "time": "day", "delay_s": 60},
}


def test_every_fault_that_looks_at_other_rows_is_here() -> None:
    found = set()
    for name in DATA_FAULTS:
        params = GROUPED.get(name) or BY_BATCH.get(name) or registry.get(name).example[1]
        fault = registry.create(name, params)
        if isinstance(fault, DrawnFault) and fault.context() == "batch":
            found.add(name)
    assert found == GROUPED.keys() | BY_BATCH.keys()


@pytest.mark.parametrize("name", GROUPED)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, GROUPS), max_size=6), seed=st.integers(0, 2**63), order=st.randoms())
def test_any_split_between_groups(name: str, cuts: list[int], seed: int, order: Any) -> None:
    fault = registry.create(name, GROUPED[name])
    whole = chaos.corrupt(TABLE, fault, seed=seed)
    assert whole.ledger.selected > 0
    parts = [(SIZE * a, SIZE * b) for a, b in pairwise([0, *sorted(cuts), GROUPS]) if b > a]
    order.shuffle(parts)
    done = {a: chaos.corrupt(TABLE.slice(a, b - a), fault, seed=seed, first_row=a) for a, b in parts}
    assert pa.concat_tables([done[a].frame for a in sorted(done)]).to_pylist() == whole.frame.to_pylist()
    assert sum(part.ledger.changed for part in done.values()) == whole.ledger.changed


@pytest.mark.parametrize("name", GROUPED)
def test_a_split_inside_a_group_is_another_outcome(name: str) -> None:
    """What the context says is so: such a fault must not be streamed."""
    fault = registry.create(name, GROUPED[name])
    parts = [chaos.inject(TABLE.slice(a, 5), fault, seed=1, first_row=a) for a in range(0, N, 5)]
    assert pa.concat_tables(parts).to_pylist() != chaos.inject(TABLE, fault, seed=1).to_pylist()
