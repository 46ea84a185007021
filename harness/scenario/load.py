"""Scenario files as `Scenario` values, or one `ScenarioError` that names all that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chaos.registry import Registry
from chaos.registry import registry as built_in
from harness.errors import Problem, ScenarioError
from harness.scenario.caps import check_caps
from harness.scenario.document import Document, parse_document, read_document
from harness.scenario.draft import draft
from harness.scenario.expectations import check_expectations
from harness.scenario.explain import Finding, explain_empty, explain_scenario, explain_sizes
from harness.scenario.facts import TargetFacts
from harness.scenario.model import Scenario
from harness.scenario.out_of_reach import check_out_of_reach
from harness.scenario.surface import check_surface
from harness.scenario.timeline import check_timeline

__all__ = ["check_scenario", "load_library", "load_scenario", "parse_scenario"]


def load_scenario(
    path: str | Path,
    facts: TargetFacts | None = None,
    *,
    registry: Registry = built_in,
    backend: str | None = None,
) -> Scenario:
    """The scenario of a file. ``facts`` and ``backend``, where given, are what it is checked against.

    Raises `ScenarioError` with every problem, each with its line and column.
    """
    return _load(read_document(path), facts, registry, backend)


def parse_scenario(
    text: str,
    path: str = "<text>",
    facts: TargetFacts | None = None,
    *,
    registry: Registry = built_in,
    backend: str | None = None,
) -> Scenario:
    """The same for text that is in memory already; ``path`` is what errors call it."""
    return _load(parse_document(text, path), facts, registry, backend)


def load_library(
    paths: Iterable[str | Path],
    facts: TargetFacts | None = None,
    *,
    registry: Registry = built_in,
    backend: str | None = None,
) -> list[Scenario]:
    """The scenarios of files and folders (``*.yaml`` and ``*.yml``, at any depth), in the order of paths.

    Raises `ScenarioError` with the problems of all files, for two scenarios of one name, and for none at all.
    """
    asked = list(paths)
    problems: list[Problem] = []
    loaded: list[tuple[Document, Scenario]] = []
    files = list(_files(asked, problems))
    for path in files:
        try:
            document = read_document(path)
            loaded.append((document, _load(document, facts, registry, backend)))
        except ScenarioError as error:
            problems += error.problems
    problems += _same_names(loaded)
    if not files and not problems:
        shown = ", ".join(str(path) for path in asked) or "no path"
        problems.append(Problem(shown, 0, 0, "", "no scenario (*.yaml) here. Name a scenario or a folder of them."))
    if problems:
        raise ScenarioError(problems)
    return [scenario for _, scenario in loaded]


def check_scenario(
    scenario: Scenario,
    facts: TargetFacts | None = None,
    *,
    registry: Registry = built_in,
    backend: str | None = None,
) -> list[Finding]:
    """What is wrong with a scenario that was built in Python; files are checked when they are loaded."""
    return list(_check(scenario.to_spec(), registry, facts, backend))


def _load(document: Document, facts: TargetFacts | None, registry: Registry, backend: str | None) -> Scenario:
    too_large = [document.problem(found.place, found.message) for found in explain_sizes(document.root)]
    if too_large:
        raise ScenarioError(too_large)
    scenario = None
    findings = list(explain_empty(document.root))
    empty = {found.place for found in findings}
    try:
        scenario = Scenario.model_validate(document.root)
    except ValidationError as error:
        findings += [found for found in explain_scenario(error) if found.place not in empty]
    findings += _check(document.root, registry, facts, backend)
    if scenario is None or findings:
        found = {document.problem(f.place, f.message, at_key=f.at_key): None for f in findings}
        raise ScenarioError(sorted(found, key=lambda problem: (problem.line, problem.column)))
    return scenario


def _check(
    raw: Mapping[str, Any], registry: Registry, facts: TargetFacts | None, backend: str | None
) -> Iterator[Finding]:
    usable = draft(raw)
    yield from check_surface(usable, registry, facts, backend)
    yield from check_timeline(usable)
    yield from check_expectations(usable)
    yield from check_caps(usable, registry)
    yield from check_out_of_reach(usable, registry)


def _files(asked: list[str | Path], problems: list[Problem]) -> Iterator[str | Path]:
    """Every file once. A path that doesn't exist is passed on, so that reading it says so; folders that can't be looked
    into are problems."""
    seen = set()
    for path in asked:
        files: list[str | Path] = [path]
        if Path(path).is_dir():
            files = [*_inside(Path(path), problems)]
        for file in files:
            absolute = Path(file).absolute()
            if absolute not in seen:
                seen.add(absolute)
                yield file


def _inside(folder: Path, problems: list[Problem]) -> list[Path]:
    """The scenario files in a folder, and links that should lead to some (hidden ones are an editor's)."""

    def unreadable(error: OSError) -> None:
        reason = f"can't be read ({error.strerror}). Check its permissions."
        problems.append(Problem(str(error.filename), 0, 0, "", reason))

    found = [Path(parent, name) for parent, _, names in os.walk(folder, onerror=unreadable) for name in names]
    named = [path for path in found if path.suffix in (".yaml", ".yml")]
    return sorted(path for path in named if path.is_file() or (path.is_symlink() and path.name[0] != "."))


def _same_names(loaded: list[tuple[Document, Scenario]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for document, scenario in loaded:
        if scenario.name in first:
            message = f"{scenario.name!r} is the name of {first[scenario.name]} already. Rename one of them."
            yield document.problem(("name",), message)
        first.setdefault(scenario.name, document.path)
