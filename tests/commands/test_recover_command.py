"""``pipequake recover`` on folders made by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.commands.recover import recover_command
from harness.journal import encode
from harness.run_folder import RunFolder
from harness.verdict import ExitCode

sys.path.insert(0, str(Path(__file__).parents[1] / "scoring"))
from synthetic import Made, journal


def interrupted(results: Path, name: str, *, damaged: bool) -> Path:
    """A run that was killed with one arm written."""
    lines = [encode(line) for line in journal(Made(every_s=3600.0))]
    if damaged:
        lines[3] = "BROKEN" + lines[3]
    (results / name / "arms").mkdir(parents=True)
    (results / name / "arms" / "control.jsonl").write_text("\n".join(lines) + "\n")
    return results / name


def test_a_damaged_run_does_not_keep_the_others_from_being_recovered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = interrupted(tmp_path, "2026-01-01T00-00-00", damaged=True)
    sound = interrupted(tmp_path, "2026-01-02T00-00-00", damaged=False)
    assert recover_command(tmp_path) == ExitCode.USAGE
    assert "control.jsonl:4: not a journal record" in capsys.readouterr().out
    assert (broken / "arms" / "control.jsonl").exists(), "what can't be read is not thrown away"
    assert (sound / "scorecard.json").exists()
    assert not (sound / "arms").exists()


@pytest.mark.parametrize(("noted", "after"), [(None, True), (False, False)])
def test_a_run_that_was_killed_is_noted_as_interrupted(tmp_path: Path, noted: bool | None, after: bool) -> None:
    run = RunFolder(interrupted(tmp_path, "2026-01-01T00-00-00", damaged=False))
    run.write_manifest({"backend": "sim", "interrupted": noted})
    recover_command(tmp_path)
    assert run.manifest()["interrupted"] is after
