"""One file stops every run on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import QUICK, journal, pipequake, start, wait_for_an_applied_fault, wait_until


@pytest.mark.slow
def test_a_stop_file_stops_what_runs_and_refuses_what_would_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPEQUAKE_STOP_FILE", str(tmp_path / "stop"))
    process = start(tmp_path)
    wait_for_an_applied_fault(tmp_path)
    done = pipequake("stop", "--reason", "fire drill", cwd=tmp_path)
    assert "every run stops" in done.stdout
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "stopped:" in output
    assert "every fault was reverted" in " ".join(output.split())
    run = tmp_path / "results" / "latest"
    lines = journal(run)
    intents = [r["fault_id"] for r in lines if r["kind"] == "fault.intent"]
    assert intents == [r["fault_id"] for r in lines if r["kind"] == "fault.reverted"] != []
    assert json.loads((run / "run.json").read_text())["interrupted"]

    (tmp_path / "quick.yaml").write_text(QUICK)
    refused = pipequake("run", "quick.yaml", cwd=tmp_path)
    assert refused.returncode == 2
    assert "fire drill" in refused.stderr
    assert "pipequake stop --clear" in refused.stderr
    assert "may start" in pipequake("stop", "--clear", cwd=tmp_path).stdout
    assert not (tmp_path / "stop").exists()
    wait_until(lambda: len(list((tmp_path / "results").glob("20*"))) == 1, "no further run")
