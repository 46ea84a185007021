"""Scenarios: YAML files that say what goes wrong, where, when, and what must come of it."""

from __future__ import annotations

from harness.scenario.explain import Finding
from harness.scenario.facts import TargetFacts
from harness.scenario.load import check_scenario, load_library, load_scenario, parse_scenario
from harness.scenario.model import Scenario, Signal
from harness.scenario.resolve import DEFAULT_SEED, ResolvedScenario, resolve

__all__ = [
    "DEFAULT_SEED",
    "Finding",
    "ResolvedScenario",
    "Scenario",
    "Signal",
    "TargetFacts",
    "check_scenario",
    "load_library",
    "load_scenario",
    "parse_scenario",
    "resolve",
]
