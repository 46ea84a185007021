"""Plan files as `Plan` values with their scenarios, or one error that names all that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.errors import Problem, ScenarioError
from harness.gameday.plan import MAX_ENTRIES, Cue, Inject, Pause, Plan, Question, RolePlan, RoundPlan
from harness.library import built_in_library
from harness.scenario import Scenario, load_library
from harness.scenario.document import Document, Place, read_document
from harness.scenario.explain import Finding, explain_empty, explain_model
from harness.scenario.load import check_scenario, load_scenario
from harness.scenario.suggest import suggestion
from harness.targets.base import Target

__all__ = ["LoadedPlan", "load_plan"]

_LISTED = "`pipequake scenarios` lists them."
#: The model that holds the keys at a place; indices are left out of the place.
_MODELS: Mapping[Place, type[BaseModel]] = {
    (): Plan,
    ("roles",): RolePlan,
    ("scenarios",): RoundPlan,
    ("scenarios", "injects"): Inject,
    ("scenarios", "pauses"): Pause,
    ("scenarios", "questions"): Question,
    ("questions",): Question,
}


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan and the scenario of each of its rounds."""

    plan: Plan
    scenarios: tuple[Scenario, ...]


def load_plan(path: Path, target: Target) -> LoadedPlan:
    """The plan of a file, checked against the target.

    Raises `ScenarioError` with every problem of the plan and of its scenarios, each with its line and column.
    """
    document = read_document(path, "gameday plan", "`pipequake gameday --example` prints one to start from.")
    long = [key for key, value in document.root.items() if isinstance(value, list) and len(value) > MAX_ENTRIES]
    if long:
        raise ScenarioError([document.problem((key,), f"more than {MAX_ENTRIES} entries.") for key in long])
    findings = list(explain_empty(document.root))
    empty = {found.place for found in findings}
    plan = None
    try:
        plan = Plan.model_validate(document.root)
    except ValidationError as error:
        findings += [found for found in explain_model(error, _MODELS) if found.place not in empty]
    backend = plan.backend if plan is not None and plan.backend in target.backends else None
    scenarios, problems = _scenarios(document, path.parent, target, backend)
    findings += _check_names(document.root, target)
    if plan is not None:
        findings += _check_times(plan, scenarios)
    problems += [document.problem(found.place, found.message, at_key=found.at_key) for found in findings]
    if plan is None or problems:
        raise ScenarioError(sorted(dict.fromkeys(problems), key=lambda p: (p.path != document.path, p.line, p.column)))
    return LoadedPlan(plan, tuple(scenario for scenario in scenarios if scenario is not None))


def _scenarios(
    document: Document, folder: Path, target: Target, backend: str | None
) -> tuple[list[Scenario | None], list[Problem]]:
    """The scenario of each round that names one, None where it can't be used."""
    found: list[Scenario | None] = []
    problems: list[Problem] = []
    entries = document.root.get("scenarios")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("scenario") if isinstance(entry, Mapping) else None
        scenario = None
        if isinstance(name, str) and name:
            try:
                scenario = _scenario(name, folder, target, backend)
            except ScenarioError as error:
                problems += error.problems
            except LookupError as error:
                problems.append(document.problem(("scenarios", index, "scenario"), str(error.args[0])))
        found.append(scenario)
    return found, problems


def _scenario(name: str, folder: Path, target: Target, backend: str | None) -> Scenario:
    """From a file beside the plan or from the library. Raises `LookupError` with what to write instead."""
    if name.endswith((".yaml", ".yml")):
        path = folder / name
        if not path.is_file():
            raise LookupError(f"no such file: {path}. Paths begin at the folder of the plan.")
        return load_scenario(path, target.facts(), backend=backend)
    library = {scenario.name: scenario for scenario in load_library([built_in_library()], target.facts())}
    if name not in library:
        raise LookupError(f"the library has no scenario {name!r:.80}. {suggestion(name, library, otherwise=_LISTED)}")
    if findings := check_scenario(library[name], target.facts(), backend=backend):
        raise LookupError(f"{name}: {findings[0].message}")
    return library[name]


def _check_names(root: Mapping[str, Any], target: Target) -> Iterator[Finding]:
    for key, known in (("profile", target.profiles), ("backend", target.backends)):
        name = root.get(key)
        if isinstance(name, str) and name and name not in known:
            yield Finding((key,), f"unknown {key} {name!r:.80}. {suggestion(name, known)}")
    roles = root.get("roles")
    first: dict[str, int] = {}
    for index, role in enumerate(roles if isinstance(roles, list) else []):
        name = role.get("name") if isinstance(role, Mapping) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Finding(("roles", index, "name"), f"{name!r:.80} is a role already. Rename one of them.")


def _check_times(plan: Plan, scenarios: Sequence[Scenario | None]) -> Iterator[Finding]:
    """What is due after the end of its round would never come."""
    for number, (entry, scenario) in enumerate(zip(plan.scenarios, scenarios, strict=True)):
        lists: tuple[tuple[str, Sequence[Cue]], ...] = (
            ("injects", entry.injects),
            ("pauses", entry.pauses),
            ("questions", entry.questions),
        )
        for key, cues in lists:
            for index, cue in enumerate(cues):
                if scenario is not None:
                    yield from _check_time(cue, scenario, plan, ("scenarios", number, key, index))
    for index, question in enumerate(plan.questions):
        if question.at_s is not None or question.after_fault_s is not None:
            message = "questions of the whole gameday are asked at its end. Remove the time, or move it to a scenario."
            yield Finding(("questions", index), message)


def _check_time(cue: Cue, scenario: Scenario, plan: Plan, place: Place) -> Iterator[Finding]:
    wait_s = plan.longest_wait_s if plan.order == "by_hand" else 0.0
    for key, time_s, end_s in (
        ("at", cue.at_s, scenario.horizon_s + wait_s),
        ("after_fault", cue.after_fault_s, scenario.horizon_s),
    ):
        if time_s is not None and time_s >= end_s:
            yield Finding((*place, key), f"the round is over after {end_s / 3600:g} h. Write an earlier time.")
