"""Times at the end of what their type holds saturate or are refused; none wraps around."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chaos
from chaos.data.time_shift import shifted
from chaos.data.times import shifted as moved
from chaos.errors import InvalidFault

LAST = 2**63 - 1


@pytest.mark.parametrize("stamp", ["9999-12-31", "0001-01-01", "2262-04-12", "1677-09-20"])
def test_a_given_time_that_does_not_fit_nanoseconds_is_refused(stamp: str) -> None:
    frame = pd.DataFrame({"t": pd.to_datetime(["2013-01-01"]).astype("datetime64[ns]")})
    with pytest.raises(InvalidFault, match=rf"value: does not fit a column of timestamp\[ns\]: '{stamp}'"):
        chaos.inject(frame, "data.disguised_null", column="t", value=stamp, rate=1, seed=1)


@pytest.mark.parametrize(
    ("unit", "stamp"), [("ns", "2262-04-11"), ("us", "9999-12-31"), ("s", "2013-01-01T00:00:00.9")]
)
def test_a_given_time_loses_no_more_than_the_digits_that_its_column_lacks(unit: str, stamp: str) -> None:
    table = pa.table({"t": pa.array([0], pa.timestamp(unit))})
    out = chaos.inject(table, "data.disguised_null", column="t", value=stamp, rate=1, seed=1)["t"]
    assert str(out[0].cast(pa.timestamp("s"))) == f"{stamp[:10]} 00:00:00"


@pytest.mark.parametrize(
    ("ticks", "by_s", "after"),
    [
        (LAST - 1, 3600, LAST),
        (-LAST, -3600, -LAST),
        (-8_520_336_000 * 10**9, 3e10, LAST),  # more than an int64 holds, from the year 1700
        (-8_520_336_000 * 10**9, 1e10, 1_479_664_000 * 10**9),  # more than an int64 holds, and the sum does
        (8_520_336_000 * 10**9, -1e10, -1_479_664_000 * 10**9),
        (0, -3e10, -LAST),
    ],
)
def test_a_shift_ends_at_the_last_time_there_is(ticks: int, by_s: float, after: int) -> None:
    table = pa.table({"t": pa.array([ticks], pa.timestamp("ns"))})
    out = chaos.inject(table, "data.time_shift", column="t", by_s=by_s, rate=1, seed=1)["t"]
    assert out.cast(pa.int64()).to_pylist() == [after]
    assert shifted(pa.array([ticks], pa.timestamp("ns")), by_s).cast(pa.int64()).to_pylist() == [after]


@pytest.mark.parametrize(("by_s", "ticks"), [(1.5, 1), (-1.5, -1), (-0.5, 0)])
def test_a_wrong_clock_drops_what_is_less_than_a_tick(by_s: float, ticks: int) -> None:
    assert shifted(pa.array([0, None], pa.timestamp("s")), by_s).cast(pa.int64()).to_pylist() == [ticks, None]


def test_times_of_day_go_round_the_clock_however_far() -> None:
    frame = pl.DataFrame({"t": [time(23), time(1)]})
    out = chaos.inject(frame, "data.time_shift", column="t", by_s=1e10, rate=1, seed=1)
    assert out["t"].to_list() == [time(16, 46, 40), time(18, 46, 40)]


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
@pytest.mark.parametrize(("by_s", "after"), [(-18000, date(2012, 12, 31)), (90_000, date(2013, 1, 2))])
def test_dates_move_by_whole_days(kind: pa.DataType, by_s: float, after: date) -> None:
    table = pa.table({"t": pa.array([date(2013, 1, 1)], kind)})
    out = chaos.inject(table, "data.time_shift", column="t", by_s=by_s, rate=1, seed=1)
    out.validate(full=True)
    assert out["t"].to_pylist() == [after]


@pytest.mark.parametrize("by_us", [2 * 10**25, -2 * 10**25])
def test_dates_end_at_a_whole_day(by_us: int) -> None:
    out = moved(pa.array([date(2013, 1, 1)], pa.date64()), by_us)
    out.validate(full=True)
    ticks: np.ndarray[Any, Any] = np.frombuffer(out.buffers()[1], dtype=np.int64)
    assert abs(int(ticks[0])) > LAST - 86_400_000
