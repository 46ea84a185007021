"""With ``--chaos``: real experiments, told apart as passed, failed and saying nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from suites import INERT, PLUGIN, QUICK, run, scenario

TESTS = """
import pytest
from harness.matchers import hours, minutes

@pytest.mark.scenario("quick", profile="mature")
def test_caught_in_time(experiment):
    assert experiment.detected and experiment.time_to_detect < minutes(45)
    assert experiment.time_to_recover < hours(1) and experiment.availability > 0.99
    assert experiment.alerts[0].component == "weather" and experiment.passed

@pytest.mark.scenario("quick", profile="ad_hoc")
def test_too_strict(experiment):
    assert experiment.time_to_detect < minutes(45)

@pytest.mark.scenario("scenarios/inert.yaml")
def test_says_nothing(experiment):
    assert False, "never reached"
"""


def properties(case: ElementTree.Element) -> dict[str, str | None]:
    return {entry.attrib["name"]: entry.attrib["value"] for entry in case.iter("property")}


@pytest.fixture
def project(suite: pytest.Pytester) -> pytest.Pytester:
    """Two scenarios, one of which touches nothing, and tests in Python."""
    scenario(suite, QUICK, "scenarios/quick.yaml")
    scenario(suite, INERT, "scenarios/inert.yaml")
    suite.makepyfile(test_pipeline=TESTS)
    return suite


def test_a_whole_session(project: pytest.Pytester) -> None:
    both = ["--chaos-profile", "ad_hoc", "--chaos-profile", "mature"]
    done = run(project, "--chaos", "-rA", "--junitxml=junit.xml", "--chaos-jobs", "2", *both)
    # quick[mature] and test_caught_in_time; quick[ad_hoc] and test_too_strict; the inert one under each profile
    done.assert_outcomes(passed=2, failed=2, errors=4)
    text = done.stdout.str()
    done.stdout.fnmatch_lines(
        [
            "*ERROR at setup of touches-nothing?ad_hoc?*",
            "INCONCLUSIVE, INERT: touches-nothing under ad_hoc, seed 1",
            "*_ quick?ad_hoc? _*",
            "ABSORBED: quick under ad_hoc, seed 1",
            "  expected  detect within 45 min",
            "  what      no alert in *",
            "  why       *",
            "  fix       *",
            "  rerun     pytest --chaos 'scenarios/quick.yaml::quick?ad_hoc?' --chaos-profile ad_hoc",
            "  report    results/*/report.html",
            "E*assert never < 45 min",
            "*- the experiment -*",
            "report: results/*/report.html",
        ]
    )
    assert "never reached" not in text.replace('assert False, "never reached"', "")
    cases = {case.attrib["name"]: case for case in ElementTree.parse(project.path / "junit.xml").iter("testcase")}
    told = properties(cases["quick[mature]"])
    assert (told["verdict"], told["outcome"], told["profile"]) == ("passed", "absorbed", "mature")
    assert 0 < float(told["time_to_detect_s"] or 0) < 2700
    assert cases["quick[ad_hoc]"].find("failure") is not None
    assert "time_to_detect_s" not in properties(cases["quick[ad_hoc]"])
    inert = cases["touches-nothing[mature]"]
    assert inert.find("error") is not None
    assert properties(inert)["outcome"] == "inert"
    assert properties(cases["test_caught_in_time[mature]"])["verdict"] == "passed"
    latest = project.path / "results" / "latest"
    kept = {"journal.jsonl", "scorecard.json", "experiments.parquet", "report.html", "report.md", "run.json", "logs"}
    assert set(os.listdir(latest)) <= kept
    card = json.loads((latest / "scorecard.json").read_text())
    assert {e["arm"] for e in card["experiments"]} == {
        f"{name}/{profile}/seed-1" for name in ("quick", "touches-nothing") for profile in ("ad_hoc", "mature")
    }

    # The last run's failures, and only they, by one of the commands that were printed.
    again = run(project, "--chaos", "--lf", "--collect-only", "-q", *both)
    assert sum("::" in line for line in again.outlines) == 6
    one = run(project, "--chaos", "scenarios/quick.yaml::quick[ad_hoc]", "--chaos-profile", "ad_hoc")
    one.assert_outcomes(failed=1)


@pytest.mark.slow
def test_workers_of_xdist_compute_each_experiment_once_and_agree(project: pytest.Pytester) -> None:
    scenario(project, QUICK.replace("name: quick", "name: quick-too"), "scenarios/too.yaml")
    done = run(project, "--chaos", "-n", "2", "-p", "no:cacheprovider", "--dist", "load")
    done.assert_outcomes(passed=3, failed=1, errors=2)
    runs = [path for path in (project.path / "results").iterdir() if not path.is_symlink()]
    assert len(runs) == 1
    assert not [path.name for path in runs[0].iterdir() if path.name.startswith(".")]
    lines = [json.loads(line) for line in (runs[0] / "journal.jsonl").read_text().splitlines()]
    starts = [line["arm"] for line in lines if line["kind"] == "arm.start"]
    assert len(starts) == len(set(starts)) == 8  # two controls for each of two profiles, and four treatments


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGINT, []), (signal.SIGINT, ["-n", "2"]), (signal.SIGTERM, []), (signal.SIGHUP, [])],
)
def test_an_interrupt_reverts_every_fault(suite: pytest.Pytester, number: signal.Signals, options: list[str]) -> None:
    scenario(suite, QUICK.replace("horizon: 4h", "horizon: 20d").replace("for: 1h", "for: 19d"), "long.yaml")
    scenario(suite, QUICK.replace("name: quick", "name: later").replace("warmup: 3h", "warmup: 4h"), "later.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *PLUGIN, "--chaos", "long.yaml", "later.yaml", "--chaos-jobs", "1", *options],
        cwd=suite.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not applied(suite.path):
        assert time.monotonic() < deadline, "no fault was applied"
        time.sleep(0.05)
    os.killpg(process.pid, number) if options else process.send_signal(number)  # a terminal's goes to every process
    output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "interrupted: every fault was reverted" in output
    if "-n" not in options:  # a process a worker
        assert "1 of 2 planned experiments never started; nothing was run of 1 of 2 scenarios: later." in output
    told = json.loads((suite.path / "results" / "latest" / "run.json").read_text())
    assert told["interrupted"] is True
    assert told["planned"] == {"quick": {"mature": 1}, "later": {"mature": 1}}
    text = (suite.path / "results" / "latest" / "journal.jsonl").read_text()
    kinds = [json.loads(line)["kind"] for line in text.splitlines() if '"fault.' in line]
    assert kinds.count("fault.applied") == kinds.count("fault.reverted") == 1


@pytest.mark.slow
def test_a_terminal_that_is_gone_costs_no_report(suite: pytest.Pytester) -> None:
    scenario(suite, QUICK.replace("horizon: 4h", "horizon: 20d").replace("for: 1h", "for: 19d"), "long.yaml")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *PLUGIN, "--chaos", "long.yaml"],
        cwd=suite.path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    deadline = time.monotonic() + 120
    while not applied(suite.path):
        assert time.monotonic() < deadline, "no fault was applied"
        time.sleep(0.05)
    os.close(ours)  # whatever is written from now on is an error
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) != 0
    told = json.loads((suite.path / "results" / "latest" / "scorecard.json").read_text())
    assert told["verdict"] == "inconclusive"


def applied(folder: Path) -> bool:
    """Whether a fault is in effect."""
    return any('"fault.applied"' in part.read_text() for part in folder.glob("results/*/arms/quick_*.jsonl"))


def test_a_target_that_is_left_dirty_is_exit_code_4_whatever_the_tests_say(suite: pytest.Pytester) -> None:
    scenario(suite, QUICK, "chaos/quick.yaml")
    suite.makeconftest(
        """
        from contextlib import contextmanager
        import pytest
        from harness.errors import DirtyTarget
        from harness.pytest_plugin import laboratory

        real = laboratory.guarded

        @contextmanager
        def guarded(*arguments):
            with real(*arguments) as pulse:
                yield pulse
            raise DirtyTarget("the store is still stopped. Start it by hand, then `pipequake recover`.")

        laboratory.guarded = guarded
        """
    )
    done = run(suite, "--chaos", "chaos")
    assert done.ret == 4
    done.stdout.fnmatch_lines(["*the store is still stopped. Start it by hand, then `pipequake recover`.*"])
    assert not list(suite.path.glob("results/*/.laboratory*"))
