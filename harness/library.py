"""Where scenarios come from: the paths that a user gives, the folder ``scenarios/``, or the library in the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from chaos.registry import registry
from harness.errors import UsageError
from harness.scenario import Scenario, load_library
from harness.targets import load_target
from harness.targets.base import Target

__all__ = ["built_in_library", "default_paths", "load_scenarios", "require_backend"]


def built_in_library() -> Path:
    """The scenarios that come with Pipequake: in the wheel beside the package, in a checkout at the top."""
    packaged = Path(__file__).parent / "scenario" / "library"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "scenarios"


def default_paths() -> list[Path]:
    """``scenarios/`` of the current folder if there is one, else the built-in library."""
    here = Path("scenarios")
    return [here if here.is_dir() else built_in_library()]


def load_scenarios(
    paths: Sequence[Path], *, backend: str | None = None, say: Callable[[str], None] = lambda text: None
) -> list[Scenario]:
    """The scenarios of the paths, checked against the target; raises `ScenarioError` with every problem.

    A file that is named must fit the backend. Of a folder, scenarios with a fault that the backend can't do are left
    out, and ``say`` is told of them.
    """
    asked = list(paths) or default_paths()
    target = load_target()
    if backend is not None:
        require_backend(backend, target)
    facts = target.facts()
    scenarios = load_library(asked, facts)
    if backend is None:
        return scenarios
    if named := [path for path in asked if path.is_file()]:
        load_library(named, facts, backend=backend)
    able = [scenario for scenario in scenarios if _can_do(scenario, backend)]
    if not able:
        load_library(asked, facts, backend=backend)  # raises, and says of each why not
    if left_out := [scenario.name for scenario in scenarios if not _can_do(scenario, backend)]:
        say(f"left out, as the backend {backend!r} can't do their faults: {', '.join(left_out)}")
    return able


def require_backend(name: str, target: Target) -> None:
    """Raises `UsageError` for a backend that the target doesn't have."""
    if name not in target.backends:
        raise UsageError(f"unknown backend {name!r}. Backends of this version: {', '.join(target.backends)}.")


def _can_do(scenario: Scenario, backend: str) -> bool:
    return all(backend in registry.get(spec.fault).backends for spec in scenario.faults)
