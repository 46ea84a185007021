"""Row selection: the same rows whatever the partitioning, at the claimed rate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from frame_kinds import KINDS, frame_of, values_of
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos
from chaos.data.cells import naming
from chaos.data.keys import row_ids
from chaos.data.row_fault import moved_ids
from chaos.data.row_hash import BLOCK, BlockKeys, limit_of
from chaos.data.rows import Bursts, Keys, Places, Positions, RowIds, hashes, hashes_at, select, select_exactly
from chaos.data.source import TableCells
from chaos.rng import key64

SEEDS = st.integers(0, 2**64 - 1)
RATES = st.floats(0, 1)


@given(key=SEEDS, rate=RATES, cuts=st.lists(st.integers(0, 500), max_size=8), start=st.integers(0, 2**63))
def test_any_partition_selects_the_same_rows(key: int, rate: float, cuts: list[int], start: int) -> None:
    whole = select(key, Positions(start, 500), rate).tolist()
    edges = [0, *sorted(cuts), 500]
    parts = [a + row for a, b in pairwise(edges) for row in select(key, Positions(start + a, b - a), rate).tolist()]
    assert parts == whole


@given(key=SEEDS, rate=RATES, order=st.permutations(range(60)))
def test_rows_named_by_key_are_found_in_any_order(key: int, rate: float, order: list[int]) -> None:
    names = [f"flight {i}" for i in range(60)]
    table = pa.table({"id": names})
    shuffled = table.take(pa.array(order))
    chosen = {names[i] for i in select(key, row_ids(TableCells(table), ["id"], 0), rate)}
    again = {shuffled["id"][int(i)].as_py() for i in select(key, row_ids(TableCells(shuffled), ["id"], 99), rate)}
    assert again == chosen


@pytest.mark.parametrize("rate", [0.0, 1e-6, 0.01, 0.1, 0.5, 0.999, 1.0])
def test_the_rate_is_within_its_binomial_bound(rate: float) -> None:
    n = 200_000
    found = len(select(99, Positions(0, n), rate))
    assert abs(found - n * rate) <= 5 * (n * rate * (1 - rate)) ** 0.5 + 1e-9


def test_a_block_border_is_no_border() -> None:
    rows = Positions(2**64 - 20_000, 40_000)  # ids wrap around, and the count is over one block
    assert hashes(5, rows).tolist() == hashes_at(5, rows, np.arange(40_000)).tolist()
    assert len(np.unique(hashes(5, rows))) == 40_000


@settings(deadline=None)
@given(
    key=SEEDS, rate=RATES | st.floats(0, 1e-8) | st.floats(0, 1e-3).map(lambda r: 1 - r), start=st.integers(0, 2**63)
)
def test_selected_rows_are_those_whose_hash_lies_below_the_rate(key: int, rate: float, start: int) -> None:
    """Also at rates that the upper half of a hash cannot tell apart."""
    for rows in (Positions(start, 40_000), Bursts(Positions(start, 500), 7), Keys(np.arange(500, dtype=np.uint64))):
        below = [row for row, h in enumerate(hashes(key, rows).tolist()) if h < int(rate * 2.0**64)]
        assert select(key, rows, rate).tolist() == below


def test_rates_finer_than_32_bits_are_kept_in_the_mean() -> None:
    """The limit of the upper half differs from block to block as the lower half of the rate asks for."""
    rate = 0.25 * 2.0**-32
    limits = [limit for key in range(50) for limit in keys_of(key, 1000).limits(limit_of(rate))]
    assert set(limits) == {0, 1}
    assert abs(sum(limits) - 12_500) < 5 * (50_000 * 0.25 * 0.75) ** 0.5


def keys_of(key: int, count: int) -> BlockKeys:
    return BlockKeys.of(key, np.arange(count, dtype=np.uint64))


@pytest.mark.parametrize(
    "rows",
    [
        Positions(0, 8),
        Positions(BLOCK - 4, 8),
        Bursts(Positions(0, 8), 1),
        Places(np.arange(8, dtype=np.uint64)),
        Keys(np.arange(8, dtype=np.uint64)),
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_no_row_is_hit_more_often_than_others(rows: RowIds) -> None:
    """The first row of a feed has the id 0, which a hash made of products alone would always hit."""
    keys, rate = 4000, 0.1
    counts = np.zeros(8)
    for i in range(keys):
        counts[select(key64(i, "draw"), rows, rate)] += 1
    assert np.abs(counts - keys * rate).max() < 5 * (keys * rate * (1 - rate)) ** 0.5


@pytest.mark.parametrize("window", [2, 64, 5000, BLOCK])
def test_counts_in_windows_vary_as_independent_rows_do(window: int) -> None:
    rate, windows = 0.1, 40
    counts = []
    for i in range(10):
        hit = select(key64(i, window), Positions(i * 12_345, window * windows), rate)
        counts += np.bincount(hit // window, minlength=windows).tolist()
    spread = np.var(counts) / (window * rate * (1 - rate))
    assert 0.6 < spread < 1.5


@given(key=SEEDS, order=st.permutations(range(60)), burst=st.sampled_from([1, 5]))
def test_rows_that_moved_are_hit_where_they_are_now(key: int, order: list[int], burst: int) -> None:
    at = np.array(order[:40])
    before = naming(Positions(BLOCK - 30, 60), burst)
    after = naming(moved_ids(Positions(BLOCK - 30, 60), at), burst)
    hit = set(select(key, before, 0.4).tolist())
    assert select(key, after, 0.4).tolist() == [place for place, row in enumerate(order[:40]) if row in hit]


@given(key=SEEDS, count=st.integers(-5, 300))
def test_an_exact_count_is_exact(key: int, count: int) -> None:
    chosen = select_exactly(key, Positions(0, 200), count)
    assert len(chosen) == min(max(count, 0), 200)
    assert np.all(np.diff(chosen) > 0)


@settings(max_examples=60)
@given(values=st.lists(st.text(max_size=6) | st.none(), max_size=30), cut=st.integers(0, 30))
def test_text_keys_hash_by_value_alone(values: list[str | None], cut: int) -> None:
    plain = pa.chunked_array([pa.array(values[:cut], pa.string()), pa.array(values[cut:], pa.string())])
    for column in (plain, plain.cast(pa.large_string()), plain.combine_chunks().dictionary_encode()):
        found = row_ids(TableCells(pa.table({"k": column})), ["k"], 0)
        assert isinstance(found, Keys)
        by_value = dict(zip(values, found.ids.tolist(), strict=True))
        assert [by_value[v] for v in values] == found.ids.tolist()
        assert len(set(by_value.values())) == len(by_value)
        ids = row_ids(TableCells(pa.table({"k": plain})), ["k"], 0)
        assert isinstance(ids, Keys)
        assert found.ids.tolist() == ids.ids.tolist()


@pytest.mark.parametrize("values", [["", "a", "", "b"], ["", None, "a"], [b"", b"a"]])
def test_an_empty_key_is_the_same_in_a_batch_of_nothing_else(values: list[Any]) -> None:
    table = pa.table({"k": values})
    assert hashed(table) == [hashed(table.slice(at, 1))[0] for at in range(len(values))]


def hashed(table: pa.Table) -> list[int]:
    """The ids of a table's rows by the column k."""
    found = row_ids(TableCells(table), ["k"], 0)
    assert isinstance(found, Keys)
    ids: list[int] = found.ids.tolist()
    return ids


def test_the_order_of_characters_and_of_columns_counts() -> None:
    table = pa.table({"a": ["ab", "ba", "a", "aa"], "b": ["ba", "ab", "aa", "a"]})
    forth, back = row_ids(TableCells(table), ["a", "b"], 0), row_ids(TableCells(table), ["b", "a"], 0)
    assert isinstance(forth, Keys)
    assert isinstance(back, Keys)
    assert len(set(forth.ids.tolist()) | set(back.ids.tolist())) == 4  # (a, b) of one row is (b, a) of another
    assert forth.ids[0] != back.ids[0]


WIDTHS: Mapping[str, list[pa.Array]] = {
    "numbers": [pa.array([1, 2, None], kind) for kind in (pa.int16(), pa.int64(), pa.uint64())],
    "floats": [pa.array([0.5, float("nan"), 2]), pa.array([0.5, None, 2], pa.float32())],
    "stamps": [pa.array([0, 1, None], pa.timestamp("s")), pa.array([0, 10**9, None], pa.timestamp("ns"))],
    "times": [
        pa.array([time(1), time(2, 3, 4), None], kind)
        for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))
    ],
    "durations": [
        pa.array([timedelta(hours=1), timedelta(seconds=-1), None], pa.duration(unit))
        for unit in ("s", "ms", "us", "ns")
    ],
    "dates": [pa.array([date(1969, 12, 31), date(2020, 1, 1), None], kind) for kind in (pa.date32(), pa.date64())],
    "bytes": [
        pa.array([b"abcd", None, b"\xff\0\0\0"], kind)
        for kind in (pa.binary(4), pa.binary(), pa.large_binary(), pa.binary_view())
    ],
    "uuids": [
        pa.array([bytes(16), None], pa.binary(16)),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16), None], pa.binary(16))),
    ],
    "decimals": [
        pa.array([Decimal("1.5"), Decimal(100), Decimal("-0.1"), None], kind)
        for kind in (pa.decimal128(5, 1), pa.decimal128(38, 2), pa.decimal256(60, 30))
    ],
    "large decimals": [pa.array([Decimal(10**30)], pa.decimal128(38, scale)) for scale in (-2, 0, 7)],
}


@pytest.mark.parametrize("name", WIDTHS)
def test_widths_units_and_scales_of_keys_do_not_count(name: str) -> None:
    first, *others = [hashed(pa.table({"k": column})) for column in WIDTHS[name]]
    assert len(set(first)) == len(first)
    assert others == [first] * len(others)


@pytest.mark.parametrize(
    "keys",
    [
        [time(k, 2, 3) for k in range(20)],
        [timedelta(minutes=k) for k in range(20)],
        [date(2020, 1, 1 + k) for k in range(20)],
        [Decimal(k) / 4 for k in range(20)],
        [0.5, float("nan"), None] * 6 + [1.5, 2.5],
    ],
)
def test_every_kind_of_frame_hits_the_rows_of_the_same_keys(keys: list[Any]) -> None:
    table = pa.table({"k": keys, "n": range(20)})
    frames = [frame_of(kind, table) for kind in KINDS]
    kept = [values_of(chaos.inject(frame, "data.delete_rows", rate=0.5, key=["k"], seed=3))["n"] for frame in frames]
    assert kept == [kept[0]] * len(KINDS)


def test_intervals_are_keys_too() -> None:
    values = [pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([1, 2, 4])]
    assert len(set(hashed(pa.table({"k": pa.array(values)})))) == 3
