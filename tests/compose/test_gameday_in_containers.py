"""A gameday in containers: a fault acts on them, an abort takes it back, and nothing stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gameday.chairs import Chair, kinds, lines, until
from gameday.consoles import gameday

from .conftest import left_of

pytestmark = pytest.mark.slow

PLAN = """\
title: Rehearsal in containers
backend: compose
speed: 120
longest_wait: 30m
seed: 1
roles: [{name: on call}]
scenarios: [{scenario: hangs.yaml}]
"""
SCENARIO = """\
name: store-hangs
warmup: 30m
horizon: 2h
faults: [{fault: store.outage, point: "store:store", with: {mode: hang}, at: 10m, for: 100m}]
expect: [{detect_within: 90m}]
"""


def test_a_round_with_an_abort(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "hangs.yaml").write_text(SCENARIO)
    with gameday(tmp_path, "plan.yaml", "--linger", "0s") as (process, links):
        run = tmp_path / links["run"]
        fay = Chair(links["facilitator"], "Fay")
        fay.wish("begin", round=0)
        until(lambda: "round.live" in kinds(run / "gameday.jsonl"), 240)
        fay.wish("inject")
        until(lambda: "fault.applied" in kinds(run / "gameday.jsonl"), 60)
        fay.wish("mark", mark="noticed", text="dashes", component="store")
        reverted_within = fay.abort(run)
        until(lambda: "round.end" in kinds(run / "gameday.jsonl"), 120)
        (end,) = (line for line in lines(run / "gameday.jsonl") if line["kind"] == "round.end")
        fay.wish("conclude")
        fay.close()
        process.communicate(timeout=600)
    assert end["reason"] == "stopped"
    assert reverted_within < 2
    told = [line["kind"] for line in lines(run / "journal.jsonl") if "store-hangs" in line["arm"]]
    assert told.count("fault.applied") == told.count("fault.reverted") == 1
    assert "dashes" in (run / "gameday.md").read_text()
    assert left_of(engine) == []
