"""Tests on real deployments take turns: they share the target's lock, and each alone has work for both cores."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Held by one slow test at a time, whichever worker it runs on."""
    if request.node.get_closest_marker("slow") is None:
        yield
        return
    with (Path(tempfile.gettempdir()) / "pipequake-live-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
