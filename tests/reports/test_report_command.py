"""`pipequake report` and the files of a run: the same bytes every time, and plain words for a damaged folder."""

from __future__ import annotations

import html
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from rich.console import Console

from harness.cli import cli
from harness.commands.compare import compare_command
from harness.commands.report import report_command
from harness.commands.score import score_command
from harness.errors import HarnessError, JournalError, UsageError
from harness.publish import publish, reported, scored
from harness.report_files import FILES
from harness.reports.markdown import escaped
from harness.run_description import RunDescription, describe
from harness.run_folder import RunFolder
from harness.settings import SettingsError, read_settings
from harness.targets.base import DESCRIPTION
from harness.verdict import ExitCode, Verdict


@pytest.fixture
def run(sample_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(sample_run, tmp_path / "run"))


@pytest.mark.parametrize("form", FILES)
def test_the_same_run_gives_the_same_bytes_and_stays_as_it_is(sample_run: Path, tmp_path: Path, form: str) -> None:
    before = {path.name: path.read_bytes() for path in sample_run.iterdir()}
    elsewhere = shutil.copytree(sample_run, tmp_path / "moved")
    for run, name in ((sample_run, "one"), (elsewhere, "two")):
        report_command(run, form=form, output=tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert {path.name: path.read_bytes() for path in sample_run.iterdir()} == before
    printed = CliRunner().invoke(cli, ["report", str(sample_run), "--format", form])
    assert printed.stdout_bytes == (tmp_path / "one").read_bytes()


def test_a_run_writes_the_forms_that_its_description_names(run: Path) -> None:
    console = Console(file=io.StringIO())
    publish(RunFolder.open(run), console, as_json=False)
    kept = {"journal.jsonl", "run.json", "experiments.parquet"}
    assert {path.name for path in run.iterdir()} == kept | set(FILES.values())
    for form, name in FILES.items():
        assert (run / name).read_text() == reported(RunFolder.open(run)).text(form)
    for name in FILES.values():
        (run / name).unlink()
    (run / "run.json").write_text('{"reports": []}')
    publish(RunFolder.open(run), console, as_json=False)
    assert {path.name for path in run.iterdir()} == kept | {"scorecard.json"}


def test_what_never_started_is_said_and_nothing_passes_over_it(run: Path) -> None:
    started = {"careful": "store-goes-dark-careful", "other": "other-careful", "control": "control-careful"}
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    (run / "journal.jsonl").write_text("".join(x for x in lines if json.loads(x).get("arm") in started.values()))
    assert reported(RunFolder.open(run)).scorecard.verdict is Verdict.PASSED
    assert "never started" not in reported(RunFolder.open(run)).text("html")
    planned = {"store-goes-dark": 2, **{f"extra-<{n}>": 1 for n in range(6)}}
    (run / "run.json").write_text(json.dumps({"planned": planned, "reports": ["html", "markdown"]}))
    said = (
        "7 of 8 planned experiments never started; nothing was run of 6 of 7 scenarios: "
        "extra-<0>, extra-<1>, extra-<2>, extra-<3>, extra-<4> and 1 more."
    )
    console = Console(file=io.StringIO(), width=200)
    assert publish(RunFolder.open(run), console, as_json=False) == ExitCode.INCONCLUSIVE
    assert isinstance(console.file, io.StringIO)
    assert said in " ".join(console.file.getvalue().split())
    assert escaped(said) in (run / "report.md").read_text()
    assert html.escape(said) in (run / "report.html").read_text()
    assert "What was run ended as expected." in (run / "report.html").read_text()


def test_what_never_started_is_said_to_machines_too(run: Path) -> None:
    planned = {"store-goes-dark": {"careful": 3, "plain": 1}, "extra-<1>": {"careful": 1, "late": 10}}
    (run / "run.json").write_text(json.dumps({"planned": planned}))
    report = reported(RunFolder.open(run))
    begun = [(e.scenario, e.profile) for e in report.scorecard.experiments]
    missing = 3 - begun.count(("store-goes-dark", "careful"))
    root = ElementTree.fromstring(report.text("junit"))
    cases = {
        (suite.get("name"), case.get("name")): (case[0].tag, case[0].get("message"))
        for suite in root
        for case in suite
        if "never started" in case.get("name", "")
    }
    assert cases == {
        ("careful", "store-goes-dark [never started]"): ("error", f"{missing} of 3 experiments never started."),
        ("careful", "extra-<1> [never started]"): ("error", "It never started."),
        ("late", "extra-<1> [never started]"): ("error", "10 of 10 experiments never started."),
    }
    assert int(root.get("tests", "")) == len(begun) + 3 == sum(int(suite.get("tests", "")) for suite in root)
    text = report.text("openmetrics")
    shown = {
        sample.labels["profile"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "pipequake_experiments_unrun"
    }
    assert shown == {"careful": missing + 1.0, "plain": 0.0, "late": 10.0}


def test_a_run_that_was_interrupted_is_at_best_inconclusive(run: Path) -> None:
    verdict = reported(RunFolder.open(run)).scorecard.verdict
    assert verdict is Verdict.FAILED
    (run / "run.json").write_text('{"interrupted": true}')
    assert reported(RunFolder.open(run)).scorecard.verdict is Verdict.FAILED
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    passing = ("store-goes-dark-careful", "other-careful", "control-careful")
    (run / "journal.jsonl").write_text("".join(x for x in lines if json.loads(x).get("arm") in passing))
    assert scored(RunFolder.open(run)).verdict is Verdict.INCONCLUSIVE
    (run / "run.json").write_text('{"interrupted": false}')
    assert scored(RunFolder.open(run)).verdict is Verdict.PASSED


def test_of_a_run_that_ended_before_any_experiment_it_is_said_what_was_planned(run: Path) -> None:
    (run / "journal.jsonl").write_text("")
    for count, said in ((2, "None of 2 planned experiments started."), (1, "The one planned experiment never")):
        (run / "run.json").write_text(json.dumps({"planned": {"one": count}}))
        for form in ("html", "markdown"):
            shown = reported(RunFolder.open(run)).text(form)
            assert said in shown
            assert "No experiment was run." in shown


def test_without_a_description_there_is_a_report_all_the_same(run: Path) -> None:
    (run / "run.json").unlink()
    assert describe(RunFolder.open(run)) == RunDescription()
    assert "<time" not in reported(RunFolder.open(run)).text("html")


def test_the_rerun_command_is_for_a_shell() -> None:
    described = RunDescription(paths=("my scenarios; x",), backend="local", time_scale=60, later_s={"a": 90.0})
    experiment: Any = type("E", (), {"scenario": "s", "profile": "p", "seed": 3, "arm": "a"})
    assert described.rerun(experiment) == (
        "pipequake run 'my scenarios; x' --backend local --time-scale 60 --only s --profile p --seed 3 --later 90s"
    )


def changed(line: int, **fields: object) -> Callable[[Path], None]:
    """Changes fields of a line of the journal; a field that is ``...`` is removed."""

    def change(run: Path) -> None:
        lines = (run / "journal.jsonl").read_text().splitlines()
        record = json.loads(lines[line]) | fields
        lines[line] = json.dumps({key: value for key, value in record.items() if value is not ...})
        (run / "journal.jsonl").write_text("\n".join(lines) + "\n")

    return change


def written(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(data) and None


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no journal": (lambda run: (run / "journal.jsonl").unlink(), "is no run: it has no journal.jsonl. Give a folder"),
    "bytes": (written("journal.jsonl", b"\x00\xff\n"), "journal.jsonl:1: not a journal record"),
    "another file": (written("journal.jsonl", b"[1, 2]\n"), "journal.jsonl:1: not a journal record"),
    "a field lost": (changed(1, status=...), "line 2 of the journal (request): field 'status' is missing"),
    "text for a number": (changed(1, sent="x"), "holds a value that can't be: could not convert string to float: 'x'"),
    "null for a status": (changed(1, status=None), "holds a value that can't be"),
    "no horizon": (changed(0, horizon_s=None), "holds a value that can't be"),
    "an arm that never began": (changed(1, arm="ghost"), "arm 'ghost', which has no 'arm.start' before it"),
    "a kind that is a number": (changed(1, kind=7), "journal.jsonl:2: not a journal record"),
    "half a description": (written("run.json", b'{"paths": ['), "run.json: Invalid JSON"),
    "a list for a description": (written("run.json", b"[]"), "run.json: Input should be an object"),
    "markup for a time": (written("run.json", b'{"started": "<b>"}'), "run.json: started: String should match"),
    "rates of nothing": (written("run.json", b'{"rates": {"x": 1}}'), "run.json: rates."),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_in_plain_words(run: Path, damage: str) -> None:
    spoil, message = DAMAGES[damage]
    spoil(run)
    with pytest.raises(UsageError if "description" in damage else HarnessError) as told:
        report_command(run, form="html", output=run / "out.html")
    assert message in str(told.value)
    assert told.value.exit_code == 2
    assert not (run / "out.html").exists()
    assert not list(run.glob(".*"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_line_is_a_defect_of_ours(run: Path, data: st.DataObject) -> None:
    whole = (run / "journal.jsonl").read_bytes()
    kinds: dict[str, int] = {}
    for number, line in enumerate(whole.splitlines()):
        kinds.setdefault(json.loads(line)["kind"], number)
    line = data.draw(st.sampled_from(sorted(kinds.values())))
    record = json.loads(whole.splitlines()[line])
    field = data.draw(st.sampled_from(sorted(record)))
    value = data.draw(st.sampled_from([None, ..., "", "x", -1, 1e300, [], {}, True, {"a": [1]}, "\u2028</script>"]))
    try:
        changed(line, **{field: value})(run)
        reported(RunFolder.open(run)).text("html")
    except HarnessError:
        pass  # told in plain words
    finally:
        (run / "journal.jsonl").write_bytes(whole)


def test_a_journal_that_a_crash_cut_short_is_reported_as_far_as_it_goes(run: Path) -> None:
    path = run / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-700])
    text = reported(RunFolder.open(run)).text("markdown")
    assert "the journal stops before the end of the treatment run" in text


def test_an_interrupted_run_is_sent_to_recover(run: Path) -> None:
    (run / "arms").mkdir()
    (run / "journal.jsonl").rename(run / "arms" / "one.jsonl")
    with pytest.raises(UsageError, match=r"`pipequake recover --results \S*` puts it together"):
        report_command(run, form="html", output=None)


def test_a_run_that_goes_on_is_left_alone(sample_run: Path, tmp_path: Path) -> None:
    going = RunFolder.claim(tmp_path / "going")
    part = going.arm_journal("one")
    shutil.copy(sample_run / "journal.jsonl", part)
    for command in (
        lambda: score_command(going.path, rates=None, as_json=False),
        lambda: report_command(going.path, form="html", output=None),
        lambda: compare_command(going.path, sample_run, (), form="terminal"),
        lambda: compare_command(sample_run, going.path, (), form="terminal"),
    ):
        with pytest.raises(UsageError, match=r"going is still running\. Wait for its end\."):
            command()
    assert [*going.path.rglob("*")] == [part.parent, part]


def test_what_a_killed_run_left_is_taken_back_before_it_is_scored(sample_run: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    (killed / "arms").mkdir(parents=True)
    part = Path(shutil.copy(sample_run / "journal.jsonl", killed / "arms" / "one.jsonl"))
    left = killed / "arms" / f"one{DESCRIPTION}"
    left.write_text("{}")
    with pytest.raises(UsageError, match=r"killed was killed, and not all that it left is taken back\. First `pipeq"):
        score_command(killed, rates=None, as_json=False)
    assert part.exists()
    left.unlink()
    score_command(killed, rates=None, as_json=False)
    assert not part.exists()


def test_a_file_that_can_not_be_written_is_told(sample_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no/such/out\.html can't be written \(No such file or directory\)"):
        report_command(sample_run, form="html", output=tmp_path / "no" / "such" / "out.html")


def test_a_folder_is_no_file(sample_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for output in (Path(), tmp_path):
        with pytest.raises(UsageError, match=r"can't be written \(Is a directory\)"):
            report_command(sample_run, form="html", output=output)


def test_a_link_stays_one_and_what_is_no_file_is_not_replaced(sample_run: Path, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to("there")
    report_command(sample_run, form="markdown", output=link)
    assert link.is_symlink()
    written = (tmp_path / "there").read_bytes()
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pipe.read_bytes)
        report_command(sample_run, form="markdown", output=pipe)
        assert pipe.is_fifo()
        assert reading.result(timeout=10) == written


def test_the_configuration_names_forms(tmp_path: Path) -> None:
    file = tmp_path / "pipequake.toml"
    for text, forms in (('["junit", "html"]', ("html", "junit")), ("[]", ()), ('"openmetrics"', ("openmetrics",))):
        file.write_text(f"reports = {text}\n")
        assert read_settings(file).reports == forms
    file.write_text('reports = ["pdf"]\n')
    with pytest.raises(SettingsError, match=r"unknown form 'pdf'. Forms: html, markdown, junit, openmetrics; json is"):
        read_settings(file)


def first_request(run: Path) -> int:
    lines = (run / "journal.jsonl").read_bytes().splitlines()
    return next(number for number, line in enumerate(lines) if json.loads(line)["kind"] == "request")


def test_an_absurd_prediction_costs_no_more_than_no_answer(run: Path) -> None:
    changed(first_request(run), p=1e300)(run)
    for experiment in reported(RunFolder.open(run)).scorecard.experiments:
        for signal in experiment.signals:
            assert signal.requests is None or abs(signal.requests) < 1e6, signal.signal


@pytest.mark.parametrize("label", [1e300, 0.5, -1])
def test_a_label_that_is_none_is_told(run: Path, label: float) -> None:
    changed(first_request(run), y=label)(run)
    with pytest.raises(JournalError, match=rf"the label of a request is {re.escape(f'{label:g}')}, and 0 or 1 is"):
        reported(RunFolder.open(run))
