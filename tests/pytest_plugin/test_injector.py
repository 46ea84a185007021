"""The fixture ``chaos_injector``, which needs no ``--chaos``, and the Hypothesis strategies."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from suites import run

import chaos
from chaos.fault import FeedFault
from harness.errors import UsageError
from harness.matchers import NEVER, Elapsed, minutes, seconds
from harness.scenario import Scenario, check_scenario
from harness.strategies import faults, scenarios
from harness.targets import load_target

FRAME = pd.DataFrame(
    {
        "temp": [1.5, 2.0, 3.0, None] * 25,
        "origin": ["EWR", "JFK", "LGA", "EWR"] * 25,
        "count": range(100),
        "late": [True, False] * 50,
        "when": pd.date_range("2013-06-01", periods=100, freq="h", tz="UTC"),
    }
)
FACTS = load_target().facts()

TESTS = """
import asyncio
import sys
import pandas as pd
import pytest
import chaos

FRAME = pd.DataFrame({"temp": [1.0, 2.0, 3.0, 4.0] * 50})
here = sys.modules[__name__]

def load():
    return FRAME

async def fetch():
    return FRAME

def mean(frame):
    if frame["temp"].isna().any():
        raise ValueError("nulls")
    return frame["temp"].mean()

def test_a_frame(chaos_injector):
    with pytest.raises(ValueError, match="nulls"):
        mean(chaos_injector(FRAME, "data.null_spike", column="temp", rate=0.3))
    assert not FRAME["temp"].isna().any()

def test_the_ledger(chaos_injector):
    done = chaos_injector.corrupt(FRAME, "data.null_spike", column="temp", rate=0.3)
    assert done.ledger.changed == done.frame["temp"].isna().sum() > 0
    assert done.reverted().equals(FRAME)

def test_a_result(chaos_injector):
    broken = chaos_injector.wrap(load, "data.null_spike", column="temp", rate=0.3)
    first, second = broken(), broken()
    assert not first["temp"].isna().equals(second["temp"].isna())  # the second call is the next part of the feed
    whole = pd.concat([FRAME, FRAME], ignore_index=True)
    together = chaos.inject(whole, "data.null_spike", column="temp", rate=0.3, seed=chaos_injector.seed)
    assert pd.concat([first, second], ignore_index=True).equals(together)

def test_arguments(chaos_injector):
    broken = chaos_injector.wrap(mean, "data.null_spike", on="arguments", column="temp", rate=0.3)
    with pytest.raises(ValueError, match="nulls"):
        broken(frame=FRAME)

def test_a_coroutine(chaos_injector):
    broken = chaos_injector.wrap(fetch, "schema.drop_column", column="temp")
    assert list(asyncio.run(broken()).columns) == []

def test_a_patch(chaos_injector):
    chaos_injector.patch(here, "load", "schema.rename_column", column="temp", to="temperature")
    chaos_injector.unavailable(here, "fetch", TimeoutError("no answer"))
    assert list(load().columns) == ["temperature"]
    with pytest.raises(TimeoutError, match="no answer"):
        asyncio.run(fetch())

def test_patches_are_undone():
    assert list(load().columns) == ["temp"]
    assert asyncio.run(fetch()) is FRAME

def test_allowed_inert(chaos_injector):
    chaos_injector.allow_inert = True
    chaos_injector(FRAME, "data.null_spike", column="temp", rate=0.0)
"""
INERT = """
FRAME = __import__("pandas").DataFrame({"temp": [1.0, 2.0]})

def test_inert(chaos_injector):
    chaos_injector(FRAME, "data.null_spike", column="temp", rate=0.0)

def test_never_called(chaos_injector):
    chaos_injector.wrap(len, "data.null_spike", column="temp", rate=1.0)

def test_no_frame(chaos_injector):
    assert chaos_injector.wrap(len, "data.null_spike", column="temp", rate=1.0)([1]) == 1
"""


def test_faults_in_frames_and_around_functions(suite: pytest.Pytester) -> None:
    suite.makepyfile(TESTS)
    run(suite).assert_outcomes(passed=8)
    run(suite, "--chaos-seed", "5").assert_outcomes(passed=8)
    wrong = run(suite, "--chaos-seed", "five")
    wrong.stdout.fnmatch_lines(["*--chaos-seed: expected a whole number, got 'five'."])


def test_a_fault_that_touched_nothing_is_an_error(suite: pytest.Pytester) -> None:
    suite.makepyfile(INERT)
    done = run(suite)
    done.assert_outcomes(passed=3, errors=3)
    done.stdout.fnmatch_lines(
        [
            "INERT: a fault touched nothing, so that the test shows nothing",
            "  data.null_spike: of 2 rows it selected 0 and changed none",
            "  data.null_spike in len: it was never called",
            "  data.null_spike in len: it was called, but got no frame: int",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")


@settings(max_examples=150, deadline=None)
@given(faults(FRAME), st.integers(0, 2**32))
def test_every_fault_that_is_drawn_for_a_frame_can_be_injected_and_reverted(fault: FeedFault, seed: int) -> None:
    done = chaos.corrupt(FRAME, fault, seed=seed)
    pd.testing.assert_frame_equal(done.reverted(), FRAME)


@pytest.mark.parametrize("frame", [pa.Table.from_pandas(FRAME), pl.from_pandas(FRAME)], ids=["arrow", "polars"])
def test_faults_fit_any_kind_of_frame(frame: object) -> None:
    @settings(max_examples=30, deadline=None)
    @given(faults(frame, names=["data.*", "schema.drop_*"]))
    def holds(fault: FeedFault) -> None:
        chaos.corrupt(frame, fault, seed=1)

    holds()


@settings(max_examples=60, deadline=None)
@given(faults({"temp": "float64", "origin": "string"}, names="data.*"))
def test_faults_for_a_feed_name_its_columns(fault: FeedFault) -> None:
    assert not fault.check_columns({"temp": "float64", "origin": "string"})


def test_names_that_fit_nothing_are_told() -> None:
    with pytest.raises(UsageError, match=r"no fault called network.\* fits the columns temp, origin"):
        faults(FRAME, names="network.*")


@settings(max_examples=60, deadline=None)
@given(scenarios(FACTS))
def test_scenarios_that_are_drawn_are_valid_and_survive_their_file(scenario: Scenario) -> None:
    assert check_scenario(scenario, FACTS, backend="sim") == []
    assert Scenario.from_spec(scenario.to_spec()) == scenario


def test_durations_of_assertions_read_well() -> None:
    assert repr(minutes(15)) == "15 min"
    assert repr(NEVER) == str(NEVER) == "never"
    assert not minutes(1e9) > NEVER
    assert isinstance(seconds(1), Elapsed)
