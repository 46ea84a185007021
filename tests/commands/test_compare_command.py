"""``pipequake compare`` on runs made by hand: what it prints, its exit codes, its errors. Also rates and scores."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.commands.compare import compare_command
from harness.commands.rates import load_rates
from harness.commands.score import score_command
from harness.errors import ScenarioError, UsageError
from harness.journal import encode, read_journal
from harness.scoring import Policy, score
from harness.verdict import ExitCode

sys.path.insert(0, str(Path(__file__).parents[1] / "scoring"))
from synthetic import HOUR, WARMUP, Alert, Injected, Made, journal, treated, unanswered

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR


def run(folder: Path, delays: dict[str, float | None], seeds: Sequence[int] = (1, 2, 3)) -> Path:
    """A run folder with one scenario, repeated, under profiles that detect it after so long."""
    arms: list[Made] = []
    for profile, delay in delays.items():
        for seed in seeds:
            alerts = [] if delay is None else [Alert(A + delay + seed, B)]
            names = {"profile": profile, "seed": seed, "every_s": 600.0}
            control = Made(arm=f"control-{profile}-{seed}", **names)  # type: ignore[arg-type]
            more = {"arm": f"treated-{profile}-{seed}", "control": control.arm, **names}
            arms += [control, treated([Injected(A, B)], [unanswered(A, A + HOUR)], alerts, **more)]
    folder.mkdir()
    (folder / "journal.jsonl").write_text("".join(encode(line) + "\n" for line in journal(*arms)))
    return folder


def test_two_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = run(tmp_path / "old", {"p": 60.0}), run(tmp_path / "new", {"p": 1800.0})
    assert compare_command(old, new, (), form="terminal") == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "old, p -> new, p: worse in Mean time to detection" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert compare_command(new, old, (), form="terminal") == ExitCode.PASSED
    assert "nothing got worse beyond noise, 1 metric got better" in capsys.readouterr().out


def test_what_has_no_counterpart_is_named(tmp_path: Path) -> None:
    old, new = run(tmp_path / "old", {"p": 60.0}, seeds=(1, 2)), run(tmp_path / "new", {"p": 60.0}, seeds=(3,))
    told = r"in \S+new: 2 left out: only on the first side \(weather-stops\); 1 left out: only on the second side \(wea"
    with pytest.raises(UsageError, match=told):
        compare_command(old, new, (), form="terminal")


def test_the_same_run_twice_is_remarked_upon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = run(tmp_path / "both", {"careful": 60.0, "plain": None})
    (tmp_path / "latest").symlink_to(both)
    for again in (both, tmp_path / "latest"):
        for profiles in ((), ("plain",)):
            assert compare_command(both, again, profiles, form="terminal") == ExitCode.PASSED
            shown = capsys.readouterr()
            assert "are one and the same run" in shown.err
            assert "nothing got worse beyond noise" in shown.out
        assert compare_command(both, again, ("careful", "plain"), form="json") == ExitCode.FAILED
        assert capsys.readouterr().err == ""


def test_two_profiles_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = run(tmp_path / "both", {"careful": 60.0, "plain": None})
    assert compare_command(both, None, (), form="json") == ExitCode.FAILED
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["first"], found["second"], found["pairs"]) == ("careful", "plain", 3)
    assert "Silent-failure detection" in found["regressions"]
    assert found["scenarios"][0]["change"] == "worse"
    assert compare_command(both, None, ("plain", "careful"), form="markdown") == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert shown.startswith("## plain -\\> careful: nothing got worse beyond noise")
    assert "- **better** weather-stops: SILENT -\\> CAUGHT" in shown


def test_every_profile_that_both_runs_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = run(tmp_path / "old", {"p": 60.0, "q": 60.0, "only-old": 60.0}, (1,))
    new = run(tmp_path / "new", {"p": 60.0, "q": None}, (1,))
    assert compare_command(old, new, (), form="json") == ExitCode.FAILED
    assert [len(one["regressions"]) for one in json.loads(capsys.readouterr().out)] == [0, 1]
    assert compare_command(old, new, ("p",), form="json") == ExitCode.PASSED


def test_sides_that_were_judged_by_different_rules_are_not_compared(tmp_path: Path) -> None:
    old, new = run(tmp_path / "old", {"p": 60.0}), run(tmp_path / "new", {"p": 60.0})
    card = score(read_journal(old / "journal.jsonl"), Policy(latency_objective_ms=100))
    (old / "scorecard.json").write_text(card.to_json())
    (old / "journal.jsonl").unlink()  # a pruned run
    with pytest.raises(UsageError, match="different rules \\(latency_objective_ms 100 and 1000\\)"):
        compare_command(old, new, (), form="terminal")


def test_too_few_pairs_and_other_times_tell_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = run(tmp_path / "old", {"p": 60.0}, (1,)), run(tmp_path / "new", {"p": 90.0}, (1,))
    compare_command(old, new, (), form="terminal")
    assert "too few pairs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("second", "profiles", "message"),
    [
        (None, (), "has a, b, c. Say which two profiles to compare: --profile A --profile B, or give two runs."),
        (None, ("a", "d"), "has no experiments of profile 'd'. Profiles: "),
        (None, ("a", "b", "c"), "a comparison has two sides: give --profile at most twice."),
        ("other", (), "have no profile in common. Say which: --profile A --profile B."),
        ("other", ("a", "z"), "only on the second side (weather-stops). Run the same scenarios"),
        ("none", (), "is no run: it has no journal.jsonl"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, second: str | None, profiles: tuple[str, ...], message: str) -> None:
    first = run(tmp_path / "first", {"a": 60.0, "b": 60.0, "c": 60.0}, (1,))
    run(tmp_path / "other", {"z": 60.0}, (5,))
    with pytest.raises(UsageError) as caught:
        compare_command(first, None if second is None else tmp_path / second, profiles, form="terminal")
    assert message.removesuffix("Profiles: ") in str(caught.value)


RATES = "currency: EUR\noutage_hour: 1000\nincidents_a_year: {freshness: 4}\n"


def test_a_run_is_scored_again_with_other_rates_and_keeps_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path / "run", {"p": 60.0})
    (tmp_path / "rates.yaml").write_text(RATES)
    score_command(folder, rates=tmp_path / "rates.yaml", as_json=False)
    assert "failures cost 3\u202f648 EUR a year" in capsys.readouterr().out
    score_command(folder, rates=None, as_json=False)
    assert "failures cost 3\u202f648 EUR a year" in capsys.readouterr().out
    assert "failures cost 3" in (folder / "report.md").read_text()
    assert "failures cost 3" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", ":1:1: expected keys and values, got a list. Known rates: currency, outage_hour"),
        ("outage_hour: much", ":1:14: outage_hour: expected a number, got 'much'."),
        ("outage: 3", ":1:1: outage: unknown key. Did you mean 'outage_hour'?"),
        ("page: -1", ":1:7: page: expected a number of at least 0.0, got -1."),
        ("page: 1\npage: 2", ":2:1: page: written twice, first in line 1."),
        ("outage_hour: .inf", ":1:14: outage_hour: '.inf' is no number that can be kept."),
        ("incidents_a_year: {schema: 1e308}", ":1:28: incidents_a_year.schema: expected a number of at most"),
        ("incidents_a_year: often", ":1:19: incidents_a_year: expected a number, got 'often'."),
        ("incidents_a_year: {shema: 1}", ":1:20: incidents_a_year.shema: no fault is of family 'shema'. Did you mean"),
        ("prevention_a_year: {mature: -1}", ":1:29: prevention_a_year.mature: expected a number of at least 0.0"),
        ("a: [", ":1:5: the file ends within brackets."),
        ("[" * 3000, "nested deeper than 50 levels"),
    ],
)
def test_wrong_rates_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rates.yaml").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_rates(tmp_path / "rates.yaml")
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1
    with pytest.raises(ScenarioError, match=r"nothing\.yaml: no such file\. Check the path\. Known rates: currency"):
        load_rates(tmp_path / "nothing.yaml")
