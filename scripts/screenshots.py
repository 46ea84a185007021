"""Makes the pictures of the documentation with a headless Chromium: of a run's report, and of a gameday.

    python scripts/screenshots.py [report] [gameday]

Needs Debian's chromium, playwright and pillow; writes docs/images/report*.png and docs/images/gameday-*.png.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
#: Enough for what is drawn, and a third of the bytes.
COLOURS = 256
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def join(chromium: Any, link: str, name: str, role: str, width: int, height: int, scheme: str) -> Any:
    page = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.set_default_timeout(60_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(link)
    page.fill("#name", name)
    page.select_option("#role", role)
    page.click("button[type=submit]")
    page.wait_for_selector("text=live")
    return page


def shoot(shown: Any, name: str, **options: Any) -> None:
    """Takes a picture of a page or a part of it."""
    picture = Image.open(io.BytesIO(shown.screenshot(**options))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def show_report(chromium: Any) -> None:
    """The core library against two profiles, as `make demo` runs it."""
    command = [sys.executable, "-m", "harness.cli", "run", "scenarios/core", "--jobs", "2"]
    with tempfile.TemporaryDirectory() as folder:
        profiles = ["--profile", "ad_hoc", "--profile", "mature", "--results", folder]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([*command, *profiles], cwd=ROOT, env=environment, check=False, stdout=subprocess.DEVNULL)
        picture_report(chromium, (Path(folder) / "latest" / "report.html").as_uri())


def picture_report(chromium: Any, address: str) -> None:
    """The first screen, one scenario, and a phone."""
    page = chromium.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="light").new_page()
    page.goto(address)
    shoot(page, "report.png")
    page.click("summary:has-text('connections-reset')")
    card = page.locator("details[open] .experiment").first
    card.scroll_into_view_if_needed()
    page.wait_for_selector(".plots canvas")
    plots = page.locator(".plots").first
    plots.hover(position={"x": 640, "y": 60})
    page.wait_for_timeout(300)
    shoot(card, "report-scenario.png")
    options = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    phone = chromium.new_context(**options).new_page()
    phone.goto(address)
    shoot(phone, "report-phone.png")


def play(chromium: Any, links: dict[str, str]) -> None:
    fay = join(chromium, links["facilitator"], "Fay", "incident lead", 1440, 1100, "light")
    pat = join(chromium, links["participants"], "Pat", "on call", 1440, 1000, "dark")
    phone = join(chromium, links["participants"], "Kim", "scribe", 390, 844, "light")
    fay.click("button[aria-label='Begin The second shift']")
    fay.wait_for_selector("#inject:visible")
    fay.click("#inject")
    fay.wait_for_selector("#feed .alert.critical")
    pat.fill("#mark-text", "The weather of this morning again?")
    pat.select_option("#mark-where", "weather")
    pat.click("button.hypothesis")
    fay.wait_for_selector("#banner >> text=Stop and think")
    pat.fill("#mark-text", "The provider's export stands still.")
    pat.click("button.diagnosed")
    fay.wait_for_selector("#feed >> text=The provider's export stands still.")
    fay.wait_for_timeout(1000)
    shoot(fay, "gameday-facilitator.png")
    shoot(pat, "gameday-participant.png")
    shoot(phone, "gameday-phone.png")
    fay.click("#abort")
    fay.wait_for_selector("#abort-bar", state="hidden")
    fay.click("#conclude")
    fay.click("text=Read the after-action report")
    fay.wait_for_selector("text=First to notice")
    shoot(fay, "gameday-report.png", full_page=True)


def show_gameday(chromium: Any) -> None:
    """The example plan, played through."""
    command = [sys.executable, "-m", "harness.cli", "gameday"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        example = subprocess.run([*command, "--example"], env=environment, capture_output=True, text=True, check=True)
        (Path(folder) / "plan.yaml").write_text(example.stdout.replace("speed: 120 ", "speed: 600 "))
        process = subprocess.Popen(
            [*command, "plan.yaml"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            links: dict[str, str] = {}
            while len(links) < 2:
                line = process.stdout.readline()
                if not line:
                    sys.exit("the gameday ended before it began")
                if found := re.match(r"(facilitator|participants): +(\S+)", line):
                    links[found[1]] = found[2]
            play(chromium, links)
        finally:
            process.terminate()
            process.communicate(timeout=60)


SHOWS = {"report": show_report, "gameday": show_gameday}


def main() -> None:
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium: apt-get install chromium")
    wanted = sys.argv[1:] or list(SHOWS)
    if unknown := [name for name in wanted if name not in SHOWS]:
        sys.exit(f"unknown picture {unknown[0]!r}: {', '.join(SHOWS)}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=FLAGS)
        for name in wanted:
            SHOWS[name](chromium)
        chromium.close()


if __name__ == "__main__":
    main()
