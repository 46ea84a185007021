"""On a terminal that is narrower than a table no column is lost: lines are broken instead."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from rich.table import Table

import harness.console
from harness.commands.progress import Progress
from harness.history.listing import show_runs

RUN = "2026-11-30T18-13-24"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_reports_have_room_for_their_tables_and_the_bar_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    console = harness.console.report_console()
    assert console.is_terminal
    assert console.width == 80
    assert Progress(console)._bar.console.width == 40


def test_what_is_in_brackets_or_between_colons_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("a [red]title[/]")
    table.add_row("a :bug: in [b]")
    harness.console.report_console().print("[red]runs[/] [/nothing] :100:")
    harness.console.report_console().print(table)
    shown = capsys.readouterr().out
    for text in ("[red]runs[/] [/nothing] :100:", "a [red]title[/]", "a :bug: in [b]"):
        assert text in shown


def test_names_of_runs_stay_whole() -> None:
    profile: Any = SimpleNamespace(
        profile="world_class",
        outcomes={"silent": 10, "unknown": 1, "caught": 20, "absorbed": 30, "inert": 4},
        experiments=65,
        verdicts={"passed": 50, "failed": 10},
        tier=5,
        mttd_s=98.0,
        mttr_s=22586.0,
    )
    line = SimpleNamespace(run=RUN, git_branch="a-branch", git_commit="f0b5c12aaaa", git_dirty=True, profiles=[profile])
    for width in (80, 100, 200):
        shown = io.StringIO()
        show_runs([cast(Any, line)], Console(file=shown, width=width))
        assert f"{RUN} " in shown.getvalue()
        assert "50/65" in shown.getvalue()
        assert max(len(line.rstrip()) for line in shown.getvalue().splitlines()) <= width
