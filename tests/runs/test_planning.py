"""From scenarios to arms and trunks, and where their journals go."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.control_cache import ControlCache
from harness.errors import DiskFull, UsageError
from harness.experiment import REFERENCE_S, grow, plan_arms
from harness.journal import read_journal
from harness.run_folder import RunFolder
from harness.scenario import Scenario, parse_scenario
from harness.targets.reference.layout import DEFAULT_START


def scenario(name: str, horizon: str = "4h", extra: str = "") -> Scenario:
    return parse_scenario(
        f"name: {name}\nwarmup: 3h\nhorizon: {horizon}\n{extra}"
        'faults: [{fault: process.kill, point: "service:serving", at: 1h, for: 1h}]\nexpect: [{detect_within: 1h}]\n'
    )


def plan(*scenarios: Scenario, profiles: tuple[str, ...] = ("p",), seed: int | None = None) -> list[str]:
    arms = plan_arms(scenarios, profiles, backend="sim", default_start=DEFAULT_START, seed=seed)
    return [arm.arm_id for arm in arms]


def test_scenarios_share_controls_of_the_longest_horizon_and_two_seeds() -> None:
    arms = plan_arms(
        [scenario("a"), scenario("b", "9h")], ["p", "q"], backend="sim", default_start=DEFAULT_START, seed=None
    )
    controls = [arm for arm in arms if arm.scenario is None]
    assert {(c.profile, c.seed, c.end_s) for c in controls} == {(p, s, 12 * 3600) for p in "pq" for s in (1, 2)}
    treatments = [arm for arm in arms if arm.scenario is not None]
    assert len(treatments) == 4
    by_id = {arm.arm_id: arm for arm in arms}
    for arm in treatments:
        assert arm.control is not None
        assert (by_id[arm.control].profile, by_id[arm.control].seed) == (arm.profile, arm.seed)
        assert [by_id[other].seed for other in arm.reference] == [arm.seed + 1]


def test_a_profile_that_is_named_twice_is_run_once() -> None:
    assert plan(scenario("a"), profiles=("p", "q", "p")) == plan(scenario("a"), profiles=("p", "q"))


def test_weeks_are_held_against_a_few_days_of_another_seed() -> None:
    arms = plan_arms([scenario("a", "21d")], ["p"], backend="sim", default_start=DEFAULT_START)
    ends = {arm.seed: arm.end_s for arm in arms if arm.scenario is None}
    assert ends[arms[-1].seed] == arms[-1].end_s > ends[arms[-1].seed + 1] > REFERENCE_S


def test_another_start_has_controls_of_its_own_and_the_seed_of_the_command_wins() -> None:
    ids = plan(scenario("a", extra="seed: 4\n"), scenario("b", extra="start: 2013-07-01T00:00:00\n"), seed=9)
    assert sum(name.startswith("control/") for name in ids) == 4
    assert "a/p/seed-9" in ids


def test_a_trunk_has_the_treatments_of_its_control_and_is_left_out_when_nobody_needs_it(tmp_path: Path) -> None:
    arms = plan_arms([scenario("a"), scenario("b")], ["p"], backend="sim", default_start=DEFAULT_START)
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    everything = grow(arms, folder.arm_journal)
    assert [(len(g.branches), g.to_end) for g in everything] == [(2, True), (0, True)]
    kept = [arm.arm_id for arm in arms if arm.scenario is None]
    assert [(len(g.branches), g.to_end) for g in grow(arms, folder.arm_journal, kept)] == [(2, False)]
    assert everything[0].wanted == [kept[0], "a/p/seed-1", "b/p/seed-1"]


def write_arm(folder: RunFolder, arm: str, text: str | None = None) -> None:
    line = json.dumps({"arm": arm, "t": 0, "kind": "arm.start"}, sort_keys=True) + "\n"
    folder.arm_journal(arm).write_text(line if text is None else line + text)


def test_journals_are_merged_in_the_order_of_the_plan(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    for arm in ("b", "a"):
        write_arm(folder, arm)
    folder.merge(["a", "missing", "b"])
    assert [record["arm"] for record in read_journal(folder.journal)] == ["a", "b"]
    assert not (folder.path / "arms").exists()


def test_what_an_interrupted_run_left_is_merged_torn_lines_included(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    write_arm(folder, "x/p", '{"arm":"x/p","t":1,"ki')
    write_arm(folder, "control/p")
    folder.merge_unmerged()
    assert [r["kind"] for r in read_journal(folder.journal)] == ["arm.start", "arm.start", "journal.torn"]


CONDUCTOR = """\
import sys, time
from pathlib import Path
from harness.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).conducting():
    print("there", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize(("for_s", "alone"), [(1.0, True), (60.0, False)])
def test_who_takes_over_a_run_waits_for_those_that_conduct_its_arms(tmp_path: Path, for_s: float, alone: bool) -> None:
    (tmp_path / "arms").mkdir()
    command = [sys.executable, "-c", CONDUCTOR, tmp_path, str(for_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as conductor:
        assert conductor.stdout is not None
        conductor.stdout.readline()
        with RunFolder(tmp_path).locked(within_s=1.0) as found:
            assert found is alone
        conductor.kill()


def test_who_comes_after_somebody_who_took_over_finds_nothing_to_do(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    write_arm(folder, "x/p")
    folder.merge_unmerged()
    whole = folder.journal.read_bytes()
    folder.merge_unmerged()
    assert folder.journal.read_bytes() == whole


def test_recover_takes_each_run_once_and_not_by_its_link(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    write_arm(folder, "x/p")
    folder.link_latest()
    command = [sys.executable, "-m", "harness.cli", "recover", "--results", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "still running" in done.stdout  # this process has it
    assert done.stdout.count("2026-01-01T00-00-00") == 1
    assert "latest" not in done.stdout


def test_two_runs_of_one_second_get_two_folders_and_latest_is_the_last(tmp_path: Path) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    first, second = RunFolder.create(tmp_path, at), RunFolder.create(tmp_path, at)
    assert first.path != second.path
    first.link_latest()
    second.link_latest()
    assert (tmp_path / "latest").resolve() == second.path.resolve()


def test_a_folder_of_the_users_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC)).link_latest()
    assert not (tmp_path / "latest").is_symlink()


def test_results_that_cannot_be_written_are_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UsageError, match=r"results cannot be written to .* \(a file is there\)\. Choose another folder with --results"
    ):
        RunFolder.create(tmp_path / "file", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_control_is_kept_by_what_it_depends_on(tmp_path: Path) -> None:
    arms = plan_arms([scenario("a")], ["p", "q"], backend="sim", default_start=DEFAULT_START)
    p, q = arms[0], arms[2]
    journal = tmp_path / "journal.jsonl"
    journal.write_text("content\n")
    cache = ControlCache(tmp_path, "one")
    cache.keep(p, journal)
    into = tmp_path / "copy.jsonl"
    assert cache.fetch(p, into)
    assert into.read_text() == "content\n"
    assert not cache.fetch(q, into)
    assert not ControlCache(tmp_path, "other code").fetch(p, into)


def test_a_run_is_in_use_until_the_process_that_made_it_ends(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    write_arm(folder, "a")
    assert RunFolder(folder.path).in_use()
    script = (
        "from datetime import UTC, datetime; from pathlib import Path; from harness.run_folder import RunFolder;"
        f"print(RunFolder.create(Path({str(tmp_path)!r}), datetime(2026, 1, 1, tzinfo=UTC)).path)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    other = RunFolder(Path(done.stdout.strip()))
    assert other.path != folder.path
    assert not other.in_use()
    folder.merge(["a"])
    assert not folder.in_use()


def test_a_full_disk_is_told_and_leaves_no_half_written_file(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    folder.write("scorecard.json", "old")
    (folder.path / ".scorecard.json.tmp").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match=r"No space left on device.*Free some space there, then `pipequake recover"):
        folder.write("scorecard.json", "new" * 10_000)
    assert (folder.path / "scorecard.json").read_text() == "old"
    assert not (folder.path / ".scorecard.json.tmp").exists()


def test_a_cache_on_a_full_disk_is_no_failure(tmp_path: Path) -> None:
    arm = plan_arms([scenario("a")], ["p"], backend="sim", default_start=DEFAULT_START)[0]
    (tmp_path / "controls").write_text("a file where a folder should be")
    (tmp_path / "journal.jsonl").write_text("content\n")
    cache = ControlCache(tmp_path, "one")
    cache.keep(arm, tmp_path / "journal.jsonl")
    assert not cache.fetch(arm, tmp_path / "copy.jsonl")


def test_a_run_that_was_finished_is_not_made_unfinished_by_who_looks_after_it(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    write_arm(folder, "a")
    folder.merge(["a"])
    with RunFolder(folder.path).locked(within_s=1):
        pass
    assert not (folder.path / "arms").exists()


def test_a_crash_between_two_steps_of_a_merge_loses_nothing(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    for arm in ("a", "b"):
        write_arm(folder, arm)
    kept = folder.arm_journal("b").read_bytes()
    folder.merge(["a", "b"])
    whole = folder.journal.read_bytes()
    (folder.path / "arms").mkdir()
    folder.arm_journal("b").write_bytes(kept)  # the crash came before it was removed
    write_arm(folder, "c")
    RunFolder(folder.path).merge_unmerged()
    assert folder.journal.read_bytes().startswith(whole)
    assert [record["arm"] for record in read_journal(folder.journal) if record["kind"] == "arm.start"] == [
        "a",
        "b",
        "c",
    ]
    assert not (folder.path / "arms").exists()
