"""What every test shares: one cache of prepared data, which outlives the session and is not the user's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

#: Tests are not timed: how long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Sets the cache for this process and all that it starts. Kept controls are of one session only."""
    cache: pytest.Cache | None = getattr(config, "cache", None)  # None with -p no:cacheprovider
    if "PIPEQUAKE_CACHE" in os.environ or cache is None:
        return
    folder = cache.mkdir("pipequake")
    shutil.rmtree(folder / "controls", ignore_errors=True)
    os.environ["PIPEQUAKE_CACHE"] = str(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of a size such as ``200k``, which can be filled up for real; needs root."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if os.name != "posix" or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("no file system can be mounted here: needs root")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leaves no byte of a file system; the file that takes them all."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


@pytest.fixture
def fill_disk() -> Callable[[Path], Path]:
    """See `fill`."""
    return fill


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares with a file in ``golden/`` beside the test, byte for byte.

    With PIPEQUAKE_REGENERATE=1 in the environment it writes the file anew.
    """

    def check(name: str, text: str) -> None:
        path = request.path.parent / "golden" / name
        if os.environ.get("PIPEQUAKE_REGENERATE") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; run the tests with PIPEQUAKE_REGENERATE=1 and review the diff"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a window. Skips where it or Playwright is missing."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium (apt-get install chromium)")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=program, args=flags)
        yield launched
        launched.close()
