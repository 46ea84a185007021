"""``pipequake init``: what it writes runs at once, and it never writes over anything."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from harness.commands.init import init_command
from harness.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = {
    "pipequake.toml",
    "scenarios/weather-goes-null.yaml",
    "scenarios/feature-store-hangs.yaml",
    "tests/test_chaos.py",
    ".github/workflows/chaos.yml",
}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_a_start_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_own.py").write_text("own")
    lines = init_command(tmp_path)
    assert files(tmp_path) == WRITTEN | {"tests/test_own.py"}
    assert all(any(name in line for line in lines) for name in WRITTEN)


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_one_file_that_is_there_is_enough_to_write_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError, match=f"nothing was written:\n  {name}\nMove them away"):
        init_command(tmp_path)
    assert files(tmp_path) == {name}
    assert path.read_text() == "mine"


def test_a_dangling_link_and_a_configuration_elsewhere_count(tmp_path: Path) -> None:
    (tmp_path / "pipequake.toml").symlink_to("nowhere")
    (tmp_path / "pyproject.toml").write_text("[tool.pipequake]\n")
    with pytest.raises(UsageError, match=r"pipequake.toml\n  pyproject.toml with \[tool.pipequake\]"):
        init_command(tmp_path)


def test_what_was_begun_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / ".github").write_text("a file where a folder is needed")
    with pytest.raises(UsageError, match="cannot be written"):
        init_command(tmp_path)
    assert files(tmp_path) == {".github"}
    assert [path.name for path in tmp_path.iterdir()] == [".github"]


def test_the_workflow_is_yaml_that_runs_pytest(tmp_path: Path) -> None:
    init_command(tmp_path)
    workflow = yaml.safe_load((tmp_path / ".github/workflows/chaos.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["chaos"]["steps"]]
    assert any(step.startswith("pytest --chaos") for step in steps)


@pytest.mark.slow
def test_what_the_wheel_brings_runs_at_once(tmp_path: Path) -> None:
    """The wheel's files, without the checkout: init, run, pytest, and the library of scenarios."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        check=True,
        capture_output=True,
    )
    site, project = tmp_path / "site", tmp_path / "project"
    zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))).extractall(site)
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def call(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("harness.cli", "init")
    assert "PASSED" in call("harness.cli", "run")
    assert "4 passed" in call("pytest", "--chaos", "-q")
    assert "1 passed, 1 skipped" in call("pytest", "-q")
    call("harness.cli", "scenarios", "--copy", "library")
    assert files(project / "library") == files(ROOT / "scenarios")
