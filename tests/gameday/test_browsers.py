"""Real browsers in front of a real gameday: a facilitator on a desktop, a participant on a phone."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .consoles import PLAN, gameday, write_plan

pytestmark = pytest.mark.slow
DESKTOP = {"width": 1440, "height": 1000}
PHONE = {"width": 390, "height": 844}


class Browsers:
    """Pages of one Chromium; whatever they log as an error, and every address that they ask for, is kept."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self.errors: list[str] = []
        self.addresses: set[str] = set()

    def join(self, link: str, name: str, viewport: dict[str, int]) -> Any:
        page = self._chromium.new_context(viewport=viewport).new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.addresses.add(request.url.split("/")[2]))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(link)
        assert "token" not in page.url
        page.fill("#name", name)
        page.click("button[type=submit]")
        page.wait_for_selector("text=live")
        return page


@pytest.fixture
def browsers(chromium: Any) -> Iterator[Browsers]:
    yield Browsers(chromium)
    for context in chromium.contexts:
        context.close()


def events(folder: Path) -> list[dict[str, Any]]:
    (log,) = folder.glob("results/20*/gameday.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


def is_within(page: Any) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_whole_gameday_with_an_abort(tmp_path: Path, browsers: Browsers) -> None:
    write_plan(tmp_path)
    with gameday(tmp_path, "plan.yaml", "--linger", "30s") as (process, links):
        fay = browsers.join(links["facilitator"], "Fay", DESKTOP)
        pat = browsers.join(links["participants"], "Pat", PHONE)
        fay.click("button[aria-label='Begin Morning']")
        fay.wait_for_selector("#inject:visible")
        assert is_within(fay)
        assert is_within(pat)
        fay.click("#inject")
        fay.wait_for_selector("#secret >> text=applied")
        pat.wait_for_selector("#feed .alert")
        pat.fill("#mark-text", "<b>visibility</b> is gone")
        pat.select_option("#mark-where", "weather")
        pat.click("button.noticed")
        fay.wait_for_selector("#feed .mark >> text=<b>visibility</b> is gone")
        fay.click("button[aria-label^='Tell now: A hint']")
        pat.wait_for_selector("#feed .inject >> text=A hint.")
        body = pat.inner_text("body")
        assert "secret-nulls" not in body
        assert "null_spike" not in pat.content()
        pat.click("#abort")
        pat.wait_for_selector("#abort-bar", state="hidden", timeout=2000)
        pat.wait_for_selector("#questions >> text=What was it?")
        pat.fill("#questions textarea", "visib")
        pat.click("#questions button")
        pat.wait_for_selector("text=Answered.")
        fay.click("#conclude")
        fay.wait_for_selector("text=Read the after-action report")
        fay.click("text=Read the after-action report")
        fay.wait_for_selector("text=First to notice")
        fay.click("summary")
        fay.wait_for_selector("text=<b>visibility</b> is gone")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0  # caught before the abort, which is all that was expected
    assert browsers.errors == []
    assert {address.split(":")[0] for address in browsers.addresses} == {"127.0.0.1"}
    (end,) = (event for event in events(tmp_path) if event["kind"] == "round.end")
    assert end["reason"] == "stopped"
    assert end["took_s"] < 2
    (run,) = tmp_path.glob("results/20*")
    kinds = [json.loads(line)["kind"] for line in (run / "journal.jsonl").read_text().splitlines()]
    assert kinds.count("fault.applied") == kinds.count("fault.reverted") == 1
    assert "visibility" in (run / "gameday.md").read_text()
    assert not (run / "gameday.key").exists()


def test_the_keyboard_is_enough(tmp_path: Path, browsers: Browsers) -> None:
    write_plan(tmp_path)
    with gameday(tmp_path, "plan.yaml") as (_, links):
        fay = browsers.join(links["facilitator"], "Fay", DESKTOP)

        def tab_to(wanted: str) -> None:
            for _ in range(80):
                fay.keyboard.press("Tab")
                if fay.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
                    outline = fay.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                    assert outline != "none"
                    return
            pytest.fail(f"{wanted} can't be reached with the tab key")

        fay.wait_for_selector("button[aria-label='Begin Morning']")
        tab_to("button[aria-label='Begin Morning']")
        fay.keyboard.press("Enter")
        fay.wait_for_selector("#inject:visible")
        tab_to("#pause")
        fay.keyboard.press("Space")
        fay.wait_for_selector("#banner >> text=Paused")
        tab_to("#mark-text")
        fay.keyboard.type("all is quiet")
        tab_to("button.note")
        fay.keyboard.press("Enter")
        fay.wait_for_selector("#feed >> text=all is quiet")
        tab_to("#abort")
        fay.keyboard.press("Enter")
        fay.wait_for_selector("#abort-bar", state="hidden", timeout=2000)
    assert browsers.errors == []


def test_a_console_that_is_killed_is_resumed_and_browsers_come_back(tmp_path: Path, browsers: Browsers) -> None:
    write_plan(tmp_path, PLAN.replace("speed: 1000", "speed: 300"))
    with gameday(tmp_path, "plan.yaml") as (process, links):
        fay = browsers.join(links["facilitator"], "Fay", DESKTOP)
        fay.click("button[aria-label='Begin Morning']")
        fay.wait_for_selector("#inject:visible")
        fay.click("#inject")
        fay.wait_for_selector("#secret >> text=applied")
        fay.fill("#mark-text", "before the crash")
        fay.click("button.note")
        fay.wait_for_selector("#feed >> text=before the crash")
        process.kill()
        process.wait(10)
        fay.wait_for_selector("text=connection lost")
        with gameday(tmp_path, "--resume", links["run"]) as (again, same):
            assert same == links
            fay.wait_for_selector("#connection >> text=live")
            fay.wait_for_selector("#feed >> text=before the crash")
            fay.click("button[aria-label='Play again Morning']")
            fay.wait_for_selector("#inject:visible")
            again.send_signal(signal.SIGINT)
            assert again.wait(60) == 3
        journal = next((tmp_path / links["run"] / "arms").glob("secret-nulls_*round-1.jsonl")).read_text()
        assert '"kind":"fault.reverted"' in journal
        assert '"reason":"interrupted"' in journal
    ends = [event["reason"] for event in events(tmp_path) if event["kind"] == "round.end"]
    assert ends == ["interrupted", "interrupted"]
