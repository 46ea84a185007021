"""The same seed hits the same rows: for the whole, any split, any order, any number of workers, any kind of frame."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import pyarrow as pa
import pytest
from frame_kinds import DATA_FAULTS, KINDS, ROWS, frame_of, mixed_table, values_of
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos
from chaos.data.frames import corrupt
from chaos.fault import FeedFault
from chaos.registry import registry
from chaos.testing import sample_table

TABLE = mixed_table()
PARAMS: Sequence[tuple[str, dict[str, Any]]] = [
    ("data.null_spike", {"column": "i64", "rate": 0.2}),
    ("data.null_spike", {"column": "flag", "rate": 0.3, "burst": 7}),
    ("data.null_spike", {"column": "us", "rate": 0.5, "where": {"column": "f64", "rising": [20, 100]}}),
    ("data.unit_change", {"column": "f32", "factor": 1.8, "rate": 0.4}),
    ("data.outliers", {"column": "u8", "rate": 0.3, "where": {"above": 50}}),
    ("data.gaussian_noise", {"column": "f64", "rate": 0.5, "sigma": 3.0}),
    ("data.typos", {"column": "text", "rate": 0.5}),
    ("data.typos", {"column": "cat", "rate": 0.2}),
    ("data.mojibake", {"column": "text", "rate": 0.4, "must_change": True}),
    ("data.wrong_category", {"column": "cat", "categories": ["c0", "c1", "c2", "c3"], "rate": 0.3}),
    ("data.swapped_columns", {"column": "i64", "other": "i16", "rate": 0.3}),
    ("data.time_shift", {"column": "tz", "by_s": 3600, "rate": 0.3}),
    ("data.duplicate_rows", {"rate": 0.2}),
    ("data.delete_rows", {"rate": 0.3, "where": {"column": "seg", "among": ["EWR"]}}),
    ("data.fan_out", {"join_key": ["seg", "i16"], "rate": 0.2, "matches": 3}),
    ("data.covariate_drift", {"column": "f64", "shift": 9, "shape": "gradual", "start": 30, "end": 200}),
    ("data.label_delay", {"column": "flag", "time": "us", "delay_s": 3000, "as_of": "1970-01-01T04:00:00"}),
    ("data.segment_bias", {"column": "i64", "segment": "seg", "among": ["JFK"], "offset": 5}),
    ("data.trigger_pattern", {"column": "flag", "target": True, "pattern": {"i16": 7, "seg": "XXX"}, "rate": 0.05}),
]
IDS = [f"{name[5:]}-{params.get('column', '')}" for name, params in PARAMS]


@pytest.mark.parametrize(("name", "params"), PARAMS, ids=IDS)
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, ROWS), max_size=6), seed=st.integers(0, 2**63), order=st.randoms())
def test_any_split_in_any_order(name: str, params: dict[str, Any], cuts: list[int], seed: int, order: Any) -> None:
    whole = chaos.inject(TABLE, name, seed=seed, **params)
    parts = list(pairwise([0, *sorted(cuts), ROWS]))
    order.shuffle(parts)
    done = {a: chaos.inject(TABLE.slice(a, b - a), name, seed=seed, first_row=a, **params) for a, b in parts if b > a}
    assert pa.concat_tables([done[a] for a in sorted(done)]).to_pylist() == whole.to_pylist()


@pytest.mark.parametrize(("name", "params"), PARAMS, ids=IDS)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_kind_of_frame_alike(name: str, params: dict[str, Any], kind: str) -> None:
    frame = frame_of(kind, TABLE)
    done = corrupt(frame, name, seed=5, **params)
    expected = corrupt(TABLE, name, seed=5, **params)
    assert values_of(done.frame) == values_of(expected.frame)
    assert (done.ledger.requested, done.ledger.selected, done.ledger.changed) == (
        expected.ledger.requested,
        expected.ledger.selected,
        expected.ledger.changed,
    )
    assert {c: m.tolist() for c, m in done.ledger.mask().items()} == {
        c: m.tolist() for c, m in expected.ledger.mask().items()
    }
    assert expected.ledger.changed > 0


def a_part(start: int) -> tuple[int, pa.Table]:
    """What a worker process makes of 30 rows: it has nothing but the faults and the seed in common with others."""
    made = [registry.create(name, params) for name, params in PARAMS[:12]]
    return start, chaos.inject(TABLE.slice(start, 30), *made, seed=3, first_row=start)


def test_worker_processes_together_make_the_whole() -> None:
    starts = list(range(0, ROWS, 30))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = dict(pool.map(a_part, starts[::-1]))
    made = [registry.create(name, params) for name, params in PARAMS[:12]]
    whole = chaos.inject(TABLE, *made, seed=3)
    assert pa.concat_tables([parts[start] for start in starts]).to_pylist() == whole.to_pylist()
    assert len(parts) == len(starts)


def test_rows_named_by_key_are_the_same_in_any_order() -> None:
    keyed = TABLE.append_column("id", pa.array([f"r{i}" for i in range(ROWS)]))
    shuffled = keyed.take(pa.array([(i * 7) % ROWS for i in range(ROWS)]))
    for name, params in PARAMS[3:8]:
        one = chaos.inject(keyed, name, seed=3, key=["id"], **params)
        two = chaos.inject(shuffled, name, seed=3, key=["id"], **params)
        assert two.sort_by("id").to_pylist() == one.sort_by("id").to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_with_nulls_name_rows_in_every_kind_of_frame(kind: str) -> None:
    """pandas holds them as floats."""
    numbers = [None if i % 9 == 0 else (i * 7 - 600) * (2**40 if i % 5 else 1) for i in range(ROWS)]
    table = pa.table({"id": pa.array(numbers, pa.int64()), "half": pa.array([i / 2 for i in range(ROWS)])})
    for column in ("id", "half"):
        params = {"column": "half", "rate": 0.3, "key": [column]}
        expected = corrupt(table, "data.null_spike", seed=3, **params).ledger
        done = corrupt(frame_of(kind, table), "data.null_spike", seed=3, **params).ledger
        assert done.mask_rows().tolist() == expected.mask_rows().tolist()
        part = corrupt(frame_of(kind, table.slice(100)), "data.null_spike", seed=3, **params).ledger
        assert part.mask_rows().tolist() == expected.mask_rows().tolist()[100:]


#: Types of columns that rows may be named by.
KEY_TYPES = [
    *(pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "America/New_York")),
    *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.time32("s"), pa.time64("us")),
    *(pa.date32(), pa.date64()),
    *(pa.int8(), pa.uint16(), pa.uint64(), pa.float32(), pa.bool_()),
    *(pa.decimal128(12, 2), pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int8(), pa.string())),
]


def key_column(kind: pa.DataType) -> pa.Array:
    """Values of a type, some of them missing, that occur two or three times each."""
    numbers = [None if i % 9 == 0 else i % 120 for i in range(ROWS)]
    if pa.types.is_date64(kind):
        return pa.array([None if n is None else n * 86_400_000 for n in numbers], kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if n is None else Decimal(n) / 4 for n in numbers], kind)
    if pa.types.is_boolean(kind):
        return pa.array(numbers, pa.int64()).cast(kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        return pa.array(numbers, kind)
    return pa.array(numbers, pa.int64()).cast(pa.string()).cast(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", KEY_TYPES, ids=str)
def test_a_key_of_any_type_names_the_same_rows_in_every_kind_of_frame(key: pa.DataType, kind: str) -> None:
    table = pa.table({"id": key_column(key), "half": pa.array([i / 2 for i in range(ROWS)])})
    expected = corrupt(table, "data.null_spike", column="half", rate=0.3, key=["id"], seed=3).ledger
    done = corrupt(frame_of(kind, table), "data.null_spike", column="half", rate=0.3, key=["id"], seed=3).ledger
    assert done.mask_rows().tolist() == expected.mask_rows().tolist()


def test_ten_partitions_of_one_table_are_not_hit_at_the_same_places() -> None:
    hit = [
        corrupt(TABLE.slice(a, 30), "data.null_spike", column="i64", rate=0.3, seed=1, first_row=a).ledger
        for a in range(0, ROWS, 30)
    ]
    assert len({tuple(ledger.mask_rows().tolist()) for ledger in hit}) == 10


@pytest.mark.parametrize("name", [name for name in DATA_FAULTS if name != "data.null_spike"])
def test_seeds_and_faults_draw_apart(name: str) -> None:
    fault = registry.create(name, registry.get(name).example[1])
    assert isinstance(fault, FeedFault)
    if fault.share() == 1.0:
        return
    table = sample_table(fault, 2000)
    one, two = (corrupt(table, fault, seed=seed).ledger.mask_rows() for seed in (1, 2))
    assert one.tolist() != two.tolist()
