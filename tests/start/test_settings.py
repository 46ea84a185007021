"""The configuration file: found, strict, and behind the options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.settings import Settings, SettingsError, find_settings, read_settings

ROOT = Path(__file__).resolve().parents[2]

WHOLE = """\
profile = ["ad_hoc", "mature"]
backend = "sim"
results = "out"
seed = 7
jobs = 3
scenarios = ["chaos/one.yaml", "chaos/more"]
"""


def test_a_whole_configuration(tmp_path: Path) -> None:
    (tmp_path / "pipequake.toml").write_text(WHOLE)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    found = find_settings(deep)
    assert (found.profile, found.backend, found.seed, found.jobs) == (("ad_hoc", "mature"), "sim", 7, 3)
    assert found.results == tmp_path / "out"
    assert found.scenarios == (tmp_path / "chaos/one.yaml", tmp_path / "chaos/more")


def test_the_same_in_a_project_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n\n[tool.pipequake]\n" + WHOLE)
    assert find_settings(tmp_path).seed == 7


def test_a_repository_ends_the_search_and_other_projects_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pipequake.toml").write_text(WHOLE)
    inner = tmp_path / "inner"
    (inner / ".git").mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert find_settings(inner) == Settings()
    (inner / ".git").rmdir()
    assert find_settings(inner).seed == 7


def test_a_folder_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="the current folder was removed"):
        find_settings()


def test_options_win() -> None:
    settings = Settings(profile=("ad_hoc",), seed=7, jobs=3, scenarios=(Path("chaos"),))
    given_options = {"paths": (), "profiles": (), "seed": 0, "jobs": None, "backend": None, "results": None, "only": ()}
    options = settings.over(given_options)
    assert options == {
        "paths": (Path("chaos"),),
        "profiles": ("ad_hoc",),
        "seed": 0,
        "jobs": 3,
        "backend": "sim",
        "results": Path("results"),
        "reports": ("html", "markdown"),
        "only": (),
    }


MISTAKES = {
    "unknown key": ("sed = 1\n", "pipequake.toml:1:1: sed: unknown key. Did you mean 'seed'?"),
    "wrong type": ("\n  seed = '1'\n", "pipequake.toml:2:3: seed: expected a whole number from 0 to *, got '1'."),
    "flag": ("jobs = true\n", "pipequake.toml:1:1: jobs: expected a whole number from 1 to 256, got True."),
    "too many": ("jobs = 300\n", "pipequake.toml:1:1: jobs: expected a whole number from 1 to 256, got 300."),
    "no entry": ("profile = []\n", "pipequake.toml:1:1: profile: expected at least one entry."),
    "not text": ("profile = [1]\n", "pipequake.toml:1:1: profile: expected text, got 1."),
    "empty": ('results = ""\n', "pipequake.toml:1:1: results: expected text, got ''."),
    "a table": ("[seed]\nx = 1\n", "pipequake.toml:1:1: seed: expected a whole number"),
    "a stray section": ("seed = 1\n[pipequake]\njobs = 2\n", "pipequake.toml:2:1: pipequake: unknown key."),
    "syntax": ("seed = \n", "pipequake.toml:1:8: not valid TOML: invalid value."),
    "no quotes": ("profile = mature\n", "pipequake.toml:1:11: not valid TOML: invalid value. Write * text in quotes."),
    "twice": ("seed = 1\nseed = 2\n", "pipequake.toml:2:9: not valid TOML: cannot overwrite a value."),
    "open": ('profile = "x', "pipequake.toml: not valid TOML:"),
    "encoding": (b"\xff\xfe", "pipequake.toml: not UTF-8 text."),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_with_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    text, expected = MISTAKES[case]
    (tmp_path / "pipequake.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        find_settings()
    assert re.match(re.escape(expected).replace(r"\*", ".*"), str(caught.value))


def test_every_mistake_is_told_at_once_and_two_configurations_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pipequake]\nseed = -1\n\n[tool.pipequake.deep]\nx = 1\n")
    with pytest.raises(SettingsError) as caught:
        find_settings()
    assert str(caught.value).splitlines() == [
        "pyproject.toml:2:1: tool.pipequake.seed: expected a whole number from 0 to 9007199254740990, got -1.",
        "pyproject.toml:4:1: tool.pipequake.deep: unknown key. "
        "Write one of: backend, jobs, profile, reports, results, scenarios, seed.",
    ]
    (tmp_path / "pipequake.toml").write_text("")
    with pytest.raises(SettingsError, match="Keep one of them"):
        find_settings()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_give_settings_or_a_settings_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-bytes"  # not above the folders of other tests: they would find it
    folder.mkdir(exist_ok=True)
    file = folder / "pipequake.toml"
    file.write_bytes(data)
    with suppress(SettingsError):
        read_settings(file)


def test_run_reads_it_and_tells_mistakes_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "pipequake.toml").write_text('scenarios = "nowhere.yaml"\n')

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli", "run", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert run().stderr == "error: pipequake.toml:1:1: scenarios: nowhere.yaml: no such file. Write where they are.\n"
    assert "elsewhere.yaml: no such file" in run("elsewhere.yaml").stderr
    (tmp_path / "pipequake.toml").write_text('backend = "sim"\nprofile = ["mature", "matur"]\n')
    unknown = "unknown profile 'matur'. Did you mean 'mature'?\n"
    assert run("elsewhere.yaml").stderr == f"error: pipequake.toml:2:1: profile: {unknown}"
    assert run("elsewhere.yaml", "--profile", "matur").stderr == f"error: {unknown}"
    assert "elsewhere.yaml: no such file" in run("elsewhere.yaml", "--profile", "mature").stderr
    (tmp_path / "pipequake.toml").write_text('backend = "simm"\n')
    assert run().stderr.startswith(
        "error: pipequake.toml:1:1: backend: unknown backend 'simm'. Backends of this version: "
    )
    (tmp_path / "pipequake.toml").write_text("job = 1\n")
    done = run()
    assert (done.returncode, done.stderr) == (2, "error: pipequake.toml:1:1: job: unknown key. Did you mean 'jobs'?\n")
