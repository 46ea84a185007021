"""The registry: look-up, creation, and errors that say how to fix them."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar

import pytest

from chaos.errors import DuplicateFault, InvalidFault, InvalidPoint, UnknownFault
from chaos.fault import Fault
from chaos.points import Point, PointKind
from chaos.registry import Registry, registry


def test_a_typo_gets_a_suggestion() -> None:
    with pytest.raises(UnknownFault, match=r"unknown fault 'data.nul_spike'\. Did you mean 'data.null_spike'\?"):
        registry.get("data.nul_spike")


def test_nonsense_gets_the_command_that_lists() -> None:
    with pytest.raises(UnknownFault, match="`pipequake faults` lists them"):
        registry.get("zzz")


def test_all_problems_with_parameters_at_once() -> None:
    with pytest.raises(InvalidFault) as caught:
        registry.create("data.null_spike", {"colum": "temp", "rate": 1.5})
    assert {p.param: p.message for p in caught.value.problems} == {
        "column": "required, but not given",
        "rate": "input should be less than or equal to 1, got 1.5",
        "colum": "unknown parameter. Did you mean 'column'?",
    }


def test_parameters_that_do_not_fit_together() -> None:
    with pytest.raises(InvalidFault, match="expected either a conversion or a factor and an offset, got both"):
        registry.create("data.unit_change", {"column": "t", "conversion": "miles_to_km", "factor": 2})
    with pytest.raises(InvalidFault, match="Did you mean 'miles_to_km'"):
        registry.create("data.unit_change", {"column": "t", "conversion": "mile_to_km"})
    with pytest.raises(InvalidFault, match="expected low below high"):
        registry.create("data.outliers", {"column": "t", "rate": 0.1, "low": 3, "high": 3})
    with pytest.raises(InvalidFault, match="a store that hangs keeps its data"):
        registry.create("store.outage", {"mode": "hang", "loses_data": True})
    with pytest.raises(InvalidFault, match="known for lightgbm only"):
        registry.create(
            "dependency.incompatible_library", {"library": "pandas", "mode": "behaviour", "behaviour": "raw_scores"}
        )


def test_numbers_must_be_finite() -> None:
    with pytest.raises(InvalidFault, match="finite"):
        registry.create("data.unit_change", {"column": "t", "factor": float("inf")})


def test_two_faults_of_one_name_are_refused_and_one_twice_is_not() -> None:
    own = Registry()

    class One(Fault):
        name: ClassVar[str] = "test.one"

    class Two(Fault):
        name: ClassVar[str] = "test.one"

    own.register(own.register(One))
    with pytest.raises(DuplicateFault, match=r"'test.one' is defined by both"):
        own.register(Two)


def test_a_fault_says_where_it_may_act() -> None:
    with pytest.raises(InvalidPoint, match=r"acts on feed: points, not on 'store:store'"):
        registry.create("freshness.freeze", {}).check_point(Point(PointKind.STORE, "store"))


def test_columns_are_checked_before_a_run() -> None:
    columns = {"origin": "string", "temp": "float64"}
    fault = registry.create("data.unit_change", {"column": "tmep", "factor": 2, "key": ["origin"]})
    assert [str(p) for p in fault.check_columns(columns)] == ["column: no column 'tmep'. Did you mean 'temp'?"]
    fault = registry.create("data.unit_change", {"column": "origin", "factor": 2})
    assert [str(p) for p in fault.check_columns(columns)] == ["column: column 'origin' is string, expected a number"]


def test_the_registry_needs_no_heavy_library() -> None:
    script = (
        "import sys; from chaos.catalogue import catalogue; assert len(catalogue()) > 15;"
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'starlette', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
