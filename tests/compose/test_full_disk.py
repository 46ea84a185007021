"""The disk of the results becomes full while a fault is in effect in containers: nothing stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.arms import run_arm
from harness.errors import HarnessError
from harness.scenario import parse_scenario
from harness.targets import load_target
from harness.targets.base import Arm, Interrupt
from harness.targets.reference.compose.stack import owner
from harness.targets.reference.layout import DEFAULT_START

from .conftest import left_of

LASTING = """\
name: lasting
warmup: 5m
horizon: 10h
steady_state: []
faults: [{fault: process.pause, point: "service:features", at: 1m}]
expect: [{detect_within: 5h}]
"""


@pytest.mark.slow
def test_an_arm_whose_disk_becomes_full_ends_and_leaves_no_container(
    engine: Any, small_disk: Callable[[str], Path], fill_disk: Callable[[Path], Path]
) -> None:
    disk = small_disk("1m")
    journal = disk / "s.jsonl"
    scenario = parse_scenario(LASTING)
    arm = Arm("s", "mature", "compose", 1, DEFAULT_START, 300.0, 36_300.0, scenario, "c", time_scale=120.0)
    over = threading.Event()

    def fill() -> None:
        while not over.is_set():
            if journal.exists() and '"fault.applied"' in journal.read_text():
                fill_disk(disk)
                return
            time.sleep(0.1)

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        with pytest.raises(HarnessError, match="No space left on device"):
            run_arm(load_target(), arm, journal, Interrupt())
    finally:
        over.set()
        filler.join()
    assert '"fault.applied"' in journal.read_text()
    assert list(disk.glob("*.live.*")) == []
    assert left_of(engine, owner()) == []
