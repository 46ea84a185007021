"""Scenario files as pytest's items: one for each profile and seed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError
from harness.pytest_plugin.judged import Experiment, story
from harness.pytest_plugin.wanted import Wanted, marks_of, wanted_ids
from harness.scenario import Scenario
from harness.verdict import Verdict

if TYPE_CHECKING:
    from harness.pytest_plugin.session import ChaosSession

__all__ = ["ScenarioFile", "ScenarioItem", "is_scenario", "properties_of", "settle", "with_marks"]

#: A YAML file with one of these at its left edge is meant to be a scenario.
_TELLTALE = re.compile(rb"^(faults|expect)[ \t]*:", re.MULTILINE)


def is_scenario(path: Path, folders: Iterable[Path], *, named: bool) -> bool:
    """Whether a file is collected: it is YAML, and named by the user, in a folder of scenarios, or looks like one."""
    if path.suffix not in (".yaml", ".yml"):
        return False
    if named or any(path.is_relative_to(folder) for folder in folders):
        return True
    try:
        return _TELLTALE.search(path.read_bytes()[: 1 << 20]) is not None
    except OSError:
        return False


class ScenarioFile(pytest.File):
    """A file with one scenario."""

    chaos: ChaosSession

    def collect(self) -> Iterable[ScenarioItem]:
        """The scenario under each profile and seed. An invalid one is an error that says where."""
        try:
            scenario = self.chaos.finder.load(self.path)
        except HarnessError as error:
            raise self.CollectError(str(error)) from None
        wanted = self.chaos.under_each(scenario, self.path)
        for one, variant in zip(wanted, wanted_ids(wanted), strict=True):
            name = f"{scenario.name}[{variant}]"
            # The id in full: pytest would take the brackets that it makes of a name alone for a part of the name, and
            # not know the item again in its list of the last failures.
            nodeid = f"{self.nodeid}::{name}"
            item: ScenarioItem = ScenarioItem.from_parent(self, name=name, nodeid=nodeid, wanted=one, chaos=self.chaos)
            for mark in with_marks(self.config, scenario):
                item.add_marker(mark)
            yield item


class ScenarioItem(pytest.Item):
    """A scenario under one profile and seed: passes if all that it expects comes true."""

    def __init__(self, *, wanted: Wanted, chaos: ChaosSession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wanted = wanted
        self._chaos = chaos
        self._experiment: Experiment | None = None

    def setup(self) -> None:
        """Runs the experiment, or waits for it. One that says nothing is an error, not a failure."""
        self._experiment = self._chaos.experiment(self.wanted, self.nodeid)
        self.user_properties += properties_of(self._experiment)
        settle(self._experiment)

    def runtest(self) -> None:
        """Fails with what, why and how to mend it."""
        assert self._experiment is not None
        if self._experiment.verdict is Verdict.FAILED:
            pytest.fail(story(self._experiment), pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str], None, str]:
        """Where the item is, for headings."""
        return self.path, None, self.name


def settle(experiment: Experiment) -> None:
    """Ends the set-up of a test in error if its experiment says nothing: INERT, or otherwise inconclusive."""
    if experiment.verdict is Verdict.INCONCLUSIVE:
        pytest.fail(story(experiment), pytrace=False)


def with_marks(config: pytest.Config, scenario: Scenario) -> list[pytest.MarkDecorator]:
    """The scenario's marks, known to pytest so that ``--strict-markers`` accepts them."""
    known = {re.split("[:(]", line, maxsplit=1)[0].strip() for line in config.getini("markers")}
    marks = []
    for name, meaning in marks_of(scenario).items():
        if name not in known:
            config.addinivalue_line("markers", f"{name}: {meaning}")
        marks.append(getattr(pytest.mark, name))
    return marks


def properties_of(experiment: Experiment) -> list[tuple[str, object]]:
    """What JUnit XML says about an experiment; seconds without a value are left out."""
    found = experiment.finding
    rows: dict[str, object] = {
        "scenario": found.scenario,
        "profile": found.profile,
        "seed": found.seed,
        "backend": found.backend,
        "verdict": experiment.verdict.value,
        "outcome": experiment.outcome.value,
        "availability": round(experiment.availability, 6),
        "harm_s": round(float(experiment.harm), 3),
        "rerun": experiment.rerun,
    }
    for name, elapsed in (
        ("time_to_detect_s", experiment.time_to_detect),
        ("time_to_recover_s", experiment.time_to_recover),
    ):
        if elapsed < float("inf"):
            rows[name] = round(float(elapsed), 3)
    return list(rows.items())
