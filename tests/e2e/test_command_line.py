"""What a user does, in processes of its own: files, exit codes, determinism, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import (
    LIBRARY,
    QUICK,
    ROOT,
    journal,
    pipequake,
    processes_in_session,
    scratch_folders,
    start,
    wait_for_an_applied_fault,
    wait_until,
)


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


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_exit_code_is_the_verdict_also_if_nobody_reads_to_the_end(
    finished: Path, tmp_path: Path, unbuffered: str
) -> None:
    lines = journal(finished / "results" / "latest")
    (tmp_path / "passed").mkdir()
    kept = [json.dumps(line) for line in lines if line["arm"].split("/")[1] == "mature"]
    (tmp_path / "passed" / "journal.jsonl").write_text("\n".join(kept) + "\n")
    for arguments, code in ((["score", "passed"], 0), (["score", finished / "results" / "latest"], 1), (["faults"], 0)):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = pipequake(*arguments, cwd=tmp_path, stdout=writer, PYTHONUNBUFFERED=unbuffered)
        finally:
            os.close(writer)
        assert (done.returncode, done.stderr) == (code, "")
    assert (tmp_path / "passed" / "report.html").exists()


def test_any_character_can_be_printed_on_any_terminal(finished: Path) -> None:
    for arguments, code in ((["score", "results/latest"], 1), (["score", "results/latest", "--json"], 1)):
        done = pipequake(*arguments, cwd=finished, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr.count("internal error")) == (code, 0), done.stderr
    assert json.loads(done.stdout)["verdict"] == "failed"


ASCII = ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})


@pytest.mark.parametrize("terminal", ASCII, ids=["asked for", "locale"])
@pytest.mark.parametrize("arguments", [["score", "results/latest"], ["trend", "quick"], ["history"]])
def test_what_stands_for_a_character_is_as_wide_as_it(
    finished: Path, arguments: list[str], terminal: dict[str, str]
) -> None:
    whole = pipequake(*arguments, cwd=finished, PYTHONIOENCODING="utf-8")
    plain = pipequake(*arguments, cwd=finished, **terminal)
    assert plain.returncode == whole.returncode, plain.stderr
    assert not whole.stdout.isascii()
    assert plain.stdout.isascii()
    assert [len(line) for line in plain.stdout.splitlines()] == [len(line) for line in whole.stdout.splitlines()]


def test_brackets_in_paths_are_no_markup_and_long_paths_stay_whole(tmp_path: Path) -> None:
    results = f"[red]runs[/b]/{'long ' * 30}"
    (tmp_path / "quick.yaml").write_text(QUICK)
    done = pipequake("run", "quick.yaml", "--results", results, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"report: {results}/20" in done.stdout
    (tmp_path / results / "latest" / "arms").mkdir()
    assert f"{results}/20" in pipequake("recover", "--results", results, cwd=tmp_path).stdout
    copied = pipequake("scenarios", "--copy", "my [library]", cwd=tmp_path).stdout
    assert copied == "copied to my [library]; run them with: pipequake run 'my [library]'\n"


def test_paths_that_are_no_text_are_run_and_reported(tmp_path: Path) -> None:
    odd = os.fsdecode(b"odd\xff")
    (tmp_path / f"{odd}.yaml").write_text(QUICK)
    done = pipequake("run", f"{odd}.yaml", "--results", odd, cwd=tmp_path, PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert "report: odd" in done.stdout
    assert (tmp_path / odd / "latest" / "report.html").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["faults"], ["score", "results/latest", "--json"]])
def test_output_that_finds_no_room_is_told(finished: Path, arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = pipequake(*arguments, cwd=finished, stdout=full)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == (
        "error: the output can't be written (No space left on device). Send it somewhere else."
    )


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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reverts_everything_and_keeps_the_journal(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    wait_for_an_applied_fault(tmp_path)
    pids = processes_in_session(process.pid)
    assert scratch_folders(pids)
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
    assert scratch_folders(pids) == []


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files of this test alone; ``tmp_path`` is too long for addresses of sockets."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.mark.slow
def test_after_sigkill_nothing_goes_on_and_recover_finishes_the_reports(tmp_path: Path, temporary: Path) -> None:
    process = start(tmp_path)
    wait_for_an_applied_fault(tmp_path)
    pids = processes_in_session(process.pid)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not processes_in_session(process.pid), "the end of every process", seconds=15)
    done = pipequake("recover", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert " data.null_spike at feed:weather was in effect in a simulated world" in " ".join(done.stdout.split())
    run = next(path for path in (tmp_path / "results").iterdir() if not path.is_symlink())
    assert (run / "report.html").exists()
    card = json.loads((run / "scorecard.json").read_text())
    assert card["verdict"] == "inconclusive"
    assert pipequake("recover", cwd=tmp_path).stdout.strip() == "nothing to recover"
    # What was on disk and in memory is cleared away, once the system has let go of the numbers of the processes.
    wait_until(
        lambda: (
            pipequake("recover", cwd=tmp_path).returncode == 0 and not [*temporary.iterdir(), *scratch_folders(pids)]
        ),
        "the removal of temporary folders",
        seconds=20,
    )


def test_a_folder_for_temporary_files_with_a_long_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    temporary = tmp_path / ("long" * 20)
    temporary.mkdir()
    done = pipequake("run", "quick.yaml", cwd=tmp_path, TMPDIR=str(temporary))
    assert done.returncode == 2
    assert "has too long a path" in done.stderr
    assert "TMPDIR=/tmp" in done.stderr


def test_help_and_validation_load_nothing_heavy() -> None:
    script = (
        "import sys; from harness.library import load_scenarios; from pathlib import Path;"
        f"load_scenarios([Path({str(LIBRARY)!r})]);"
        "print([m for m in ('numpy','pandas','pyarrow','lightgbm','starlette','aiohttp') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


BAD_INPUT = {
    "unknown profile": (["run", "quick.yaml", "--profile", "matur"], "unknown profile 'matur'"),
    "unknown backend": (["run", "quick.yaml", "--backend", "moon"], "unknown backend 'moon'"),
    "unknown backend to validate for": (
        ["validate", "quick.yaml", "late.yaml", "--backend", "moon"],
        "error: unknown backend 'moon'. Backends of this version: sim, local, compose.\n",
    ),
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
    "a bomb": (["validate", "bomb.yaml"], "bomb.yaml:"),
    "a pipe without a writer": (["validate", "pipe.yaml"], "pipe.yaml: nobody writes to this named pipe"),
    "contradictory": (["validate", "both.yaml"], "`at` and `after` both say when the fault begins. Keep one of them."),
    "many mistakes": (["validate", "many.yaml"], "more problems. Mend these first."),
    "too deep": (["validate", "deep.yaml"], "deep.yaml:"),
    "not text": (["validate", "binary.yaml"], "binary.yaml"),
    "not a number": (["run", "quick.yaml", "--seed", "x"], "'x' is not a valid integer range"),
    "nan": (["run", "quick.yaml", "--backend", "local", "--time-scale", "nan"], "'nan' is no number."),
    "no jobs": (["run", "quick.yaml", "--jobs", "0"], "0 is not in the range 1<=x<=256"),
    "unknown option": (["run", "quick.yaml", "--fast"], "No such option"),
    "unknown command": (["rum"], "No such command 'rum'"),
    "later than the data": (["run", "december.yaml", "--later", "5d"], "after the last data (2013-12-30T00:00)"),
    "longer than allowed": (["run", "quick.yaml", "--later", "3000d"], "and 60d are allowed"),
    "copy into a file": (["scenarios", "--copy", "quick.yaml/library"], "can't be made (Not a directory)"),
    "copy of what": (["scenarios", "empty", "--copy", "library"], "Leave one of them out"),
    "copy over": (["scenarios", "--copy", "empty"], "empty exists. Give a folder that doesn't"),
    "damaged journal": (["score", "damaged"], "journal.jsonl:2: not a journal record: 'garbage'"),
    "nothing to recover in": (["recover", "--results", "missing"], "missing is no folder"),
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "empty").mkdir()
    (folder / "quick.yaml").write_text(QUICK)
    (folder / "column.yaml").write_text(QUICK.replace("visib", "visibility"))
    (folder / "december.yaml").write_text(QUICK + "start: 2013-12-28T00:00:00\n")
    (folder / "feed.yaml").write_text(QUICK.replace("feed:weather", "feed:wether"))
    (folder / "negative.yaml").write_text(QUICK.replace("at: 30m", "at: -1h"))
    (folder / "late.yaml").write_text(QUICK.replace("at: 30m", "at: 9h"))
    (folder / "huge.yaml").write_text("#" * (1 << 20) + "\n" + QUICK)
    (folder / "malformed.yaml").write_text("name: x\nfaults: [}\n")
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9) if n else 'x'}]" for n in range(12)]
    (folder / "bomb.yaml").write_text("\n".join(levels) + "\n" + QUICK)
    both = QUICK.replace("at: 30m", "at: 30m\n    after: {fault: data.null_spike}")
    (folder / "both.yaml").write_text(both)
    (folder / "many.yaml").write_text(QUICK + "".join(f"slip{n}: 1\n" for n in range(60)))
    (folder / "deep.yaml").write_text("name: " + "[" * 5000)
    (folder / "binary.yaml").write_bytes(b"\x00\xff\xfe" * 100)
    os.mkfifo(folder / "pipe.yaml")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "journal.jsonl").write_text('{"arm":"a","kind":"arm.start","t":0}\ngarbage\n{}\n')
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
