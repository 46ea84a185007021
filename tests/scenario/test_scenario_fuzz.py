"""Whatever is in a file, loading it gives a scenario or a `ScenarioError`, and nothing else."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_faults import FACTS, FULL, REGISTRY

from harness.errors import Problem, ScenarioError
from harness.scenario import Scenario, parse_scenario, resolve
from harness.scenario.schema import schema


def load(text: str) -> Scenario | None:
    problems: tuple[Problem, ...] = ()
    scenario = None
    try:
        scenario = parse_scenario(text, "fuzz.yaml", FACTS, registry=REGISTRY, backend="local")
    except ScenarioError as caught:
        problems = caught.problems
    assert (scenario is None) == bool(problems)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message.endswith((".", "?"))
        assert "\n" not in str(problem)
    if scenario is not None:
        assert Scenario.from_spec(scenario.to_spec()) == scenario
        assert resolve(scenario, registry=REGISTRY).scenario.fault_ids() == scenario.fault_ids()
    return scenario


SCHEMA = jsonschema.Draft202012Validator(schema(REGISTRY))
WORDS = sorted({*FULL.replace(",", " ").replace("{", " ").replace("}", " ").split(), "&a", "*a", "!!int", "|", "? x"})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.text())
def test_any_text(text: str) -> None:
    load(text)


@given(st.lists(st.sampled_from([*WORDS, ": ", "\n", "\n  ", "\n  - ", "[", "]", "{", "}", ",", "'", '"', "#"])))
def test_any_words(words: list[str]) -> None:
    load("".join(words))


@given(st.lists(st.sampled_from("-:{}[]\n ,&*a!|>'\"%#?x1\t"), max_size=40).map("".join))
def test_any_punctuation(text: str) -> None:
    load(text)


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


@settings(max_examples=200)
@given(TREES, st.integers(min_value=0, max_value=10_000), st.booleans())
def test_any_value_anywhere_in_a_good_scenario(tree: Any, seed: int, remove: bool) -> None:
    document = yaml.safe_load(FULL)
    *path, last = random.Random(seed).choice(places(document)[1:])
    target = document
    for step in path:
        target = target[step]
    if remove:
        del target[last]
    else:
        target[last] = tree
    if load(yaml.safe_dump(document, allow_unicode=True)) is not None:
        SCHEMA.validate(json.loads(json.dumps(document, default=lambda moment: moment.isoformat())))
