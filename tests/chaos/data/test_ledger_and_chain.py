"""The ledger of one fault and of several; faults on rows; exact revert."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from frame_kinds import DATA_FAULTS, KINDS, frame_of, mixed_table, values_of

import chaos
from chaos.data.chain import corrupt_batch
from chaos.data.rows import Positions, select, select_many
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch
from chaos.registry import registry
from chaos.rng import key64
from chaos.testing import sample_table

TABLE = mixed_table()


def made(name: str, **params: Any) -> FeedFault:
    fault = registry.create(name, params)
    assert isinstance(fault, FeedFault)
    return fault


CHAIN = [
    made("data.null_spike", column="i64", rate=0.3),
    made("data.unit_change", column="i64", factor=2.0, rate=0.5),
    made("data.delete_rows", rate=0.2),
    made("data.typos", column="cat", rate=0.3),
    made("data.duplicate_rows", rate=0.2),
    made("data.shuffled_rows", rate=0.5, within=50),
    made("data.sign_flip", column="f64", rate=0.4),
]


def same(one: Any, two: Any) -> bool:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, two)
        return True
    return bool(one.equals(two) and one.schema == two.schema)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DATA_FAULTS)
def test_revert_is_exact_in_every_kind_of_frame(kind: str, name: str) -> None:
    fault = made(name, **registry.get(name).example[1])
    frame = frame_of(kind, sample_table(fault))
    assert same(chaos.corrupt(frame, fault, seed=2).reverted(), frame)


@pytest.mark.parametrize("kind", KINDS)
def test_several_faults_in_a_row_are_one_after_the_other(kind: str) -> None:
    frame = frame_of(kind, TABLE)
    done = chaos.corrupt(frame, *CHAIN, seed=3)
    assert values_of(done.frame) == values_of(chaos.inject(TABLE, *CHAIN, seed=3))
    assert same(done.reverted(), frame)
    assert done.ledger.fault == " + ".join(fault.name for fault in CHAIN)
    one_by_one = frame
    for fault in CHAIN[:3]:
        one_by_one = chaos.inject(one_by_one, fault, seed=3)
    assert values_of(chaos.inject(frame, *CHAIN[:3], seed=3)) == values_of(one_by_one)


def test_rows_keep_their_names_when_others_go() -> None:
    """What is hit after a deletion is what would have been hit without it, in any split."""
    faults = [made("data.delete_rows", rate=0.3), made("data.null_spike", column="i64", rate=0.3)]
    kept = chaos.inject(TABLE, faults[0], seed=1)
    both = chaos.inject(TABLE, *faults, seed=1)
    hit = {r["us"] for r in chaos.inject(TABLE, faults[1], seed=1).to_pylist() if r["i64"] is None}
    expected = [None if row["us"] in hit else row["i64"] for row in kept.to_pylist()]
    assert both["i64"].to_pylist() == expected
    parts = [chaos.inject(TABLE.slice(a, 7), *faults, seed=1, first_row=a) for a in range(0, 300, 7)]
    assert pa.concat_tables(parts).to_pylist() == both.to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_becomes_optional_does_so_for_rows_that_moved(kind: str) -> None:
    faults = [made("data.delete_rows", rate=0.5), made("schema.change_nullability", column="v", rate=0.5)]
    table = pa.table({"v": range(40)})
    parts = [
        values_of(chaos.inject(frame_of(kind, table.slice(at, 10)), *faults, seed=1, first_row=at))["v"]
        for at in range(0, 40, 10)
    ]
    whole = values_of(chaos.inject(frame_of(kind, table), *faults, seed=1))["v"]
    assert [value for part in parts for value in part] == whole
    assert None in whole


def test_one_pass_selects_what_single_passes_do() -> None:
    draws = [(key64(1, i), rate) for i, rate in enumerate((0.0, 0.001, 0.1, 0.9, 1.0))]
    rows = Positions(10**12, 70_000)
    for together, (key, rate) in zip(select_many(draws, rows), draws, strict=True):
        assert together.tolist() == select(key, rows, rate).tolist()
    hits = [set(found.tolist()) for found in select_many([(key64(2, i), 0.1) for i in range(40)], rows)]
    overlaps = [len(hits[i] & hits[i + 1]) for i in range(39)]
    assert abs(np.mean(overlaps) - 700) < 5 * (70_000 * 0.01 * 0.99 / 39) ** 0.5


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1000, 2**20, 2**32])
def test_hits_of_rows_a_step_apart_are_independent(step: int) -> None:
    """A batch, a stride or another key is never the same draw again."""
    rate, n, both = 0.2, 30_000, 0
    for seed in range(10):
        one = np.zeros(n, dtype=bool)
        two = np.zeros(n, dtype=bool)
        one[select(key64(seed, "v"), Positions(5, n), rate)] = True
        two[select(key64(seed, "v"), Positions(5 + step, n), rate)] = True
        both += int((one & two).sum())
    expected = 10 * n * rate * rate
    assert abs(both - expected) < 5 * (expected * (1 - rate * rate)) ** 0.5


@pytest.mark.parametrize("name", ["data.duplicate_rows", "data.delete_rows", "data.fan_out", "data.shuffled_rows"])
def test_the_index_moves_with_the_rows(name: str) -> None:
    frame = pd.DataFrame({"v": np.arange(50)}, index=pd.Index([f"r{i}" for i in range(50)], name="who"))
    params = {"join_key": ["v"]} if name == "data.fan_out" else {}
    done = chaos.corrupt(frame, name, rate=0.5, seed=1, **params)
    assert [f"r{v}" for v in done.frame["v"]] == done.frame.index.tolist()
    pd.testing.assert_frame_equal(done.reverted(), frame)
    assert done.ledger.touched_rows == done.ledger.changed > 0


def test_only_touched_columns_are_copied() -> None:
    frame = pd.DataFrame({name: np.arange(1000.0) for name in "abc"})
    out = chaos.inject(frame, "data.null_spike", column="b", rate=0.1, seed=1)
    assert np.shares_memory(out["a"].to_numpy(), frame["a"].to_numpy())
    assert not np.shares_memory(out["b"].to_numpy(), frame["b"].to_numpy())


def test_a_ledger_undoes_what_the_gateway_did() -> None:
    batch, ledger = corrupt_batch(Batch.of(TABLE), [(fault, 5) for fault in CHAIN])
    assert ledger.revert(batch.table).equals(TABLE)
    assert ledger.rows == TABLE.num_rows
    assert len(ledger.mask_rows()) == batch.table.num_rows


def test_minus_zero_is_restored_as_minus_zero() -> None:
    table = pa.table({"v": [-0.0, 0.0]})
    done = chaos.corrupt(table, "data.constant_column", column="v", value=0.0, seed=1)
    assert done.ledger.changed == 1
    assert [str(v) for v in done.reverted()["v"].to_pylist()] == ["-0.0", "0.0"]
