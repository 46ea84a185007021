"""Where scenarios come from: the paths that a user gives, the folder ``scenarios/``, or the library in the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.scenario import Scenario, load_library
from harness.targets import load_target

__all__ = ["built_in_library", "default_paths", "load_scenarios"]


def built_in_library() -> Path:
    """The scenarios that come with Pipequake: in the wheel beside the package, in a checkout at the top."""
    packaged = Path(__file__).parent / "scenario" / "library"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "scenarios"


def default_paths() -> list[Path]:
    """``scenarios/`` of the current folder if there is one, else the built-in library."""
    here = Path("scenarios")
    return [here if here.is_dir() else built_in_library()]


def load_scenarios(paths: Sequence[Path], *, backend: str | None = None) -> list[Scenario]:
    """The scenarios of the paths, checked against the target; raises `ScenarioError` with every problem."""
    return load_library(list(paths) or default_paths(), load_target().facts(), backend=backend)
