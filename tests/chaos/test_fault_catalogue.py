"""The catalogue: complete, and its examples can be used as they stand."""

from __future__ import annotations

import pytest
import yaml

from chaos.catalogue import catalogue, describe
from chaos.points import Point
from chaos.registry import registry


@pytest.mark.parametrize("described", catalogue(), ids=lambda d: d.name)
def test_every_entry_is_complete_and_its_example_works(described: object) -> None:
    from chaos.catalogue import FaultDescription

    assert isinstance(described, FaultDescription)
    assert described.summary.endswith((".", ":")) or described.summary
    assert ">>>" not in described.text
    assert described.family == described.name.partition(".")[0]
    assert all(param.description.endswith(".") for param in described.params)
    (entry,) = yaml.safe_load(described.example)
    fault = registry.create(entry["fault"], entry.get("with", {}))
    fault.check_point(Point.parse(entry["point"]))


def test_types_defaults_and_bounds_in_words() -> None:
    params = {p.name: p for p in describe(registry.get("data.unit_change")).params}
    assert (params["column"].type, params["column"].default, params["column"].column) == ("text", None, "number")
    assert (params["rate"].type, params["rate"].default) == ("number", "1.0")
    assert params["rate"].bounds == "at least 0, at most 1"
    assert (params["conversion"].type, params["conversion"].default) == ("text or nothing", "null")
    assert params["key"].type == "list of text"
    mode = describe(registry.get("store.outage")).params[0]
    assert (mode.type, mode.default) == ("one of refuse, hang", '"refuse"')
    assert describe(registry.get("network.latency")).params[0].unit == "ms"
