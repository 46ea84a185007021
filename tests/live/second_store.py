"""Faults that overlap at the second store: an arm of them, and what must come of it on any backend with processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.arms import run_arm
from harness.scenario import parse_scenario
from harness.targets import load_target
from harness.targets.base import Arm, Interrupt
from harness.targets.reference.layout import DEFAULT_START

#: For the profile that has such a store.
SCENARIO = """\
name: s
warmup: 5m
horizon: 18m
steady_state: []
expect: [{outcome: caught}]
faults:
  - {id: stale, fault: store.stale_values, point: "store:replica", at: 1m, for: 5m}
  - id: tampered
    fault: store.tampered_values
    point: store:replica
    with: {keys: "f:origin:*", field: dep_delay_mean, factor: -3}
    at: 2m
    for: 2m
  - {id: killed, fault: process.kill, point: "store:replica", at: 7m, for: 3m}
  - {id: killed-too, fault: store.outage, point: "store:replica", with: {loses_data: true}, at: 8m, for: 4m}
  - {id: frozen, fault: process.pause, point: "store:replica", at: 9m, for: 6m}
"""


def check_overlaps(backend: str, tmp_path: Path) -> None:
    """Runs the arm: each fault has evidence from when it acts, and is taken back."""
    scenario = parse_scenario(SCENARIO)
    end_s = scenario.warmup_s + scenario.horizon_s
    arm = Arm("s", "world_class", backend, 1, DEFAULT_START, 300.0, end_s, scenario, "c", time_scale=60.0)
    assert run_arm(load_target(), arm, tmp_path / "s.jsonl", Interrupt()) == "horizon"
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]

    def times(kind: str) -> dict[str, float]:
        found: dict[str, Any] = {}
        for line in lines:
            if line["kind"] == kind:
                found.setdefault(line["fault_id"], line["t"])
        return found

    assert times("fault.failed") == {}
    evidence, reverted = times("fault.evidence"), times("fault.reverted")
    assert set(reverted) == set(evidence) == {"stale", "tampered", "killed", "killed-too", "frozen"}
    assert evidence["tampered"] < reverted["tampered"] < reverted["stale"]
    # Two of them found a store that was dead, and act from the end of the fault before.
    assert evidence["killed-too"] == pytest.approx(reverted["killed"], abs=60)
    assert evidence["frozen"] == pytest.approx(reverted["killed-too"], abs=60)
