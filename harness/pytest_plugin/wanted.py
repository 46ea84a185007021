"""What a test asks for: a scenario, a profile, a seed; and where scenarios are found by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import Problem, ScenarioError, UsageError
from harness.library import built_in_library
from harness.scenario import Scenario, TargetFacts, check_scenario, load_scenario
from harness.scenario.document import where
from harness.scenario.suggest import suggestion

__all__ = ["Finder", "Wanted", "marks_of", "wanted_ids"]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """One experiment that a test asks for. ``path`` is the scenario's file, if it has one. Compared by identity."""

    scenario: Scenario
    profile: str
    seed: int | None = None
    path: Path | None = None


def wanted_ids(wanted: Sequence[Wanted]) -> list[str]:
    """What distinguishes these, for the ids of tests: profile, and what there is more than one of.

    A seed is named wherever it was asked for.
    """
    names = len({one.scenario.name for one in wanted}) > 1
    ids = []
    for one in wanted:
        parts = [one.scenario.name] * names + [one.profile] + ([f"seed-{one.seed}"] if one.seed is not None else [])
        ids.append("-".join(parts))
    return ids


def marks_of(scenario: Scenario) -> dict[str, str]:
    """The marks of a scenario, each with its meaning: classification, families of its faults, tags.

    >>> faults = [{"fault": "process.kill", "point": "service:training"}]
    >>> list(marks_of(Scenario(name="killed", faults=faults, expect=[{"detect_within": "5m"}], tags=("nightly",))))
    ['process', 'nightly']
    """
    marks: dict[str, str] = {}
    if scenario.classification is not None:
        for dimension, value in scenario.classification:
            marks[str(value)] = f"scenarios whose {dimension.replace('_', ' ')} is {value}"
    for spec in scenario.faults:
        family = spec.fault.partition(".")[0]
        marks.setdefault(family, f"scenarios with a fault of the family {family}")
    for tag in scenario.tags:
        marks.setdefault(tag, "a tag of scenarios")
    return marks


class Finder:
    """Finds the scenarios that Python tests name, checked against the target."""

    def __init__(self, folders: Iterable[Path], facts: TargetFacts, backend: str) -> None:
        self._folders = [*folders, built_in_library()]
        self._facts = facts
        self._backend = backend

    def load(self, path: Path) -> Scenario:
        """The scenario of a file, named in errors as the user would name it."""
        shown = Path(os.path.relpath(path))
        return load_scenario(path if str(shown).startswith("..") else shown, self._facts, backend=self._backend)

    def find(self, asked: Any, beside: Path) -> tuple[Scenario, Path | None]:
        """A scenario by value, path (relative to the test's folder or the current one) or name.

        Raises `ScenarioError` for an invalid one and `UsageError` for none.
        """
        if isinstance(asked, Scenario):
            self._check(asked)
            return asked, None
        if not isinstance(asked, str | Path):
            raise UsageError(f"a scenario is a name, a path or a Scenario, got {asked!r:.80}.")
        if isinstance(asked, Path) or asked.endswith((".yaml", ".yml")):
            paths = (Path(asked), beside / asked)
            found = next((path for path in paths if path.is_file()), None)
            if found is None:
                raise UsageError(f"no scenario {str(asked)!r}: neither here nor in {beside}.")
            return self.load(found), found
        return self._named(asked)

    def _named(self, name: str) -> tuple[Scenario, Path]:
        files: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*.y*ml")):
                files.setdefault(path.stem, path)
        if name not in files:
            hint = suggestion(name, files, otherwise="`pipequake scenarios` lists those that come with Pipequake.")
            raise UsageError(f"no scenario file is called {name}.yaml. {hint}")
        return self.load(files[name]), files[name]

    def _check(self, scenario: Scenario) -> None:
        findings = check_scenario(scenario, self._facts, backend=self._backend)
        if findings:
            raise ScenarioError(
                [Problem(f"Scenario({scenario.name!r})", 0, 0, where(f.place), f.message) for f in findings]
            )
