"""Faults that overlap at the second store, on real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .second_store import check_overlaps


@pytest.mark.slow
def test_faults_overlap_at_the_second_store(tmp_path: Path) -> None:
    check_overlaps("local", tmp_path)
