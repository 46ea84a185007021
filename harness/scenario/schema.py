"""The published JSON Schema of a scenario file, so that editors complete and check while one types.

Generated from the model and from the registry: the parameters of each fault are offered under its ``with``.
What the schema accepts may still be refused when it is loaded (a timeline that doesn't fit); what it refuses
never loads.
"""

from __future__ import annotations

import inspect
from typing import Any

from chaos.fault import Fault
from chaos.registry import Registry
from chaos.registry import registry as built_in
from harness.scenario.classification import DIMENSIONS
from harness.scenario.durations import DURATION_PATTERN, format_duration
from harness.scenario.fields import Explained
from harness.scenario.model import Scenario, Signal

__all__ = ["schema"]


def schema(registry: Registry = built_in) -> dict[str, Any]:
    """The schema (draft 2020-12) of a scenario, given the faults of a registry.

    >>> schema(Registry())["required"]
    ['name', 'faults', 'expect']
    """
    document = Scenario.model_json_schema(by_alias=True, mode="validation")
    definitions = document["$defs"]
    vocabularies: list[type[Explained]] = [*DIMENSIONS.values(), Signal]
    for words in vocabularies:
        definitions[words.__name__] = {
            "description": inspect.getdoc(words),
            "oneOf": [{"const": word.value, "description": word.meaning} for word in words],
        }
    definitions["SteadyState"]["anyOf"] = [{"required": ["at_least"]}, {"required": ["at_most"]}]
    definitions["StopCondition"]["oneOf"] = [{"required": ["below"]}, {"required": ["above"]}]
    tidy = _tidy(document)
    tidy["$defs"]["Seconds"] = _DURATION
    _add_faults(tidy["$defs"], [registry.get(name) for name in registry.names()])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **tidy, "title": "Scenario"}


def _add_faults(definitions: dict[str, Any], faults: list[type[Fault]]) -> None:
    spec = definitions["FaultSpec"]
    spec["not"] = {"required": ["at", "after"]}
    if not faults:
        return
    about = spec["properties"]["fault"].get("description", "")
    spec["properties"]["fault"] = {
        "description": about,
        "oneOf": [{"const": fault.name, "description": _summary(fault)} for fault in faults],
    }
    spec["allOf"] = [_rule(fault, definitions) for fault in faults]


def _rule(fault: type[Fault], definitions: dict[str, Any]) -> dict[str, Any]:
    """If the fault is this one, then its parameters and its kinds of point are these."""
    params = fault.model_json_schema(by_alias=True, ref_template=f"#/$defs/{fault.name}.{{model}}")
    for name, definition in params.pop("$defs", {}).items():
        definitions[f"{fault.name}.{name}"] = definition
    definitions[fault.name] = {**params, "title": fault.name, "description": _summary(fault)}
    kinds = "|".join(sorted(kind.value for kind in fault.points))
    then: dict[str, Any] = {
        "properties": {"with": {"$ref": f"#/$defs/{fault.name}"}, "point": {"pattern": f"^({kinds}):"}}
    }
    if params.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"fault": {"const": fault.name}}, "required": ["fault"]}, "then": then}


def _summary(fault: type[Fault]) -> str:
    """The first paragraph of a fault's description."""
    return " ".join((inspect.getdoc(fault) or fault.name).split("\n\n")[0].split())


_DURATION = {
    "description": "A duration with its unit.",
    "type": "string",
    "pattern": DURATION_PATTERN,
    "examples": ["90s", "4h", "1h30m", "2d", "250ms"],
}


def _tidy(node: Any) -> Any:
    """Without generated titles and null, which the loader refuses; durations share one definition."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("pattern") == DURATION_PATTERN:
        return _duration(node)
    kept = {key: _tidy(value) for key, value in node.items()}
    if "default" in kept and kept["default"] is None:
        del kept["default"]
    options = [option for option in kept.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1 < len(kept["anyOf"]):
        del kept["anyOf"]
        kept = {**options[0], **kept}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {key: _untitled(value) for key, value in kept["properties"].items()}
    return kept


def _duration(node: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": "#/$defs/Seconds"}
    if "description" in node:
        reference["description"] = node["description"]
    if node.get("default") is not None:
        reference["default"] = format_duration(node["default"])
    return reference


def _untitled(node: Any) -> Any:
    return {key: value for key, value in node.items() if key != "title"} if isinstance(node, dict) else node
