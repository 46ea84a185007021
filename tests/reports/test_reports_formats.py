"""Each format against its golden file, and at its limits."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hostile_texts import HOSTILE, hostile
from rich.cells import cell_len
from rich.console import Console

from harness.reports import Rerun, html, markdown, terminal
from harness.scoring import Scorecard, score
from harness.verdict import Verdict

Golden = Callable[[str, str], None]

LIBRARY = files("harness.reports.html").joinpath("uplot/uPlot.iife.min.js").read_text().strip()
SCORECARD = Path(__file__).parents[1] / "scoring" / "golden" / "scorecard.json"


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    """That of the scoring tests' golden file."""
    return Scorecard.from_json(SCORECARD.read_text(encoding="utf-8"))


def printed(scorecard: Scorecard, width: int = 100, **more: object) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, legacy_windows=False)
    terminal.render(scorecard, console, **more)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


class Page(HTMLParser):
    """Checks that elements nest, and keeps what could run, load or leave."""

    VOID = frozenset({"meta", "br", "input"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.scripts = 0
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [str(value) for name, value in attrs if name == "id"]
        self.scripts += tag == "script"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_golden_terminal(scorecard: Scorecard, rerun: Rerun, golden: Golden) -> None:
    golden("terminal.txt", printed(scorecard, rerun=rerun))


def test_golden_markdown(scorecard: Scorecard, rerun: Rerun, golden: Golden) -> None:
    golden("report.md", markdown.render(scorecard, rerun=rerun))


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_terminal_keeps_to_its_width_and_to_100_columns(scorecard: Scorecard, width: int) -> None:
    assert max(cell_len(line) for line in printed(scorecard, width).splitlines()) <= min(width, 100)


def test_the_terminal_counts_what_it_does_not_show(scorecard: Scorecard) -> None:
    text = printed(scorecard, shown=1)
    open_ones = sum(experiment.verdict is not Verdict.PASSED for experiment in scorecard.experiments)
    assert f"... and {open_ones - 1} more that did not pass" in text


def test_mttd_is_never_without_the_false_alarms(scorecard: Scorecard, rerun: Rerun) -> None:
    for line in printed(scorecard).splitlines():
        if line.strip().startswith("MTTD"):
            assert "false alarms" in line
    text = markdown.render(scorecard)
    assert text.index("False alarms") - text.index("Mean time to detection") < 400


def test_silence_is_said_in_every_format(scorecard: Scorecard) -> None:
    assert "Users were harmed and nobody was told" in printed(scorecard)
    assert "harmed users and nobody was told" in markdown.render(scorecard)
    assert "harmed users and nobody was told" in html.render(scorecard)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_html(scorecard: Scorecard, text: str) -> None:
    page = Page(html.render(hostile(scorecard, text), rerun=lambda e: text))
    assert page.scripts == 4  # the data, the library, the plots and the page's own
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(str(value).startswith("#") for name, value in page.attributes if name == "href")
    shown = "".join(page.text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800]", shown.replace("\n", ""))
    assert page.tags.count("style") == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_on_the_terminal(scorecard: Scorecard, text: str) -> None:
    shown = printed(hostile(scorecard, text), rerun=lambda e: text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
    if "[bold]" in text:
        assert "[bold]" in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_markdown(scorecard: Scorecard, text: str) -> None:
    shown = markdown.render(hostile(scorecard, text))
    assert not re.search(r"(?<!\\)<(?!br>)", shown)
    assert not re.search(r"(?<!\\)@|(?<!\\)\]\(", shown)
    assert "http://" not in shown
    tables = [block for block in shown.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_the_page_needs_nothing_and_leads_nowhere(scorecard: Scorecard, rerun: Rerun) -> None:
    text = html.render(scorecard, rerun=rerun)
    page = Page(text)
    assert not [name for name, _ in page.attributes if name in ("src", "srcset", "action", "ping")]
    own = text.replace(LIBRARY, LIBRARY.split("*/", 1)[1])  # its banner says where it comes from
    assert not re.search(r"url\(|@import|https?:|//[a-z]", own)
    assert len(page.ids) == len(set(page.ids))
    targets = [str(value).removeprefix("#") for name, value in page.attributes if name == "href"]
    assert targets
    assert set(targets) <= set(page.ids)


def test_the_page_tells_those_who_cannot_see_it(scorecard: Scorecard) -> None:
    page = Page(html.render(scorecard))
    spoken = [str(value) for name, value in page.attributes if name == "aria-label"]
    assert (
        "store.outage acts from 3 h to 9 h, harm begins at 3 h, first alert ErrorRateHigh from serving at 3.4 h, "
        "users are back at 9 h"
    ) in spoken
    assert ("lang", "en") in page.attributes


def test_the_same_scorecard_gives_the_same_bytes(scorecard: Scorecard) -> None:
    again = Scorecard.from_json(scorecard.to_json())
    assert html.render(scorecard) == html.render(again)
    assert markdown.render(scorecard) == markdown.render(again)


def test_nothing_to_show_is_said(scorecard: Scorecard) -> None:
    empty = score([])
    assert "No experiment was run." in printed(empty)
    assert "No experiment was run." in markdown.render(empty)
    assert "No experiment was run." in html.render(empty)


def test_a_hundred_scenarios_stay_small(scorecard: Scorecard, rerun: Rerun) -> None:
    many = [
        e.model_copy(update={"scenario": f"{i:03d}-{e.scenario}"}) for i in range(25) for e in scorecard.experiments
    ]
    text = html.render(scorecard.model_copy(update={"experiments": tuple(many)}), rerun=rerun)
    assert len(text.encode()) < 3_000_000
    assert text.count('class="scenario"') == 100
    assert "<details open" not in text


def test_a_long_command_can_be_copied_from_the_terminal(scorecard: Scorecard) -> None:
    command = "pipequake run 'a folder/scenario.yaml' --profile ad_hoc --only scenario --seed 1"
    console = Console(file=io.StringIO(), width=60, force_terminal=False, legacy_windows=False)
    terminal.render(scorecard, console, rerun=lambda e: command)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    first = lines.index("  rerun  pipequake run 'a folder/scenario.yaml' \\")  # a blank behind it would be a word
    assert lines[first + 1] == "         --profile ad_hoc --only scenario --seed 1"
