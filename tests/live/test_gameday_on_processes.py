"""A gameday on real processes: faults act on them, an abort takes them back, a dead console leaves none."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from gameday.chairs import Chair, kinds, lines, until
from gameday.consoles import gameday

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real-processes")]

PLAN = """\
title: Rehearsal on processes
backend: local
speed: 240
longest_wait: 30m
seed: 1
roles: [{name: on call}]
scenarios:
  - scenario: cut-off.yaml
    injects: [{text: Dashes again., after_fault: 10m}]
"""
SCENARIO = """\
name: store-cut-off
warmup: 30m
horizon: 2h
users: 1.0
faults: [{fault: network.partition, point: "link:serving->store", at: 10m, for: 100m}]
expect: [{detect_within: 90m}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "cut-off.yaml").write_text(SCENARIO)
    return tmp_path


def processes_of(folder: Path) -> list[str]:
    """What still runs and has the folder in its command line or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in said:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_a_round_on_processes_with_an_abort(folder: Path) -> None:
    with gameday(folder, "plan.yaml", "--linger", "0s") as (process, links):
        run = folder / links["run"]
        fay = Chair(links["facilitator"], "Fay")
        fay.wish("begin", round=0)
        until(lambda: "round.live" in kinds(run / "gameday.jsonl"), 120)
        began = time.monotonic()
        fay.wish("inject")
        until(lambda: "fault.applied" in kinds(run / "gameday.jsonl"), 20)
        assert time.monotonic() - began < 10
        until(lambda: "inject" in kinds(run / "gameday.jsonl"), 20)  # ten minutes of the replay, 2.5 s of ours
        fay.wish("mark", mark="noticed", text="dashes", component="store")
        reverted_within = fay.abort(run)
        until(lambda: "round.end" in kinds(run / "gameday.jsonl"), 20)
        (end,) = (line for line in lines(run / "gameday.jsonl") if line["kind"] == "round.end")
        fay.wish("conclude")
        fay.close()
        process.communicate(timeout=240)
    assert reverted_within < 2
    assert end["reason"] == "stopped"
    assert end["took_s"] < 10  # the deployment's end included
    journal = lines(run / "journal.jsonl")
    treatment = [line for line in journal if "store-cut-off" in line["arm"] and line["kind"].startswith("fault.")]
    assert [line["kind"] for line in treatment if line["kind"] in ("fault.applied", "fault.reverted")] == [
        "fault.applied",
        "fault.reverted",
    ]
    assert "fault.evidence" in [line["kind"] for line in treatment]
    assert re.search(r"dashes", (run / "gameday.md").read_text())
    assert processes_of(run) == []


def test_a_console_that_is_killed_leaves_no_process(folder: Path) -> None:
    with gameday(folder, "plan.yaml") as (process, links):
        run = folder / links["run"]
        fay = Chair(links["facilitator"], "Fay")
        fay.wish("begin", round=0)
        until(lambda: "round.live" in kinds(run / "gameday.jsonl"), 120)
        fay.wish("inject")
        until(lambda: "fault.applied" in kinds(run / "gameday.jsonl"), 20)
        fay.close()
        assert processes_of(run)
        process.kill()
        process.wait(10)
        until(lambda: not processes_of(run), 30)
        with gameday(folder, "--resume", links["run"], "--linger", "0s") as (again, same):
            assert same == links
            fay = Chair(links["facilitator"], "Fay")
            fay.wish("conclude")
            fay.close()
            again.communicate(timeout=240)
            assert again.returncode == 3  # cut short before anything could be judged
