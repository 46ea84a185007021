"""From a gameday's arms and log to its journal, its scorecard and its after-action report."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from harness.gameday.after_action import html, markdown
from harness.gameday.after_action.findings import find
from harness.gameday.board import Board
from harness.gameday.event_log import Event
from harness.gameday.rounds import RoundArms
from harness.journal import read_journal
from harness.publish import publish
from harness.run_folder import RunFolder
from harness.scoring import score
from harness.verdict import ExitCode

__all__ = ["conclude"]


def conclude(folder: RunFolder, board: Board, arms: RoundArms, events: Sequence[Event], console: Console) -> ExitCode:
    """Puts the journal together, scores it, and writes ``gameday.html`` and ``gameday.md`` beside the run's reports.

    Of a round that was played more than once the last time counts; the others go to ``superseded/``.
    """
    last = {round_.number: round_ for round_ in board.game.rounds}
    for round_ in board.game.rounds:
        journal = folder.arm_journal(round_.arm_id)
        if round_ is not last[round_.number] and journal.exists():
            (folder.path / "superseded").mkdir(exist_ok=True)
            journal.replace(folder.path / "superseded" / journal.name)
    if folder.journal.exists():  # an earlier conclusion was cut off after it had put this together
        folder.merge_unmerged()
    elif (folder.path / "arms").is_dir():
        folder.merge([*(arm.arm_id for arm in arms.controls), *(last[number].arm_id for number in sorted(last))])
    code = publish(folder, console, as_json=False)
    names = [scenario.name for scenario in board.scenarios]
    found = find(board.game, events, board.entries, names, score(read_journal(folder.journal)))
    folder.write("gameday.html", html.render(found))
    folder.write("gameday.md", markdown.render(found))
    console.print(f"after action: {folder.path / 'gameday.html'}", highlight=False, markup=False, soft_wrap=True)
    return code
