"""The commands on stores made by hand: what they print, their exit codes, their errors."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made import finding, manifest, put

from harness.commands.baseline import baseline_command
from harness.commands.compare import compare_command
from harness.commands.gate import gate_command
from harness.commands.history import Selection, history_command, index_command, since_moment, trend_command
from harness.commands.prune import prune_command
from harness.commands.report import report_command
from harness.commands.score import score_command
from harness.errors import DiskFull, UsageError
from harness.git_state import git_state
from harness.history.retention import plan_retention
from harness.run_folder import RunFolder
from harness.verdict import ExitCode, Verdict

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202eevil'\"&"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Five runs, the odd ones of main; the last one detects late, and has one scenario more."""
    folder = tmp_path / "results"
    for number in range(1, 6):
        seconds = 60.0 if number < 5 else 2000.0
        found = [finding(detected_s=seconds + seed, seed=seed) for seed in range(1, 5)]
        more = [finding(scenario="other", detected_s=None, verdict=Verdict.FAILED)] if number == 5 else []
        put(folder / f"run-{number}", [*found, *more], manifest(number, branch="main" if number % 2 else "topic"))
    (folder / "latest").symlink_to("run-5")
    return folder


def test_history_lists_the_newest_first(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "photos").mkdir()
    assert history_command(Selection(results), limit=3, as_json=False) == ExitCode.PASSED
    shown, said = capsys.readouterr()
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "run-5", "run-4", "run-3"]
    assert lines[1].split()[1:4] == ["main", "0000000", "p"]
    assert lines[1].split()[-5:] == ["1", "S", "4", "C", "4/5"]
    assert max(map(len, lines)) <= 100
    assert "skipped: photos: no run: nothing of Pipequake is in it" in said


def test_runs_in_which_nothing_was_measured_are_named(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(results / "run-6", [], manifest(6))
    put(results / "run-7", [], manifest(7))
    (results / "run-7" / "experiments.parquet").unlink()  # its scorecard says the same
    history_command(Selection(results), limit=9, as_json=True)
    shown, said = capsys.readouterr()
    assert len(json.loads(shown)) == 5
    assert "skipped: run-6 and 1 more: ended before anything was measured\n" in said
    put(results / "run-5", [], manifest(5))  # judged again, with nothing left
    index_command(results, rebuild=False)
    assert "skipped: run-5: ended before anything was measured" in capsys.readouterr().err


def test_history_selects(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def runs(**selection: str) -> list[str]:
        history_command(Selection(results, **selection), limit=9, as_json=True)
        return [line["run"] for line in json.loads(capsys.readouterr().out)]

    assert runs(branch="topic") == ["run-4", "run-2"]
    assert runs(scenario="other") == ["run-5"]
    assert runs(since="2026-03-04") == ["run-5", "run-4"]
    assert runs(verdict="failed", profile="p", backend="sim") == ["run-5"]
    assert runs(profile="p'; drop table experiments; --") == []
    assert runs(branch="no\udcfftext") == []
    history_command(Selection(results, profile="nobody"), limit=9, as_json=False)
    assert capsys.readouterr().out == "no run matches; `pipequake run` makes one\n"


def test_a_time_that_is_none() -> None:
    assert since_moment("2026-03-01T10:00+02:00", datetime.now(UTC)) == datetime(2026, 3, 1, 8)
    for text in ("soon", "0001-01-01T00:00+14:00", "99999999d"):
        with pytest.raises(UsageError, match=r"expected a date such as 2026-03-01 or a duration"):
            since_moment(text, datetime.now(UTC))


def test_trend_draws_and_says_what_changed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trend_command("s", "detect", Selection(results), limit=9, html=None, as_json=False) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert "Mean time to detection in s under p, 5 runs from 1 Mar 2026 10:00 to 5 Mar 2026 10:00" in shown
    assert "last: 33 min, caught, in run-5; the median of the 4 before it is 62 s" in shown
    assert "C   C   C   C   C" in shown


@pytest.mark.parametrize(
    ("scenario", "metric", "message"),
    [
        ("t", "detect", "no run has a scenario called 't'. Write one of: other, s."),
        ("s", "detectt", "--metric detectt: there is no such metric. Did you mean 'detect'?"),
        ("other", "detect", "no run of 'other' matches. Leave out --profile"),
    ],
)
def test_trend_errors_say_what_to_do(results: Path, scenario: str, metric: str, message: str) -> None:
    with pytest.raises(UsageError, match="no") as error:
        trend_command(scenario, metric, Selection(results, branch="topic"), limit=9, html=None, as_json=False)
    assert message in str(error.value)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_hostile_names_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    about = manifest(1, branch=HOSTILE)
    put(results / "run\x1b[31m", [finding(scenario=HOSTILE, profile=HOSTILE, detected_s=60.0)], about)
    put(results / "other\nrun", [finding(scenario=HOSTILE, profile=HOSTILE)], about)
    (results / "bad\x1b]0;title\x07").mkdir()
    page = tmp_path / "page.html"
    assert history_command(Selection(results), limit=9, as_json=False) == ExitCode.PASSED
    assert trend_command(HOSTILE, "detect", Selection(results), limit=9, html=page, as_json=False) == ExitCode.PASSED
    assert index_command(results, rebuild=True) == ExitCode.PASSED
    assert history_command(Selection(results, scenario=HOSTILE), limit=9, as_json=False) == ExitCode.PASSED
    shown = "".join(capsys.readouterr())
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    text = page.read_text()
    parser = _Tags()
    parser.feed(text)
    assert "script" not in parser.tags
    assert "&lt;script&gt;" in text
    assert not set(text) & {"\x1b", "\u202e"}
    assert "http" not in text.replace("http-equiv", "")


def test_gate_against_a_branch_takes_the_newest_run_with_the_most_pairs(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(results / "run-6", [finding(detected_s=1.0)], manifest(6))
    assert gate_command(results / "run-5", "main", (), results, form="terminal") == ExitCode.FAILED
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("FAILED a regression")
    assert "run-3 -> run-5, 4 pairs of experiments; 1 left out: only on the second side (other)" in shown
    assert "worse beyond noise: x 3" in shown
    assert gate_command(results / "run-4", "main", (), results, form="json", partial=True) == ExitCode.PASSED
    assert json.loads(capsys.readouterr().out)[0]["first"] == "run-5"


def test_a_saved_baseline_wins_over_the_branch_and_outlives_the_run(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert baseline_command(results, None, None, remove=False) == ExitCode.PASSED
    assert "no baseline is saved" in capsys.readouterr().out
    assert baseline_command(results, "main", results / "run-1", remove=False) == ExitCode.PASSED
    for file in (results / "run-1").iterdir():
        file.unlink()
    capsys.readouterr()
    assert gate_command(results / "run-4", "main", ("p",), results, form="markdown") == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert shown.startswith("## Gate passed: no regression")
    assert "main (run-1) -\\> run-4, 4 pairs of experiments" in shown
    assert baseline_command(results, "main", None, remove=True) == ExitCode.PASSED
    with pytest.raises(UsageError, match=r"no baseline is called 'main'\. None is saved\."):
        baseline_command(results, "main", None, remove=True)


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a b", "x" * 101])
def test_a_baselines_name_is_no_path(results: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a baseline can't be called"):
        baseline_command(results, name, None, remove=False)


def test_the_command_that_lists_baselines_is_no_name_of_one(results: Path) -> None:
    with pytest.raises(UsageError, match="`pipequake baseline` alone lists the saved ones"):
        baseline_command(results, "list", None, remove=False)


def test_a_scenario_that_no_run_has_is_told_of(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="no run has a scenario called 'nope'"):
        history_command(Selection(results, scenario="nope"), limit=5, as_json=False)
    assert history_command(Selection(results, scenario="s", verdict="none"), limit=5, as_json=True) == ExitCode.PASSED
    assert json.loads(capsys.readouterr().out) == []


def test_gate_errors_say_what_to_do(results: Path) -> None:
    with pytest.raises(UsageError, match="no baseline") as error:
        gate_command(None, "nightly", (), results, form="terminal")
    assert "there is no baseline 'nightly': none is saved under this name" in str(error.value)
    assert "Save one: pipequake baseline nightly RUN" in str(error.value)
    for run, same in ((None, "latest"), (results / "run-2", "run-2"), (results / "latest", str(results / "run-5"))):
        with pytest.raises(UsageError, match="is the run that is judged: it can't be its own baseline"):
            gate_command(run, same, (), results, form="terminal")
    with pytest.raises(UsageError, match="has no experiments of profile 'q'"):
        gate_command(None, "run-1", ("q",), results, form="terminal")
    (results / "latest").unlink()
    with pytest.raises(UsageError, match="no run has ended yet"):
        gate_command(None, "main", (), results, form="terminal")
    (results / "latest").symlink_to("run-gone")
    with pytest.raises(UsageError, match="leads to run-gone, which is gone"):
        gate_command(None, "main", (), results, form="terminal")


def test_gate_with_nothing_in_common_is_inconclusive(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(results / "alone", [finding(scenario="elsewhere")], manifest(7))
    assert gate_command(results / "alone", "run-1", (), results, form="terminal") == ExitCode.INCONCLUSIVE
    shown = " ".join(capsys.readouterr().out.split())
    assert "INCONCLUSIVE nothing can be told" in shown
    assert "Run the same scenarios with the same --seed and --repeats on both sides." in shown


def test_gate_names_what_the_baseline_had_and_the_run_has_not(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = [finding(detected_s=60.0, seed=seed) for seed in range(1, 5)]
    put(results / "wide", [*mine, finding(scenario="gone"), finding(profile="q")], manifest(8))
    put(results / "narrow", mine, manifest(9))
    assert gate_command(results / "narrow", "wide", (), results, form="terminal") == ExitCode.INCONCLUSIVE
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("INCONCLUSIVE not everything can be told")
    assert "scenarios 2 judged 1 of them inconclusive not run now: gone. If that is meant, say --partial" in shown
    assert "q wide -> narrow, 0 pairs of experiments; 1 left out: only on the first side (s)" in shown
    assert gate_command(results / "narrow", "wide", ("p",), results, form="terminal") == ExitCode.INCONCLUSIVE
    assert gate_command(results / "narrow", "wide", (), results, form="terminal", partial=True) == ExitCode.PASSED
    capsys.readouterr()
    assert gate_command(results / "wide", "narrow", (), results, form="terminal") == ExitCode.PASSED
    assert "only on the second side (gone)" in " ".join(capsys.readouterr().out.split())


def test_gate_passes_no_run_that_was_interrupted_and_a_baseline_of_one_is_remarked_upon(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = [finding(detected_s=60.0, seed=seed) for seed in range(1, 5)]
    put(results / "wide", [*mine, finding(scenario="gone")], manifest(8))
    put(results / "narrow", mine, {**manifest(9), "interrupted": True})
    assert gate_command(results / "narrow", "wide", (), results, form="terminal", partial=True) == 3
    assert "interrupted inconclusive the run was ended before its time" in " ".join(capsys.readouterr().out.split())
    baseline_command(results, "main", results / "narrow", remove=False)
    assert "narrow was interrupted; a gate compares nothing that it never ran" in capsys.readouterr().err
    baseline_command(results, "main", results / "wide", remove=False)
    assert capsys.readouterr().err == ""


def test_remove_takes_no_run_and_a_wrong_metric_is_told_the_right_ones(results: Path) -> None:
    baseline_command(results, "main", results / "run-1", remove=False)
    with pytest.raises(UsageError, match="--remove takes the baseline's name alone"):
        baseline_command(results, "main", results / "run-1", remove=True)
    with pytest.raises(UsageError, match=r"Write one of: detect, .*, mttr"):
        trend_command("s", "zzzzzz", Selection(results), limit=9, html=None, as_json=False)


def test_a_full_disk_leaves_the_baseline_and_the_page_before_as_they_were(
    results: Path, small_disk: Callable[[str], Path], fill_disk: Callable[[Path], Path]
) -> None:
    disk = small_disk("2m")
    shutil.copytree(results / "run-1", disk / "run-1")
    shutil.copytree(results / "run-2", disk / "run-2")
    baseline_command(disk, "main", disk / "run-1", remove=False)
    (disk / "page.html").write_text("before")
    kept = {file.name: file.read_bytes() for file in (disk / ".baselines" / "main").iterdir()}
    fill_disk(disk)
    for name in ("main", "other"):
        with pytest.raises(UsageError, match=r"the baseline can't be saved \(No space left on device\)"):
            baseline_command(disk, name, disk / "run-2", remove=False)
    assert {path.name for path in (disk / ".baselines").iterdir()} == {"main"}
    assert {file.name: file.read_bytes() for file in (disk / ".baselines" / "main").iterdir()} == kept
    with pytest.raises(UsageError, match="Give another file with --html"):
        trend_command("s", "detect", Selection(disk), limit=9, html=disk / "page.html", as_json=False)
    assert (disk / "page.html").read_text() == "before"
    with pytest.raises(UsageError, match="Give another file with --html"):
        trend_command("s", "detect", Selection(disk), limit=9, html=disk / "other.html", as_json=False)
    assert not list(disk.glob("*other*"))


def test_a_run_that_is_its_own_baseline_is_remarked_upon(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline_command(results, "mine", results / "run-1", remove=False)
    gate_command(results / "run-1", "mine", (), results, form="json")
    told = capsys.readouterr()
    assert "note: baseline mine is this very run, run-1" in told.err
    json.loads(told.out.partition("\n")[2])


def test_where_there_are_no_links_runs_end_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        def symlink_to(self: Path, target: str) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(Path, "symlink_to", symlink_to)

    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1))
    refuse(errno.EPERM)
    folder.link_latest()
    refuse(errno.ENOSPC)
    with pytest.raises(DiskFull, match="The run itself is whole"):
        folder.link_latest()


def test_a_run_that_was_killed_is_not_whole_for_any_command(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed = results / "run-9"
    (killed / "arms").mkdir(parents=True)
    (killed / "arms" / "control.jsonl").write_text("")
    for command in (
        lambda: gate_command(killed, "run-1", (), results, form="json"),
        lambda: baseline_command(results, "main", killed, remove=False),
        lambda: compare_command(killed, results / "run-1", (), form="json"),
        lambda: report_command(killed, form="html", output=None),
    ):
        with pytest.raises(UsageError, match=r"still in parts\. `pipequake recover --results \S*` puts it together"):
            command()
    history_command(Selection(results), limit=9, as_json=True)
    assert f"pipequake recover --results {results}" in " ".join(capsys.readouterr().err.split())
    mine = [finding(detected_s=60.0, seed=seed) for seed in range(1, 5)]
    put(results / "wide", mine, manifest(8))
    put(results / "partly", mine[:2], {**manifest(9), "planned": {mine[0].scenario: {"p": 4}}})  # killed and recovered
    assert gate_command(results / "partly", "wide", (), results, form="json", partial=True) == 3


def test_prune_says_first_and_keeps_what_counts(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "run-1" / "logs").mkdir()
    (results / "run-1" / "logs" / "arm.log").write_text("x" * 1000)
    (results / "run-1" / "report.html").write_bytes(bytes(300_000))
    (results / "run-1" / "report.md").write_text("small")
    (results / "run-3" / "scorecard.json").write_text('{"schema_version": "pipequake.scorecard/0"}')
    baseline_command(results, "main", results / "run-2", remove=False)
    capsys.readouterr()
    assert prune_command(results, keep=1, older_s=None, really=False) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert "run-1  302 kB in 3 files" in shown
    assert "run-2  left alone: a baseline" in shown
    assert "run-3  left alone: no scorecard that this version can read" in shown
    assert "would be removed; scorecards and rows stay\nnothing was changed; --yes does it" in shown
    assert (results / "run-1" / "journal.jsonl").exists()
    assert prune_command(results, keep=1, older_s=None, really=True) == ExitCode.PASSED
    kept = {file.name for file in (results / "run-1").iterdir()}
    assert kept == {"run.json", "scorecard.json", "experiments.parquet", "report.md"}
    assert [(results / f"run-{n}" / "journal.jsonl").exists() for n in range(1, 6)] == [False, True, True, False, True]


def test_what_was_pruned_still_answers(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prune_command(results, keep=0, older_s=None, really=True)
    assert compare_command(results / "run-1", results / "run-2", (), form="terminal") == ExitCode.PASSED
    assert gate_command(results / "run-2", "main", (), results, form="terminal", partial=True) == ExitCode.PASSED
    with pytest.raises(UsageError, match="its journal was pruned; only its scorecard and its rows are left"):
        score_command(results / "run-1", rates=None, as_json=False)
    with pytest.raises(UsageError, match="its journal was pruned; only its scorecard and its rows are left"):
        report_command(results / "run-1", form="html", output=None)
    capsys.readouterr()
    history_command(Selection(results), limit=9, as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == 5


def test_prune_goes_by_age(results: Path) -> None:
    now = datetime(2026, 3, 6, 10, tzinfo=UTC)
    plan = plan_retention(results, keep=None, older_s=3.5 * 86_400, now=now)
    assert [share.run for share in plan.shares] == ["run-2", "run-1"]
    assert plan_retention(results, keep=4, older_s=86_400, now=now).shares[0].run == "run-1"


def test_the_state_of_the_code(tmp_path: Path) -> None:
    assert git_state(tmp_path / "nowhere") is None
    here = git_state(Path(__file__).parent, {})
    if here is not None:  # not from a source distribution
        assert len(here["commit"]) == 40
        assert isinstance(here["dirty"], bool)
