"""How large the report of a hundred scenarios is, and how long a browser takes to open it.

    python benchmarks/report.py [--scenarios N] [--run RUN]

Runs the core library under one profile in the simulator (or takes a RUN), repeats its treatments under new names until
there are N scenarios, and makes the report of that journal. Then a headless Chromium opens the page again and again.
Fails if the page is larger than 5 MB or takes 2 s or longer to open. Needs Debian's chromium and playwright.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.journal import encode, read_journal
from harness.publish import reported
from harness.run_folder import RunFolder

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
MOST_BYTES, MOST_S = 5_000_000, 2.0
OPENED = 5


def core_run(folder: Path) -> Path:
    """The core library, run once."""
    command = [sys.executable, "-m", "harness.cli", "run", "scenarios/core", "--profile", "mature", "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--results", str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    return folder / "latest"


def multiplied(journal: Path, scenarios: int) -> Iterator[dict[str, Any]]:
    """The records of a journal, its treatments again and again under new names until there are enough of them."""
    arms: dict[str, list[dict[str, Any]]] = {}
    for record in read_journal(journal):
        arms.setdefault(record["arm"], []).append(record)
    treatments = [records for records in arms.values() if records[0]["role"] == "treatment"]
    for records in arms.values():
        if records[0]["role"] == "control":
            yield from records
    for number, records in zip(range(scenarios), itertools.cycle(treatments), strict=False):
        name = f"{records[0]['scenario']}-{number:03d}"
        for record in records:
            again = {**record, "arm": f"{name}/{record['arm']}"}
            if record["kind"] == "arm.start":
                again |= {"scenario": name, "spec": {**record["spec"], "name": name}}
            yield again


def opened(page_file: Path) -> Iterator[tuple[float, float]]:
    """Seconds until the page is loaded, and until the plots of a scenario that is opened then are drawn."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium: apt-get install chromium")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=FLAGS)
        for _ in range(OPENED):
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            page.goto(page_file.as_uri())
            loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000")
            begin = time.perf_counter()
            page.click("#list > details:first-child > summary")
            page.wait_for_selector("#list > details:first-child .plots canvas")
            yield loaded, time.perf_counter() - begin
            page.close()
        chromium.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or core_run(Path(scratch) / "results")
        many = Path(scratch) / "many"
        many.mkdir()
        with (many / "journal.jsonl").open("w") as journal:
            journal.writelines(f"{encode(record)}\n" for record in multiplied(run / "journal.jsonl", options.scenarios))
        report = reported(RunFolder.open(many))
        begin = time.process_time()
        text = report.text("html")
        rendered_s = time.process_time() - begin
        page = many / "report.html"
        page.write_text(text, encoding="utf-8")
        size = page.stat().st_size
        loaded, drawn = zip(*opened(page), strict=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"scenarios               {options.scenarios}")
    print(f"size of the page        {size / 1e6:.2f} MB")
    print(f"rendering, CPU          {rendered_s:.2f} s")
    print(f"opening, median of {OPENED}    {statistics.median(loaded):.2f} s (slowest {max(loaded):.2f} s)")
    print(f"plots of a scenario     {statistics.median(drawn):.2f} s after the click")
    if size >= MOST_BYTES or statistics.median(loaded) >= MOST_S:
        sys.exit(f"too large or too slow: at most {MOST_BYTES / 1e6:g} MB and {MOST_S:g} s")


if __name__ == "__main__":
    main()
