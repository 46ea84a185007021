"""A gameday on real processes: faults act on them, an abort takes them back, a dead console leaves none."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
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


class Seat:
    """A person at the console, without a browser."""

    def __init__(self, link: str, name: str) -> None:
        base = link.split("/join")[0]
        self._web = httpx.Client(base_url=base, headers={"origin": base}, timeout=30)
        token = link.split("token=")[1]
        self._web.post("/join", data={"token": token, "name": name, "role": "on call"})

    def wish(self, what: str, **fields: Any) -> None:
        self._web.post(f"/do/{what}", json=fields).raise_for_status()

    def close(self) -> None:
        self._web.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "cut-off.yaml").write_text(SCENARIO)
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def until(holds: Callable[[], Any], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def kinds(path: Path) -> list[str]:
    return [line["kind"] for line in lines(path)] if path.is_file() else []


def reverted(run: Path) -> bool:
    """Whether the journal of an arm that runs says that a fault was taken back."""
    return any("fault.reverted" in kinds(part) for part in run.glob("arms/*.jsonl"))


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
        fay = Seat(links["facilitator"], "Fay")
        fay.wish("begin", round=0)
        until(lambda: "round.live" in kinds(run / "gameday.jsonl"), 120)
        began = time.monotonic()
        fay.wish("inject")
        until(lambda: "fault.applied" in kinds(run / "gameday.jsonl"), 20)
        assert time.monotonic() - began < 10
        until(lambda: "inject" in kinds(run / "gameday.jsonl"), 20)  # ten minutes of the replay, 2.5 s of ours
        fay.wish("mark", mark="noticed", text="dashes", component="store")
        fay.wish("abort")
        aborted = time.monotonic()
        until(lambda: reverted(run), 20)
        reverted_within = time.monotonic() - aborted
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
        fay = Seat(links["facilitator"], "Fay")
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
            fay = Seat(links["facilitator"], "Fay")
            fay.wish("conclude")
            fay.close()
            again.communicate(timeout=240)
            assert again.returncode == 3  # cut short before anything could be judged
