"""Overlays on disk, and the trace that an import leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.targets.reference.local.overlays import Overlays, remove_everywhere


def imported(overlays: Overlays, module: str) -> str:
    path = os.pathsep.join(overlays.path_of("serving"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    code = f"import {module}; print({module}.WHO)"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def test_the_newest_overlay_comes_first_and_every_import_is_counted(tmp_path: Path) -> None:
    overlays = Overlays(tmp_path)
    assert overlays.add("serving", "one", {"lib/__init__.py": "WHO = 1"})
    assert not overlays.add("serving", "one", {"lib/__init__.py": "WHO = 1"})
    assert overlays.add("serving", "two.b", {"lib/__init__.py": "WHO = 2"})
    assert (overlays.loads("one"), overlays.loads("two.b")) == (0, 0)
    assert imported(overlays, "lib") == "2"
    assert imported(overlays, "lib") == "2"
    assert (overlays.loads("one"), overlays.loads("two.b")) == (0, 1)  # compiled once, and not looked at in between
    assert imported(overlays, "lib") == "2"
    assert overlays.remove("serving", "two.b")
    assert not overlays.remove("serving", "two.b")
    assert imported(overlays, "lib") == "1"
    assert (overlays.loads("one"), overlays.loads("two.b")) == (1, 2)
    assert overlays.path_of("serving") == [str(tmp_path / "serving" / "0001-one")]
    remove_everywhere(tmp_path, "one")
    assert not any((tmp_path / "serving").iterdir())


def test_a_pinned_service_does_without_what_it_has_now_and_takes_what_comes(tmp_path: Path) -> None:
    overlays = Overlays(tmp_path)
    overlays.add("serving", "one", {"lib/__init__.py": "WHO = 1"})
    assert overlays.has_modules("serving", "one")
    assert imported(overlays, "lib") == "1"
    overlays.pin("serving")
    overlays.pin("serving")
    assert overlays.path_of("serving") == []
    assert imported(overlays, "lib") == ""
    overlays.add("serving", "two", {"lib/__init__.py": "WHO = 2"})
    assert imported(overlays, "lib") == "2"
    assert overlays.remove("serving", "one")
    assert (overlays.loads("one"), overlays.loads("two")) == (1, 1)
    assert not any((tmp_path / "pinned").iterdir())


def test_settings_are_evidenced_by_being_read(tmp_path: Path) -> None:
    overlays = Overlays(tmp_path)
    overlays.add("serving", "set", {"settings.json": "{}"})
    assert not overlays.has_modules("serving", "set")
    assert overlays.loads("set") == 0
    (found,) = overlays.folder_of("serving").glob("*/settings.json")
    assert found.read_text() == "{}"
    if found.stat().st_atime_ns == 0:
        pytest.skip("this volume does not keep when a file was last read")
    assert overlays.loads("set") == 1
    assert overlays.loads("set") == 1


def test_a_module_that_cannot_be_imported_was_loaded_all_the_same(tmp_path: Path) -> None:
    overlays = Overlays(tmp_path)
    overlays.add("serving", "broken", {"lib/__init__.py": "raise ImportError('no')"})
    assert imported(overlays, "lib") == ""
    assert overlays.loads("broken") == 1
