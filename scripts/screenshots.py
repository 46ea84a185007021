"""Makes the pictures of the documentation: plays a gameday in a headless Chromium.

    python scripts/screenshots.py

Needs Debian's chromium and playwright; writes docs/images/gameday-*.png.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
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
    fay.screenshot(path=IMAGES / "gameday-facilitator.png")
    pat.screenshot(path=IMAGES / "gameday-participant.png")
    phone.screenshot(path=IMAGES / "gameday-phone.png")
    fay.click("#abort")
    fay.wait_for_selector("#abort-bar", state="hidden")
    fay.click("#conclude")
    fay.click("text=Read the after-action report")
    fay.wait_for_selector("text=First to notice")
    fay.screenshot(path=IMAGES / "gameday-report.png", full_page=True)


def main() -> None:
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
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
            with sync_playwright() as driver:
                play(driver.chromium.launch(executable_path=browser, args=FLAGS), links)
        finally:
            process.terminate()
            process.communicate(timeout=60)


if __name__ == "__main__":
    main()
