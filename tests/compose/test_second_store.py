"""Faults that overlap at the second store, in containers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live.second_store import check_overlaps

from harness.targets.reference.compose.stack import owner

from .conftest import left_of


@pytest.mark.slow
def test_faults_overlap_at_the_second_store(engine: Any, tmp_path: Path) -> None:
    check_overlaps("compose", tmp_path)
    assert left_of(engine, owner()) == []
