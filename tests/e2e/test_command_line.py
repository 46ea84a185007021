"""What a user does, in processes of its own: files, exit codes, determinism, interruption."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "scenarios" / "core"

QUICK = """\
name: quick
warmup: 3h
horizon: 4h
faults:
  - fault: data.null_spike
    point: feed:weather
    with: {column: visib, rate: 1.0}
    at: 30m
    for: 1h
expect: [{detect_within: 45m}]
"""


def pipequake(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with the checkout's packages."""
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def journal(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one quick scenario was run under both profiles."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "quick.yaml").write_text(QUICK)
    done = pipequake("run", "quick.yaml", "--profile", "ad_hoc", "--profile", "mature", "--jobs", "2", cwd=folder)
    assert done.returncode == 1, done.stderr  # ad_hoc misses it
    return folder


def test_a_run_leaves_its_files_and_latest_points_at_it(finished: Path) -> None:
    latest = finished / "results" / "latest"
    assert latest.is_symlink()
    names = {path.name for path in latest.iterdir()}
    assert {"journal.jsonl", "scorecard.json", "report.html", "report.md", "run.json"} <= names
    assert "arms" not in names
    manifest = json.loads((latest / "run.json").read_text())
    assert manifest["exit_code"] == 1
    assert manifest["interrupted"] is False


def test_mature_catches_what_ad_hoc_does_not_see(finished: Path) -> None:
    card = json.loads((finished / "results" / "latest" / "scorecard.json").read_text())
    alerted = {e["profile"]: e["faults"][0]["detection"]["first"] for e in card["experiments"]}
    assert alerted["ad_hoc"] is None
    assert alerted["mature"]["component"] == "weather"


def test_the_journal_has_no_wall_clock_and_its_treatment_equals_its_control_until_the_fault(finished: Path) -> None:
    lines = journal(finished / "results" / "latest")
    begun = next(r["t"] for r in lines if r["kind"] == "fault.intent" and r["arm"].endswith("mature/seed-1"))
    requests: dict[str, list[Any]] = {}
    for r in lines:
        if r["kind"] == "request" and r["t"] < begun and "mature" in r["arm"] and "seed-1" in r["arm"]:
            requests.setdefault(r["arm"], []).append((r["id"], r["p"], r["latency_ms"]))
    treatment, control = requests.values()
    assert treatment == control
    assert len(treatment) > 20


def test_scoring_again_gives_the_same_scorecard(finished: Path) -> None:
    card = finished / "results" / "latest" / "scorecard.json"
    before = card.read_bytes()
    done = pipequake("score", "results/latest", cwd=finished)
    assert done.returncode == 1, done.stderr
    assert card.read_bytes() == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_whatever_the_process(finished: Path, tmp_path: Path) -> None:
    first = (finished / "results" / "latest" / "journal.jsonl").read_bytes()
    (tmp_path / "quick.yaml").write_text(QUICK)
    options = ["run", "quick.yaml", "--profile", "ad_hoc", "--profile", "mature", "--no-cache"]
    pipequake(*options, "--jobs", "1", cwd=tmp_path, PYTHONHASHSEED="7")
    assert (tmp_path / "results" / "latest" / "journal.jsonl").read_bytes() == first
    pipequake(*options, "--seed", "2", "--jobs", "2", cwd=tmp_path)
    assert (tmp_path / "results" / "latest" / "journal.jsonl").read_bytes() != first


@pytest.mark.slow
def test_check_determinism_says_so(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    done = pipequake("run", "quick.yaml", "--check-determinism", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "deterministic: both journals are the same to the byte" in done.stdout


def start(folder: Path) -> subprocess.Popen[str]:
    (folder / "quick.yaml").write_text(QUICK.replace("horizon: 4h", "horizon: 20d").replace("for: 1h", "for: 19d"))
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", "quick.yaml", "--no-cache", "--jobs", "2"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_an_applied_fault(folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        parts = list(folder.glob("results/*/arms/quick_mature_seed-1.jsonl"))
        if parts and '"fault.applied"' in parts[0].read_text():
            return
        time.sleep(0.1)
    pytest.fail("no fault was applied in two minutes")


def processes_in_session(session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reverts_everything_and_keeps_the_journal(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    wait_for_an_applied_fault(tmp_path)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "interrupted: every fault was reverted" in output
    assert "Traceback" not in output + errors
    lines = journal(tmp_path / "results" / "latest")
    intents = [r["fault_id"] for r in lines if r["kind"] == "fault.intent"]
    reverted = [r["fault_id"] for r in lines if r["kind"] == "fault.reverted"]
    assert intents == reverted != []
    assert {r["reason"] for r in lines if r["kind"] == "arm.end"} >= {"interrupted"}
    assert processes_in_session(process.pid) == []


@pytest.mark.slow
def test_after_sigkill_nothing_goes_on_and_recover_finishes_the_reports(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_an_applied_fault(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 10
    while processes_in_session(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_in_session(process.pid) == []
    done = pipequake("recover", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "data.null_spike at feed:weather) was in effect in a simulated world" in " ".join(done.stdout.split())
    run = next(path for path in (tmp_path / "results").iterdir() if not path.is_symlink())
    assert (run / "report.html").exists()
    card = json.loads((run / "scorecard.json").read_text())
    assert card["verdict"] == "inconclusive"
    assert pipequake("recover", cwd=tmp_path).stdout.strip() == "nothing to recover"


def cpu_seconds(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pipequake(*arguments, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_and_validation_load_nothing_heavy() -> None:
    script = (
        "import sys; from harness.library import load_scenarios; from pathlib import Path;"
        f"load_scenarios([Path({str(LIBRARY)!r})]);"
        "print([m for m in ('numpy','pandas','pyarrow','lightgbm','fastapi','aiohttp') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


BAD_INPUT = {
    "unknown profile": (["run", "quick.yaml", "--profile", "matur"], "unknown profile 'matur'"),
    "unknown backend": (["run", "quick.yaml", "--backend", "moon"], "unknown backend 'moon'"),
    "unknown name": (["run", "quick.yaml", "--only", "quck"], "no scenario is called 'quck'"),
    "results is a file": (["run", "quick.yaml", "--results", "quick.yaml"], "results cannot be written"),
    "no such path": (["run", "missing.yaml"], "missing.yaml: no such file"),
    "no scenario": (["validate", "empty"], "no scenario (*.yaml) here"),
    "no run": (["score", "empty"], "empty is no run"),
    "unknown fault": (["faults", "data.null_spik"], "Did you mean 'data.null_spike'?"),
    "missing column": (["validate", "column.yaml"], "no column 'visibility'"),
    "unknown feed": (["validate", "feed.yaml"], "Did you mean 'feed:weather'?"),
    "negative duration": (["validate", "negative.yaml"], "a duration can't be negative, got -1h"),
    "outside the horizon": (["validate", "late.yaml"], "but the horizon is 4h"),
    "too large": (["validate", "huge.yaml"], "larger than 1 MiB"),
    "malformed": (["validate", "malformed.yaml"], "malformed.yaml:2:"),
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "empty").mkdir()
    (folder / "quick.yaml").write_text(QUICK)
    (folder / "column.yaml").write_text(QUICK.replace("visib", "visibility"))
    (folder / "feed.yaml").write_text(QUICK.replace("feed:weather", "feed:wether"))
    (folder / "negative.yaml").write_text(QUICK.replace("at: 30m", "at: -1h"))
    (folder / "late.yaml").write_text(QUICK.replace("at: 30m", "at: 9h"))
    (folder / "huge.yaml").write_text("#" * (1 << 20) + "\n" + QUICK)
    (folder / "malformed.yaml").write_text("name: x\nfaults: [}\n")
    return folder


@pytest.mark.parametrize("case", BAD_INPUT, ids=[name.replace(" ", "-") for name in BAD_INPUT])
def test_mistakes_are_told_on_one_screen_without_a_traceback(mistakes: Path, case: str) -> None:
    arguments, expected = BAD_INPUT[case]
    done = pipequake(*arguments, cwd=mistakes)
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 25
    assert not (mistakes / "results").exists()
