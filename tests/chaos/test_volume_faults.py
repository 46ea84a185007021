"""The volume family: how much arrives, and where a file ends."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import InvalidFault
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.registry import registry

TABLE = pa.table({"id": [f"f{n}" for n in range(10)], "carrier": list("ABCDEABCDE"), "n": list(range(10))})


def made(name: str, **params: Any) -> FeedFault:
    fault = registry.create(f"volume.{name}", params)
    assert isinstance(fault, FeedFault)
    return fault


def ref_of(kind: str, sequence: int = 0) -> BatchRef:
    return BatchRef(f"b-{sequence}", "flights", sequence, 0, 60, 60.0 * sequence, 10, {}, kind, "")


def batch(sequence: int = 0) -> Batch:
    return Batch(TABLE, ref_of("csv", sequence))


@pytest.mark.parametrize(("keep", "left"), [(0.0, 0), (0.01, 1), (0.5, 5), (0.99, 10), (1.0, 10)])
def test_truncated_at_the_end_of_a_row(keep: float, left: int) -> None:
    short, gone = made("truncated", keep=keep).compose(batch(), (), seed=7)
    assert (short.table["n"].to_pylist(), gone) == (list(range(left)), 10 - left)


def test_empty_files() -> None:
    none, gone = made("empty").compose(batch(), (), seed=7)
    assert (none.table.num_rows, none.table.schema, gone) == (0, TABLE.schema, 10)
    assert made("empty").mangle(b"x", ref_of("csv"), seed=7) == b"x"
    fault = made("empty", file="no_bytes")
    assert fault.compose(batch(), (), seed=7) == (batch(), 0)
    assert fault.mangle(b"x", ref_of("csv"), seed=7) == b""


@pytest.mark.parametrize("name", ["empty", "truncated"])
def test_some_batches_are_hit_and_always_the_same(name: str) -> None:
    fault = made(name, share_of_batches=0.4)
    hit = [bool(fault.compose(batch(n), (), seed=7)[1]) for n in range(100)]
    assert hit == [bool(fault.compose(batch(n), (), seed=7)[1]) for n in range(100)]
    assert 25 < sum(hit) < 55
    assert fault.share() <= 0.5


@pytest.mark.parametrize(("where", "left"), [("end", b"01234"), ("start", b"56789"), ("middle", b"01789")])
def test_bytes_go_missing(where: str, left: bytes) -> None:
    assert made("partial_file", missing=0.5, where=where).mangle(b"0123456789", ref_of("csv"), seed=7) == left


def test_the_same_values_are_missing_from_every_batch() -> None:
    fault = made("missing_partitions", fraction=0.5, column="carrier")
    left = [set(fault.compose(batch(n), (), seed=3)[0].table["carrier"].to_pylist()) for n in range(5)]
    assert all(values == left[0] for values in left)
    assert 0 < len(left[0]) < 5
    small, gone = fault.compose(batch(), (), seed=3)
    assert small.table.num_rows + gone == 10
    codes = batch().with_table(TABLE.set_column(1, "carrier", TABLE["carrier"].combine_chunks().dictionary_encode()))
    assert fault.compose(codes, (), seed=3)[0].table.to_pylist() == small.table.to_pylist()
    with pytest.raises(InvalidFault, match="Did you mean 'carrier'"):
        made("missing_partitions", column="carier").compose(batch(), (), seed=3)


def test_missing_batches_stay_missing() -> None:
    fault = made("missing_partitions", fraction=0.5)
    refs = [ref_of("csv", n) for n in range(200)]
    early = fault.deliver(refs[:100], now=6000.0, since=0.0, seed=7)
    late = fault.deliver(refs, now=12000.0, since=0.0, seed=7)
    assert [ref for ref in late if ref.sequence < 100] == list(early)
    assert 70 < 200 - len(late) < 130


@settings(max_examples=40, deadline=None)
@given(factor=st.floats(1.0, 6.0, exclude_min=True), seed=st.integers(0, 99))
def test_a_burst_repeats_rows_in_place(factor: float, seed: int) -> None:
    fault = made("burst", factor=factor, fresh="id")
    big, more = fault.compose(batch(), (), seed=seed)
    rows = big.table["n"].to_pylist()
    assert rows == sorted(rows)
    assert len(rows) == 10 + more
    assert all(int(factor) <= rows.count(n) <= int(factor) + 1 for n in range(10))
    ids = big.table["id"].to_pylist()
    assert len(set(ids)) == len(ids)
    assert [i for i in ids if "-" not in i] == TABLE["id"].to_pylist()


def test_a_burst_that_no_memory_holds_is_refused() -> None:
    many = Batch(pa.table({"n": pa.nulls(10_000, pa.int64())}), ref_of("csv"))
    with pytest.raises(InvalidFault, match="would make 10000000 rows of 10000; the gateway holds at most 5000000"):
        made("burst", factor=1000).compose(many, (), seed=7)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=6)
ROWS = st.lists(st.tuples(TEXT, st.integers(-999, 999)), min_size=1, max_size=6)


@settings(max_examples=80, deadline=None)
@given(rows=ROWS, keep=st.floats(0.0, 1.0, exclude_min=True), seed=st.integers(0, 99))
def test_a_csv_ends_within_a_record(rows: list[tuple[str, int]], keep: float, seed: int) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("text", "n"), *rows])
    payload = out.getvalue().encode()
    cut = made("cut_record", keep=keep).mangle(payload, ref_of("csv"), seed=seed)
    assert payload.startswith(cut)
    assert len(cut) < len(payload)
    assert not cut.endswith(b"\n") or cut.count(b'"') % 2
    assert cut.startswith(b"text,n\n")


@settings(max_examples=80, deadline=None)
@given(rows=ROWS, keep=st.floats(0.0, 1.0, exclude_min=True), spaced=st.booleans(), seed=st.integers(0, 99))
def test_a_json_array_ends_within_an_object(rows: list[tuple[str, int]], keep: float, spaced: bool, seed: int) -> None:
    records = [{"text": text, "n": {"value": n, "quoted": '"}{\\'}} for text, n in rows]
    payload = json.dumps(records, indent=2 if spaced else None, ensure_ascii=False).encode()
    cut = made("cut_record", keep=keep).mangle(payload, ref_of("json"), seed=seed)
    assert payload.startswith(cut)
    assert len(cut) < len(payload) - 1
    for end in (b"", b"]"):
        with pytest.raises(ValueError):
            json.loads(cut + end)


@pytest.mark.parametrize(
    ("payload", "kind"), [(b"text,n\n", "csv"), (b"[]", "json"), (b"", "csv"), (b"", "json"), (b"no json", "json")]
)
def test_without_a_record_there_is_nothing_to_cut(payload: bytes, kind: str) -> None:
    assert made("cut_record").mangle(payload, ref_of(kind), seed=7) == payload


def test_draws_go_by_the_batch() -> None:
    payload = b"a\n" + b"1234567890\n" * 3
    cuts = {made("cut_record").mangle(payload, replace(ref_of("csv"), batch_id=str(n)), seed=7) for n in range(50)}
    assert len(cuts) > 5
