"""What every test shares: one cache of prepared data, which outlives the session and is not the user's own."""

from __future__ import annotations

import os
import shutil

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Sets the cache for this process and all that it starts. Kept controls are of one session only."""
    cache: pytest.Cache | None = getattr(config, "cache", None)  # None with -p no:cacheprovider
    if "PIPEQUAKE_CACHE" in os.environ or cache is None:
        return
    folder = cache.mkdir("pipequake")
    shutil.rmtree(folder / "controls", ignore_errors=True)
    os.environ["PIPEQUAKE_CACHE"] = str(folder)
