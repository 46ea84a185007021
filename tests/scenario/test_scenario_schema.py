from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from scenario_faults import FULL, MINIMAL, REGISTRY

from chaos.registry import registry as built_in
from harness.errors import ScenarioError
from harness.scenario import parse_scenario, resolve
from harness.scenario.schema import schema

SCHEMA = schema(REGISTRY)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def loads(document: Any) -> bool:
    try:
        parse_scenario(yaml.safe_dump(document), registry=REGISTRY)
    except ScenarioError:
        return False
    return True


def test_the_schema_is_one_and_is_json() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(schema(built_in))
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert schema(REGISTRY) == SCHEMA


@pytest.mark.parametrize("text", [MINIMAL, FULL])
def test_what_loads_is_valid_and_so_is_its_resolved_form(text: str) -> None:
    VALIDATOR.validate(_load_1_2(text))
    VALIDATOR.validate(resolve(parse_scenario(text, registry=REGISTRY), registry=REGISTRY).spec)


def _load_1_2(text: str) -> Any:
    """As an editor reads it: the start date is text."""
    return json.loads(json.dumps(yaml.safe_load(text), default=lambda moment: moment.isoformat()))


def change(path: str, value: Any) -> dict[str, Any]:
    """The full scenario with one value replaced, or removed if the value is ``...``."""
    document = _load_1_2(FULL)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target: Any = document
    for step in steps:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Two Faults"),
        ("name", ...),
        ("faults", []),
        ("expect", []),
        ("expect", ...),
        ("surprise", 1),
        ("seed", 1.5),
        ("seed", None),
        ("warmup", 90),
        ("warmup", "-1h"),
        ("warmup", "1h 30m"),
        ("start", "yesterday"),
        ("classification.impact", ...),
        ("classification.visibility", "invisible"),
        ("steady_state.0", {"probe": "availability"}),
        ("steady_state.0.at_least", 1.5),
        ("faults.0.fault", "data.nul"),
        ("faults.0.point", "service:training"),
        ("faults.0.point", "weather"),
        ("faults.0.with", ...),
        ("faults.0.with.column", ...),
        ("faults.0.with.rate", 2),
        ("faults.0.with.how", "columns"),
        ("faults.0.with.extra", 1),
        ("faults.1.at", "1h"),
        ("faults.1.after.effect", "ended"),
        ("faults.0.for", "6 hours"),
        ("expect.0.component", ""),
        ("expect.0.recover_within", "1h"),
        ("expect.2.signal", ...),
        ("expect.2.degradation_at_most", "2%"),
        ("expect.3.outcome", "unknown"),
        ("stop.0.above", 0.9),
        ("blast_radius.max_faults", 0),
        ("users", 0),
    ],
)
def test_the_schema_and_the_loader_refuse_the_same(path: str, value: Any) -> None:
    document = change(path, value)
    assert not VALIDATOR.is_valid(document)
    assert not loads(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", ...),
        ("start", "2013-06-10T00:00:00+02:00"),
        ("start", "2013-06-10"),
        ("warmup", "1.5h"),
        ("steady_state", []),
        ("tags", []),
        ("faults.0.at", ...),
        ("faults.1.with.by", 3),
        ("expect.3.outcome", "inert"),
    ],
)
def test_the_schema_and_the_loader_accept_the_same(path: str, value: Any) -> None:
    document = change(path, value)
    VALIDATOR.validate(document)
    assert loads(document)


def test_editors_get_words_with_meanings_and_summaries_of_faults() -> None:
    words = SCHEMA["$defs"]["Visibility"]["oneOf"]
    assert {"const": "silent", "description": words[2]["description"]} == words[2]
    faults = SCHEMA["$defs"]["FaultSpec"]["properties"]["fault"]["oneOf"]
    assert {"const": "data.nulls", "description": "Sets cells to null."} in faults
    assert SCHEMA["properties"]["warmup"]["default"] == "6h"
    assert SCHEMA["properties"]["horizon"]["default"] == "1d"
