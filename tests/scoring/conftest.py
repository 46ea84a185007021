"""Golden files: compared byte for byte; written anew when PIPEQUAKE_REGENERATE=1 is in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if os.environ.get("PIPEQUAKE_REGENERATE") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; run the tests with PIPEQUAKE_REGENERATE=1 and review the diff"
        assert text == path.read_text(encoding="utf-8")

    return check
