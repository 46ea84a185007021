"""Begins a gameday, or takes one up where a crash of the console left it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.gameday.board import Board
from harness.gameday.entries import Entry, entry_of_event, entry_of_record
from harness.gameday.event_log import Event, EventLog
from harness.gameday.floor_plan import floor_plan
from harness.gameday.game import Game, RoundState
from harness.gameday.load import LoadedPlan
from harness.gameday.plan import Plan
from harness.journal import Record, read_journal
from harness.run_folder import RunFolder
from harness.scenario import Scenario
from harness.targets.base import Target

__all__ = ["KEYS", "LOG", "begin", "board_of", "reopen"]

LOG = "gameday.jsonl"
KEYS = "gameday.key"


def begin(log: EventLog, loaded: LoadedPlan) -> None:
    """The log's first event holds the plan and its scenarios, so that nothing else is needed to resume."""
    log.append(
        "gameday.start",
        {
            "plan": loaded.plan.model_dump(mode="json", by_alias=True, exclude_none=True),
            "scenarios": [scenario.to_spec() for scenario in loaded.scenarios],
        },
    )


def reopen(folder: RunFolder, events: Sequence[Event]) -> LoadedPlan:
    """The plan of a gameday that was begun before. Raises `UsageError` if there is none in the folder."""
    if not events or events[0]["kind"] != "gameday.start":
        raise UsageError(f"{folder.path} holds no gameday that was begun. Give a folder with a {LOG}.")
    first = events[0]
    scenarios = tuple(Scenario.from_spec(spec) for spec in first["scenarios"])
    return LoadedPlan(Plan.model_validate(first["plan"]), scenarios)


def board_of(loaded: LoadedPlan, target: Target, log: EventLog, folder: RunFolder) -> Board:
    """The board as the log leaves it. A round that was being played when the console died has been interrupted."""
    board = Board(loaded.plan, loaded.scenarios, floor_plan(target.facts()), Game(loaded.plan))
    names = [scenario.name for scenario in loaded.scenarios]
    for event in list(log.events):
        _take(board, event, names)
    round_ = board.game.round
    if board.game.active and round_ is not None:
        t = max((float(entry.data["t"] or 0.0) for entry in board.entries if entry.data.get("t")), default=0.0)
        fields = {"reason": "interrupted", "error": "the console died", "round": round_.number, "t": t}
        _take(board, log.append("round.end", fields), names)
    board.entries = _with_records(board, folder)
    return board


def _take(board: Board, event: Event, names: Sequence[str]) -> None:
    board.game.apply(event)
    entry = entry_of_event(event, board.game, names)
    if entry is not None:
        board.entries.append(entry)


def _records_of(folder: RunFolder, round_: RoundState) -> Iterable[Record]:
    """The journal of a round, or its part of the whole one where a conclusion was cut off."""
    journal = folder.path / "arms" / Path(round_.journal).name
    if journal.exists():
        return read_journal(journal)
    whole = read_journal(folder.journal) if folder.journal.exists() else ()
    return (record for record in whole if record.get("arm") == round_.arm_id)


def _with_records(board: Board, folder: RunFolder) -> list[Entry]:
    """The entries of people, and those of the pipeline from the journals of the rounds, each round in order of time."""
    entries = list(board.entries)
    for round_ in board.game.rounds:
        for record in _records_of(folder, round_):
            entry = entry_of_record(record, round_.number)
            if entry is not None:
                entries.append(entry)

    def when(entry: Entry) -> tuple[int, float]:
        number, t = entry.data.get("round"), entry.data.get("t")
        return (-1 if number is None else number, -1.0 if t is None else float(t))

    return sorted(entries, key=when)
