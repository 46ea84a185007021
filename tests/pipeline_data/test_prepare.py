"""Facts of the prepared data, checked against what is known of the flights of 2013."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from reference_pipeline.data import CacheError, Prepared, prepare
from reference_pipeline.training.history import prepare_examples

YEAR = (datetime(2013, 1, 1, tzinfo=UTC).timestamp(), datetime(2014, 2, 1, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def flights(prepared: Prepared) -> pa.Table:
    return prepared.flights(*YEAR)


@pytest.fixture(scope="module")
def events(prepared: Prepared) -> pa.Table:
    return prepared.events(*YEAR)


def one(flights: pa.Table, flight_id: str) -> dict[str, object]:
    (row,) = flights.filter(pc.equal(flights["flight_id"], flight_id)).to_pylist()
    return row


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


def test_every_flight_is_there_once(flights: pa.Table) -> None:
    assert len(flights) == 336_776
    assert pc.count_distinct(flights["flight_id"]).as_py() == 336_776
    assert flights["sched_dep"].null_count == 0


def test_label_rate(flights: pa.Table) -> None:
    cancelled = flights["cancelled"]
    assert pc.sum(cancelled).as_py() == 8_255
    assert pc.mean(flights["late"]).as_py() == pytest.approx(0.2585, abs=0.0005)
    assert pc.all(pc.if_else(cancelled, flights["late"], True)).as_py()
    diverted = pc.and_(pc.invert(cancelled), pc.is_null(flights["arr_delay"]))
    assert pc.sum(diverted).as_py() == 1_175
    assert pc.all(pc.if_else(diverted, flights["late"], True)).as_py()


def test_a_winter_flight(flights: pa.Table) -> None:
    """UA 1545 of 1 January: 5:15 in New York is 10:15 UTC; it arrived in Houston at 8:30, 14:30 UTC."""
    row = one(flights, "2013-01-01-UA-1545-EWR-0515")
    assert row["sched_dep"] == utc(2013, 1, 1, 10, 15)
    assert row["departed_at"] == utc(2013, 1, 1, 10, 17)
    assert row["arrived_at"] == row["known_at"] == utc(2013, 1, 1, 14, 30)
    assert row["late"] is False


@pytest.mark.parametrize(("day", "offset_h"), [((3, 9), 5), ((3, 10), 4), ((11, 2), 4), ((11, 3), 5)], ids=str)
def test_clocks_change_in_march_and_november(flights: pa.Table, day: tuple[int, int], offset_h: int) -> None:
    month, number = day
    prefix = f"2013-{month:02d}-{number:02d}-"
    rows = flights.filter(pc.starts_with(flights["flight_id"], prefix)).to_pylist()
    assert rows
    for row in rows:
        hhmm = int(row["flight_id"][-4:])
        assert row["sched_dep"] == utc(2013, month, number, hhmm // 100, hhmm % 100) + offset_h * 3600


def test_delays_agree_with_times(flights: pa.Table) -> None:
    flown = flights.filter(pc.invert(flights["cancelled"]))
    assert flown["arrived_at"].null_count == 0
    assert pc.all(pc.greater(flown["arrived_at"], flown["departed_at"])).as_py()
    left = pc.add(flown["sched_dep"], pc.cast(pc.multiply(flown["dep_delay"], 60), pa.int64()))
    assert left.equals(flown["departed_at"])
    on_course = flown.filter(pc.is_valid(flown["arr_delay"]))
    assert pc.max(pc.subtract(on_course["arrived_at"], on_course["departed_at"])).as_py() < 13 * 3600


def test_a_cancellation_is_known_half_an_hour_late(flights: pa.Table) -> None:
    dropped = flights.filter(flights["cancelled"])
    assert set(pc.subtract(dropped["known_at"], dropped["sched_dep"]).to_pylist()) == {1800}


def test_sorted_by_departure(flights: pa.Table) -> None:
    assert flights["sched_dep"].to_pylist() == sorted(flights["sched_dep"].to_pylist())


def test_events_tell_each_flight_once_or_twice(flights: pa.Table, events: pa.Table) -> None:
    counts = {row["values"]: row["counts"] for row in pc.value_counts(events["event"]).to_pylist()}
    assert counts == {"departed": 328_521, "arrived": 328_521, "cancelled": 8_255}
    times = events["event_time"].to_pylist()
    assert times == sorted(times)
    assert pc.all(pc.equal(events["window"], pc.divide(events["event_time"], 900))).as_py()


def test_events_give_nothing_away(events: pa.Table) -> None:
    """A departure can't know the arrival's delay, a cancellation knows none."""
    early = events.filter(pc.not_equal(events["event"], "arrived"))
    assert early["arr_delay"].null_count == len(early)
    dropped = events.filter(pc.equal(events["event"], "cancelled"))
    assert dropped["dep_delay"].null_count == len(dropped)


def test_weather_and_planes(prepared: Prepared) -> None:
    weather = prepared.weather(*YEAR)
    assert len(weather) == 26_115
    keys = set(zip(weather["origin"].to_pylist(), weather["observed_at"].to_pylist(), strict=True))
    assert len(keys) == 26_115
    assert weather["observed_at"][0].as_py() == utc(2013, 1, 1, 6)
    assert all(at % 3600 == 0 for _, at in keys)
    assert len(prepared.planes) == 3_322
    assert prepared.planes["year"].null_count == 70


def test_slices_join_without_seams(prepared: Prepared) -> None:
    start = utc(2013, 6, 10)
    whole = prepared.events(start, start + 10 * 86400)
    parts = [prepared.events(start + i * 900, start + (i + 1) * 900) for i in range(960)]
    assert pa.concat_tables(parts).equals(whole)
    assert len(prepared.events(start - 10_000_000_000, start - 9_000_000_000)) == 0


def test_two_processes_prepare_once(tmp_path: Path) -> None:
    """Both get the same data; a directory that was never finished is replaced; nothing is left over."""
    unfinished = prepare().directory.name
    (tmp_path / unfinished).mkdir()
    (tmp_path / unfinished / "flights.parquet").write_text("torn")
    code = "import sys, pathlib, reference_pipeline.data as d; print(d.prepare(pathlib.Path(sys.argv[1])).span)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    spans = {process.communicate(timeout=120)[0] for process in running}
    assert spans == {f"{prepare().span}\n"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [unfinished, "prepare.lock"]


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"cannot prepare .*file: .*There is a file .* set PIPEQUAKE_CACHE"):
        prepare(tmp_path / "file")
    with pytest.raises(CacheError, match=r"Not a directory.* There is a file .* set PIPEQUAKE_CACHE to another folder"):
        prepare(tmp_path / "file" / "within")


def test_what_is_in_the_cache_is_not_made_again(prepared: Prepared) -> None:
    said: list[str] = []
    prepare_examples(prepared)
    prepare_examples(prepare(making=lambda: said.append("data")), making=lambda: said.append("examples"))
    assert said == []
