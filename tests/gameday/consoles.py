"""A console without a pipeline behind it, and the command in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.applications import Starlette

from harness.gameday.director import Director
from harness.gameday.event_log import EventLog
from harness.gameday.game import Seat
from harness.gameday.load import LoadedPlan
from harness.gameday.opening import LOG, begin, board_of
from harness.gameday.plan import Plan
from harness.gameday.rounds import RoundArms
from harness.gameday.web.app import create_app
from harness.gameday.web.guard import Rates
from harness.gameday.web.keys import Keys
from harness.library import built_in_library
from harness.run_folder import RunFolder
from harness.scenario import load_library
from harness.targets import load_target

ROOT = Path(__file__).resolve().parents[2]
PORT = 8123
HOST = f"http://127.0.0.1:{PORT}"

PLAN = """\
title: Rehearsal
briefing: Watch.
roles: [{name: on call}]
speed: 1000
seed: 1
scenarios:
  - scenario: quick.yaml
    title: Morning
    injects: [{text: A hint.}]
    questions: [{ask: "What was it?", expected: Visibility went missing}]
"""
QUICK = """\
name: secret-nulls
description: The secret is visib.
warmup: 3h
horizon: 10h
faults: [{fault: data.null_spike, point: "feed:weather", with: {column: visib, rate: 1.0}, at: 30m}]
expect: [{detect_within: 2h}]
"""


class Console:
    """A director that plays nothing, its app, and its files in a folder."""

    def __init__(self, folder: Path, **plan: object) -> None:
        scenario = next(s for s in load_library([built_in_library()]) if s.name == "weather-frozen")
        text = {"title": "Rehearsal", "roles": [{"name": "on call"}], "scenarios": [{"scenario": scenario.name}]} | plan
        loaded = LoadedPlan(Plan.model_validate(text), (scenario,) * len(text["scenarios"]))  # type: ignore[arg-type]
        target = load_target()
        self.run = RunFolder.create(folder, datetime.now(UTC))
        self.log = EventLog(self.run.path / LOG)
        begin(self.log, loaded)
        self.board = board_of(loaded, target, self.log, self.run)
        self.director = Director(self.board, RoundArms(loaded, target), self.log, self.run)
        self.keys = Keys.make(PORT)

    def app(self, *, burst: int = 10_000) -> Starlette:
        return create_app(self.director, self.keys, self.run.path, rates=Rates(burst=burst, rate=0.0))

    def go_live(self) -> None:
        """As if a round had been deployed and warmed up."""
        self.board.game.apply(self.log.append("round.begin", {"round": 0, "arm": "a", "journal": "a.jsonl"}))
        self.board.game.apply(self.log.append("round.live", {"round": 0, "t": 100.0}))
        self.board.t = 100.0

    def browser(self, seat: Seat | None = None, name: str = "Pat", **options: int) -> httpx.AsyncClient:
        """A client; with a seat, of somebody who has joined."""
        headers = {"origin": HOST}
        if seat is not None:
            person = self.director.join(name, "on call", seat)
            headers["cookie"] = f"{self.keys.cookie_name}={self.keys.cookie(person.id)}"
        transport = httpx.ASGITransport(app=self.app(**options))
        return httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers)


@contextmanager
def gameday(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command with its console; the links by whom they are for. Ended at the end, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "gameday", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PIPEQUAKE_STOP_FILE": str(folder / "stop")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        links: dict[str, str] = {}
        said = ""
        assert process.stdout is not None
        while "run" not in links:
            line = process.stdout.readline()
            said += line
            assert line, f"the command ended before its console began: {said}"
            if found := re.match(r"(facilitator|participants|run): +(\S+)", line):
                links[found[1]] = found[2]
        yield process, links
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def write_plan(folder: Path, text: str = PLAN) -> Path:
    """The plan and its scenario in a folder."""
    (folder / "quick.yaml").write_text(QUICK)
    (folder / "plan.yaml").write_text(text)
    return folder / "plan.yaml"
