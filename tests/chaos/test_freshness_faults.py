"""The freshness family: when batches are seen, for any rhythm and any moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.data.frames import corrupt
from chaos.data.time_shift import shifted
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.registry import registry

COLUMNS = {"observed_at": "timestamp", "temp": "float64"}


def ref_at(n: int, at: float) -> BatchRef:
    return BatchRef(f"b-{n}", "weather", n, at - 60.0, at, at, 3, COLUMNS, "csv", f"sha-{n}")


def refs_until(now: float, period_s: float = 60.0) -> list[BatchRef]:
    return [ref_at(n, n * period_s) for n in range(int(now // period_s) + 1)]


def made(name: str, **params: Any) -> FeedFault:
    fault = registry.create(f"freshness.{name}", params)
    assert isinstance(fault, FeedFault)
    return fault


def seen(fault: FeedFault, now: float, since: float, seed: int = 7) -> Sequence[BatchRef]:
    return fault.deliver(refs_until(now), now=now, since=since, seed=seed)


WITHHOLDING = [
    made("delay", by_s=100),
    made("gap_then_burst", gap_s=150),
    made("gap_then_burst", gap_s=150, repeat=False),
    made("out_of_order", share_of_batches=0.5, places=3),
    made("freeze"),
    made("late_part", by_s=60),
]


@settings(max_examples=40, deadline=None)
@given(fault=st.sampled_from(WITHHOLDING), since=st.floats(0, 900), seed=st.integers(0, 99))
def test_what_was_seen_stays_and_nothing_is_made_up(fault: FeedFault, since: float, seed: int) -> None:
    before: set[str] = set()
    for now in range(0, 1500, 50):
        listed = seen(fault, float(now), min(since, float(now)), seed) if now >= since else refs_until(float(now))
        ids = [ref.batch_id for ref in listed]
        assert len(set(ids)) == len(ids)
        assert before <= set(ids) <= {ref.batch_id for ref in refs_until(float(now))}
        assert list(listed) == sorted(listed, key=lambda ref: ref.sequence)
        before = set(ids)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from([n for n in registry.names() if n.startswith("freshness.")]),
    since=st.floats(0, 900),
    now=st.floats(900, 2000),
)
def test_what_was_made_before_the_fault_is_what_it_was(name: str, since: float, now: float) -> None:
    fault_class = registry.get(name)
    fault = fault_class(**fault_class.example[1])
    assert isinstance(fault, FeedFault)
    old = [ref for ref in refs_until(now) if ref.produced_at <= since]
    assert list(seen(fault, now, since))[: len(old)] == old


def test_batches_overtake_each_other_and_all_arrive() -> None:
    fault = made("out_of_order", share_of_batches=0.4, places=2)
    order: list[int] = []
    for now in range(0, 3000, 60):
        order += [ref.sequence for ref in seen(fault, float(now), 0.0) if ref.sequence not in order]
    assert order != sorted(order)
    assert sorted(order)[:-3] == list(range(len(order)))[:-3]


def test_a_gap_ends_in_a_burst() -> None:
    once, again = made("gap_then_burst", gap_s=300, repeat=False), made("gap_then_burst", gap_s=300)
    counts = [(now, len(seen(once, now, 60.0)), len(seen(again, now, 60.0))) for now in (300.0, 360.0, 600.0, 660.0)]
    assert counts == [(300.0, 2, 2), (360.0, 7, 7), (600.0, 11, 7), (660.0, 12, 12)]


def test_an_old_partition_under_a_new_id() -> None:
    listed = seen(made("replay", age_s=180), 600.0, 300.0)
    newest = listed[-1]
    assert (newest.batch_id, newest.source_id, newest.sha256) == ("b-10", "b-7", "sha-7")
    assert (newest.window_start, newest.window_end, newest.produced_at) == (360.0, 420.0, 600.0)
    assert newest.source_age_s == 180.0
    far = seen(made("replay", age_s=86_400), 600.0, 300.0)[-1]
    assert far.source_id == "b-0"  # the source has nothing older


def test_the_age_of_data_is_that_of_its_window_whatever_the_publication_was_late_by() -> None:
    new, old = (replace(ref_at(n, n * 60.0), made_at=n * 60.0 + late) for n, late in ((10, 3.25), (7, 8.5)))
    assert new.holding(old).source_age_s == 180.0
    texts = (replace(ref, window_start="yesterday") for ref in (new, old))
    assert next(texts).holding(next(texts)).source_age_s == 174.75


def test_a_share_of_batches_is_drawn_the_same_way_whenever_one_looks() -> None:
    fault = made("replay", age_s=60, share_of_batches=0.5)
    early = {ref.batch_id for ref in seen(fault, 3000.0, 0.0) if ref.source_id}
    late = {ref.batch_id for ref in seen(fault, 6000.0, 0.0) if ref.source_id}
    assert early == {i for i in late if int(i[2:]) <= 50}
    assert 15 < len(early) < 35


def test_right_stamps_on_old_data_down_to_the_rows() -> None:
    fault = made("restamp", age_s=180, columns=["observed_at"])
    ref = seen(fault, 600.0, 300.0)[-1]
    assert (ref.source_id, ref.window_end, ref.source_age_s) == ("b-7", 600.0, 180.0)
    table = pa.table({"observed_at": ["2013-01-01T00:07:00Z", None], "temp": [39.0, 41.0]})
    batch, ledger = fault.corrupt(Batch(table, ref), seed=7)
    assert batch.table["observed_at"].to_pylist() == ["2013-01-01T00:10:00Z", None]
    assert ledger is not None
    assert (ledger.changed, ledger.revert(batch.table).equals(table)) == (1, True)


def test_what_is_in_a_frame_is_old_data() -> None:
    """It has no manifest to say how old it is."""
    frame = pd.DataFrame({"t": ["2013-01-01T00:00:00Z"]})
    done = corrupt(frame, "freshness.restamp", age_s=3600, columns=["t"], seed=1)
    assert done.frame["t"].tolist() == ["2013-01-01T01:00:00Z"]
    assert done.ledger.changed == 1


def test_a_clock_that_drifts() -> None:
    listed = seen(made("skew_stamps", by_s=10, drift_s_per_h=60), 7200.0, 3600.0)
    assert [ref.produced_at - ref.published_at for ref in listed[60:62]] == [0.0, pytest.approx(11.0)]
    assert listed[-1].produced_at == pytest.approx(7200.0 + 10 + 60)
    assert listed[-1].published_at == 7200.0


def test_late_rows_come_once_each() -> None:
    fault = made("late_part", rate=0.4, by_s=130)
    refs = refs_until(1200.0)
    whole = {ref.batch_id: Batch.of(pa.table({"n": [100 * ref.sequence + i for i in range(20)]})) for ref in refs}
    named = {i: Batch(b.table, ref) for (i, b), ref in zip(whole.items(), refs, strict=True)}
    came: list[int] = []
    for ref in refs:
        others = fault.gather(ref, refs, since=0.0, seed=7)
        made_of, moved = fault.compose(named[ref.batch_id], [named[o.batch_id] for o in others], seed=7)
        rows = made_of.table["n"].to_pylist()
        assert moved == sum(n // 100 != ref.sequence for n in rows) + 20 - sum(n // 100 == ref.sequence for n in rows)
        came += rows
    assert len(set(came)) == len(came)
    missing = {n for b in whole.values() for n in b.table["n"].to_pylist()} - set(came)
    assert {n // 100 for n in missing} == {18, 19, 20}  # not due before the end


@pytest.mark.parametrize("how", ["listing", "renamed", "rows"])
def test_data_twice(how: str) -> None:
    fault = made("duplicate", how=how)
    listed = [ref.batch_id for ref in seen(fault, 180.0, 60.0)]
    expected = {
        "listing": ["b-0", "b-1", "b-2", "b-2", "b-3", "b-3"],
        "renamed": ["b-0", "b-1", "b-2", "b-2-again", "b-3", "b-3-again"],
        "rows": ["b-0", "b-1", "b-2", "b-3"],
    }
    assert listed == expected[how]
    refs = refs_until(180.0)
    gathered = [[o.batch_id for o in fault.gather(ref, refs, since=60.0, seed=7)] for ref in refs]
    assert gathered == ([[], [], [], ["b-2"]] if how == "rows" else [[], [], [], []])


@settings(max_examples=50, deadline=None)
@given(
    at=st.datetimes(
        min_value=__import__("datetime").datetime(1990, 1, 1), max_value=__import__("datetime").datetime(2100, 1, 1)
    ),
    by_s=st.integers(-(10**7), 10**7),
)
def test_times_move_alike_as_stamps_and_as_text(at: Any, by_s: int) -> None:
    at = at.replace(microsecond=0)
    stamps = shifted(pa.array([at, None], pa.timestamp("us")), float(by_s)).to_pylist()
    texts = shifted(pa.array([at.isoformat() + "Z", None]), float(by_s)).to_pylist()
    assert texts == [stamps[0].isoformat() + "Z", None]
    assert shifted(pa.array(texts), float(-by_s)).to_pylist()[0] == at.isoformat() + "Z"
