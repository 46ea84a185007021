"""The page in a real Chromium: at phone and desktop width, by keyboard, without scripts, on paper, under attack."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hostile_texts import HOSTILE, hostile

from harness.reports import html
from harness.reports.traces import TraceReader
from harness.scoring import Scorecard

pytestmark = pytest.mark.slow
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Browser:
    """Pages of one Chromium; what they log as an error, every address and every dialog is kept."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self.errors: list[str] = []
        self.addresses: set[str] = set()
        self.dialogs: list[str] = []

    def open(self, file: Path, viewport: dict[str, int] = DESKTOP, **context: Any) -> Any:
        page = self._chromium.new_context(viewport=viewport, **context).new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.addresses.add(request.url))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        return page


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    yield Browser(chromium)
    for context in chromium.contexts:  # pages that nobody looks at any more take frames from the others
        context.close()


@pytest.fixture
def report(tmp_path: Path, judged: tuple[Scorecard, TraceReader], rerun: Callable[..., str]) -> Path:
    card, traces = judged
    file = tmp_path / "report.html"
    file.write_text(html.render(card, rerun=rerun, traces=traces, started="2026-11-24T17:50:18+00:00"))
    return file


def is_within(page: Any) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_asks_for_nothing(browser: Browser, report: Path, viewport: dict[str, int], scheme: str) -> None:
    page = browser.open(report, viewport, color_scheme=scheme)
    assert is_within(page)
    assert page.locator("canvas").count() == 0
    page.click("#fold")
    page.wait_for_function("document.querySelectorAll('details.scenario[open]').length === 4")
    page.locator("figure[data-plot]").first.scroll_into_view_if_needed()
    page.wait_for_selector(".plots canvas")
    assert is_within(page)
    assert page.locator(".curves:visible").count() < page.locator(".curves").count()
    assert low_contrasts(page) == []
    assert browser.errors == []
    assert browser.addresses == {report.as_uri()}


def low_contrasts(page: Any) -> list[str]:
    """Texts that stand out too little from what is behind them: less than 4.5 to 1."""
    found: list[str] = page.evaluate(
        """() => {
        const parse = (c) => { const v = c.match(/[0-9.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
          .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = (e) => { for (; e; e = e.parentElement) {
          const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255]; };
        const bad = new Set();
        for (const e of document.querySelectorAll("body *")) {
          const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
          if (!own || !e.checkVisibility() || e.closest("script, style, .inside")) continue;
          const style = getComputedStyle(e);
          const [a, b] = [light(parse(e.namespaceURI.endsWith("svg") ? style.fill : style.color)), light(behind(e))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < 4.5) bad.add(e.tagName + "." + (e.getAttribute("class") || "") + " " + ratio.toFixed(2));
        }
        return [...bad];
        }"""
    )
    return found


def test_search_filters_and_order(browser: Browser, report: Path) -> None:
    page = browser.open(report)
    shown = lambda: page.locator("#list h3:visible").all_inner_texts()  # noqa: E731
    assert len(shown()) == 4
    page.fill("#search", "celsius unit_change")
    assert shown() == ["weather-in-celsius"]
    assert page.inner_text("#shown") == "1 of 4"
    page.fill("#search", "no such thing")
    assert page.is_visible("#none")
    page.fill("#search", "")
    page.check("input[value=silent]", force=True)
    assert sorted(shown()) == ["weather-goes-stale", "weather-in-celsius"]
    page.uncheck("input[value=silent]", force=True)
    page.select_option("#sort", "name")
    assert shown() == sorted(shown())
    page.select_option("#sort", "harm")
    assert shown()[0] == "store-goes-dark"
    page.check("input[value=inconclusive]", force=True)
    page.evaluate("location.hash = 's2'")
    page.wait_for_selector("#s2[open]")
    assert page.inner_text("#shown") == "4 of 4"
    assert browser.errors == []


def test_the_keyboard_is_enough(browser: Browser, report: Path) -> None:
    page = browser.open(report)

    def tab_to(wanted: str) -> None:
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
                return
        pytest.fail(f"{wanted} can't be reached with the tab key")

    def outlined(selector: str) -> bool:
        return str(page.eval_on_selector(selector, "e => getComputedStyle(e).outlineStyle")) != "none"

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    page.keyboard.press("/")
    page.keyboard.type("dark")
    assert page.inner_text("#shown") == "1 of 4"
    tab_to("input[value=failed]")
    assert outlined("input[value=failed] + .pick")
    page.keyboard.press("Space")
    tab_to("#sort")
    assert outlined("#sort")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#sort") == "name"
    tab_to("#list > details:not([hidden]) > summary")
    assert outlined("#list > details:not([hidden]) > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#list > details[open]")
    page.wait_for_selector(".plots canvas")
    tab_to(".plots")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    said = page.locator(".plots .sr").first.inner_text()
    assert said.startswith("at ")
    assert "Availability" in said
    assert "control" in said
    assert browser.errors == []


def test_what_is_opened_by_hand_is_drawn_wherever_the_page_stands(browser: Browser, report: Path) -> None:
    page = browser.open(report)
    head = page.locator("#list > details > summary").last
    head.evaluate("e => e.focus({ preventScroll: true })")
    assert head.evaluate("e => e.getBoundingClientRect().top > innerHeight + 200"), "near, this shows nothing"
    page.keyboard.press("Enter")
    page.wait_for_selector(".plots canvas")


def test_without_scripts_the_numbers_and_a_still_timeline_are_there(browser: Browser, report: Path) -> None:
    page = browser.open(report, java_script_enabled=False)
    assert not page.is_visible("#tools")
    for scenario in page.locator("details.scenario > summary").all():
        scenario.click()
    assert page.locator(".timeline .chart path.treatment").count() > 20
    assert page.locator(".curves").first.is_visible()
    assert page.is_visible("text=pipequake run scenarios/store-goes-dark.yaml --seed 7 >> nth=0")
    assert page.is_visible("svg text:has-text('store.outage, 6 h') >> nth=0")


def test_on_paper_everything_is_open_still_and_light(browser: Browser, report: Path) -> None:
    page = browser.open(report, color_scheme="dark")
    page.click("#list > details:first-child > summary")
    page.wait_for_selector(".plots canvas")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("details.scenario[open]").count() == 4
    assert not page.is_visible("#tools")
    assert not page.is_visible(".plots")
    assert page.locator(".curves").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_those_who_use_a_screen_reader_find_their_way(browser: Browser, report: Path) -> None:
    page = browser.open(report, reduced_motion="reduce")
    assert [page.locator(name).count() for name in ("header", "main", "h1")] == [1, 1, 1]
    page.click("#fold")
    levels = page.eval_on_selector_all("h1, h2, h3, h4, h5", "all => all.map(e => Number(e.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    heads = page.eval_on_selector_all("th", "all => all.map(e => e.scope)")
    assert set(heads) == {"col", "row"}
    unnamed = "all => all.filter(e => !e.labels || !e.labels.length).length"
    assert page.eval_on_selector_all("input, select", unnamed) == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_hostile_texts_stay_texts(
    browser: Browser, judged: tuple[Scorecard, TraceReader], tmp_path: Path, viewport: dict[str, int]
) -> None:
    card, traces = judged
    for number, text in enumerate((*HOSTILE, "x" * 3000)):
        file = tmp_path / f"hostile-{number}.html"
        page_text = html.render(hostile(card, text), rerun=lambda e, t=text: t, traces=traces)  # type: ignore[misc]
        file.write_text(page_text, encoding="utf-8")
        page = browser.open(file, viewport)
        page.click("#list > details:first-child > summary")
        page.locator("figure").first.scroll_into_view_if_needed()
        page.wait_for_selector(".plots canvas")
        assert page.locator("img, iframe, object, embed, link").count() == 0
        assert page.locator("script").count() == 4
        assert is_within(page)
        page.context.close()
    assert browser.dialogs == []
    assert browser.errors == []
    assert {address.rpartition("/")[2].partition("-")[0] for address in browser.addresses} == {"hostile"}


def test_the_policy_lets_nothing_else_run_or_leave(browser: Browser, report: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    page = browser.open(report)
    blocked = page.evaluate(
        """async (there) => {
        const seen = [];
        document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
        const add = (name, set) => { const e = document.createElement(name); set(e); document.body.append(e); };
        add("script", (e) => { e.textContent = "window.ran = true"; });
        add("div", (e) => { e.innerHTML = '<b style="color: red" onclick="window.ran = true">x</b>'; });
        document.body.lastChild.firstChild.click();
        add("img", (e) => { e.src = there; });
        await fetch(there).catch(() => {});
        await new Promise((done) => setTimeout(done, 300));
        return [window.ran === undefined, [...new Set(seen)].sort()];
        }""",
        f"http://127.0.0.1:{listener.getsockname()[1]}/x.png",
    )
    assert blocked[0] is True
    assert set(blocked[1]) >= {"script-src-elem", "script-src-attr", "style-src-attr", "img-src", "connect-src"}
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


def test_a_hundred_scenarios_open_at_once(
    browser: Browser, judged: tuple[Scorecard, TraceReader], tmp_path: Path, rerun: Callable[..., str]
) -> None:
    card, traces = judged
    many = [e.model_copy(update={"scenario": f"{i:02d}-{e.scenario}"}) for i in range(25) for e in card.experiments]
    file = tmp_path / "report.html"
    file.write_text(html.render(card.model_copy(update={"experiments": tuple(many)}), rerun=rerun, traces=traces))
    assert file.stat().st_size < 5_000_000
    page = browser.open(file)
    assert page.inner_text("#shown") == "100 of 100"
    # In CPU time, as others may be at work on this machine; benchmarks/report.py looks at the clock.
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.reload()
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    assert 0 < metrics["TaskDuration"] < 2
