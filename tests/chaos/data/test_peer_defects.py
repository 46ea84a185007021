"""Each known defect of other tools, as a test of ours."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import chaos
from chaos.data.frames import corrupt


def test_something_is_injected_under_copy_on_write() -> None:
    frame = pd.DataFrame({"v": np.arange(1000.0), "w": np.arange(1000.0)})
    view = frame[["v"]]
    out = chaos.inject(view, "data.null_spike", column="v", rate=0.1, seed=1)
    assert 60 < out["v"].isna().sum() < 140
    assert not view["v"].isna().any()
    assert not frame["v"].isna().any()


def test_batches_of_seven_rows_get_their_share() -> None:
    frame = pd.DataFrame({"v": np.arange(1001.0)})
    hit = sum(
        int(
            chaos.inject(frame[a : a + 7], "data.null_spike", column="v", rate=0.1, seed=2, first_row=a)["v"]
            .isna()
            .sum()
        )
        for a in range(0, 1001, 7)
    )
    assert hit == int(chaos.inject(frame, "data.null_spike", column="v", rate=0.1, seed=2)["v"].isna().sum())
    assert 60 < hit < 140


def test_an_int_column_with_nulls_is_nullable_and_loses_no_digit() -> None:
    big = 2**53 + np.arange(100)
    out = chaos.inject(pd.DataFrame({"v": big}), "data.null_spike", column="v", rate=0.3, seed=2)["v"]
    assert str(out.dtype) == "Int64"
    assert [a == b for a, b in zip(out, big, strict=True) if a is not pd.NA] == [True] * int(out.notna().sum())


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_keep_their_unit_and_their_fractions(unit: str) -> None:
    stamps = (
        pd.Series(np.arange(1, 200) * 1_000_000_007, dtype="int64")
        .astype("datetime64[ns]")
        .astype(f"datetime64[{unit}]")
    )
    done = corrupt(pd.DataFrame({"t": stamps}), "data.time_shift", column="t", by_s=3600, rate=0.1, seed=3)
    moved = done.frame["t"] - stamps
    assert done.frame["t"].dtype == stamps.dtype
    assert sorted(moved.unique()) == [pd.Timedelta(0), pd.Timedelta(hours=1)]
    assert int((moved != pd.Timedelta(0)).sum()) == done.ledger.changed < 60


def test_time_zones_stay() -> None:
    stamps = pd.Series(pd.date_range("2013-03-09 20:00", periods=20, freq="h", tz="America/New_York"))
    for fault, params in (("data.null_spike", {}), ("data.time_shift", {"by_s": 3600})):
        out = chaos.inject(pd.DataFrame({"t": stamps}), fault, column="t", rate=0.5, seed=3, **params)
        assert out["t"].dtype == stamps.dtype
    assert (out["t"].dropna() >= stamps).all()


def test_flags_are_flags() -> None:
    frame = pd.DataFrame({"b": [True, False] * 20})
    flipped = chaos.inject(frame, "data.label_noise", column="b", classes=[True, False], rate=0.5, seed=1)
    assert flipped["b"].dtype == bool
    assert 5 < (flipped["b"] != frame["b"]).sum() < 35


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "Int64", "category", "bool", "string"])
def test_dtypes_stay(dtype: str) -> None:
    frame = pd.DataFrame({"v": pd.Series([1, 0] * 20).astype(dtype)})
    out = chaos.inject(frame, "data.duplicate_rows", rate=0.5, seed=1)
    assert out["v"].dtype == frame["v"].dtype
    if dtype not in ("category", "bool", "string"):
        assert chaos.inject(frame, "data.unit_change", column="v", factor=3, seed=1)["v"].dtype == frame["v"].dtype


def test_a_duplicate_index_keeps_the_rate() -> None:
    frame = pd.DataFrame({"v": np.arange(1000.0)}, index=np.arange(1000) // 2)
    assert 60 < chaos.inject(frame, "data.null_spike", column="v", rate=0.1, seed=4)["v"].isna().sum() < 140


def test_ascii_under_mojibake_is_told_apart_in_the_ledger() -> None:
    frame = pd.DataFrame({"s": ["Boston"] * 50 + ["Zürich"] * 50})
    ledger = corrupt(frame, "data.mojibake", column="s", rate=1, seed=1).ledger
    assert (ledger.requested, ledger.selected, ledger.changed) == (100, 100, 50)
    strict = corrupt(frame, "data.mojibake", column="s", rate=1, seed=1, must_change=True).ledger
    assert (strict.selected, strict.changed) == (50, 50)
    other = corrupt(frame, "data.mojibake", column="s", rate=1, seed=1, encoding="utf16_as_latin1").ledger
    assert other.changed == 100


def test_every_typo_is_one() -> None:
    ids = [f"{i:05d}" for i in range(2000)] + ["a", "aa", "ß", "é€", "", "😀😀"]
    done = corrupt(pd.DataFrame({"s": ids}), "data.typos", column="s", rate=1, seed=1)
    assert done.ledger.changed == len(ids) - 1  # the empty text has nothing to mistype


def test_values_whose_parts_are_all_equal_end() -> None:
    frame = pd.DataFrame({"g": ["x"] * 10, "v": [1.0] * 10})
    assert corrupt(frame, "data.permuted_within_group", column="v", group=["g"], seed=1).ledger.changed == 0
    assert corrupt(frame, "data.shuffled_rows", rate=1, seed=1).reverted().equals(frame)


def test_every_pair_of_categories_occurs() -> None:
    items = [f"c{i}" for i in range(50)]
    frame = pd.DataFrame({"c": pd.Categorical(items * 4000)})
    out = chaos.inject(frame, "data.wrong_category", column="c", categories=items, rate=0.2, seed=1)
    moved = frame["c"].astype(str) != out["c"].astype(str)
    assert len(set(zip(frame["c"][moved], out["c"][moved], strict=True))) == 50 * 49


def test_outliers_of_positive_columns_are_positive() -> None:
    frame = pd.DataFrame({"v": np.linspace(0.1, 9, 500)})
    assert (chaos.inject(frame, "data.outliers", column="v", rate=1, seed=1)["v"] > 0).all()


def test_the_global_generators_are_left_alone() -> None:
    frame = pd.DataFrame({"v": np.arange(100.0), "s": ["abc"] * 100})
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    chaos.inject(frame, "data.gaussian_noise", column="v", rate=0.5, sigma=1, seed=1)
    chaos.inject(frame, "data.typos", column="s", rate=0.5, seed=1)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]


def test_nothing_sticks_between_calls() -> None:
    one = pa.table({"v": [1.0, 2.0]})
    first = chaos.inject(one, "data.bit_flips", column="v", rate=1, seed=1)
    chaos.inject(pa.table({"v": [100, 200]}), "data.bit_flips", column="v", rate=1, seed=9)
    assert chaos.inject(one, "data.bit_flips", column="v", rate=1, seed=1).equals(first)


def test_label_noise_has_its_rate_not_its_square() -> None:
    frame = pa.table({"y": [0, 1] * 5000})
    changed = corrupt(frame, "data.label_noise", column="y", classes=[0, 1], rate=0.2, seed=1).ledger.changed
    assert abs(changed - 2000) < 5 * (10_000 * 0.2 * 0.8) ** 0.5


SCRIPT = """
import chaos, pyarrow as pa, hashlib
t = pa.table({'k': [str(i) for i in range(99)], 'v': range(99), 's': ['Z\\u00fcrich'] * 99, 'c': ['a', 'b', 'c'] * 33})
out = [
    chaos.inject(t, 'data.null_spike', column='v', rate=.5, seed=3, key=['k']),
    chaos.inject(t, 'data.typos', column='s', rate=.5, seed=3),
    chaos.inject(t, 'data.wrong_category', column='c', categories=['a', 'b', 'c'], rate=.5, seed=3),
    chaos.inject(t, 'data.fan_out', join_key=['c'], rate=.5, seed=3),
]
print(hashlib.sha256(repr([o.to_pylist() for o in out]).encode()).hexdigest())
"""


def test_hash_randomisation_does_not_matter() -> None:
    def run(seed: str) -> Any:
        env = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        ).stdout

    assert run("1") == run("2")


def test_categories_of_an_arrow_column_in_chunks() -> None:
    words = pd.Index(pd.arrays.ArrowExtensionArray(pa.chunked_array([["JFK", "LGA"], ["EWR"]])))
    frame = pd.DataFrame({"origin": pd.Categorical.from_codes([0, 1, 2, -1], words)})
    done = chaos.corrupt(frame, "data.wrong_category", column="origin", categories=["JFK", "new"], rate=1, seed=1)
    assert done.frame["origin"].isna().tolist() == [False, False, False, True]
    assert set(done.frame["origin"].dropna()) <= {"JFK", "new"}
    assert done.ledger.changed == 3
    pd.testing.assert_frame_equal(done.reverted(), frame)
