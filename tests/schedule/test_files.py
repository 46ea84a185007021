"""Schedule files: every mistake with its place; exports that the others' own programs accept."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fake_world import HOUR
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError, ScenarioError, UsageError
from harness.schedule.export import FORMATS, export
from harness.schedule.read import ScheduleError, read_schedule

WHOLE = """\
timezone: Europe/Berlin
business_hours: {days: mon-fri, from: "08:00", to: "18:00"}
blackouts:
  - {from: 2026-12-23, to: 2027-01-02, why: end of the year}
error_budget: {at_most: 2h, window: 30d}
min_interval: 30m
results: runs
notify:
  - slack: {url_env: CHAOS_SLACK_URL}
  - webhook: {url_file: /run/secrets/hook}
  - email: {host: localhost, from: chaos@example.org, to: [ops@example.org]}
endpoint: 127.0.0.1:9464
jobs:
  morning:
    cron: "30 9 * * 1-5"
    scenarios: [scenarios, more]
    profile: mature
    seed: 7
    repeats: 3
    backend: local
    time_scale: 60
    jitter: 10m
    retry: {times: 2, delay: 5m}
  outage:
    cron: "*/20 * * * *"
    timezone: UTC
    overlap: skip
    misfire_grace: 10m
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schedule.yaml"
    path.write_text(WHOLE)
    return path


def test_a_whole_file(file: Path) -> None:
    schedule = read_schedule(file)
    morning, outage = schedule.jobs
    told = "scenarios more --profile mature --seed 7 --repeats 3 --time-scale 60 --backend local --results runs"
    assert " ".join(morning.arguments) == told
    assert (morning.jitter, morning.retry.times, morning.wait) == (timedelta(minutes=10), 2, True)
    assert (outage.wait, outage.grace, str(outage.cron.timezone)) == (False, timedelta(minutes=10), "UTC")
    assert schedule.blackouts[0].start == datetime(2026, 12, 22, 23, tzinfo=UTC)
    assert schedule.blackouts[0].end == datetime(2027, 1, 2, 23, tzinfo=UTC)  # to the end of that day
    assert schedule.budget is not None
    assert schedule.budget.at_most == 2 * HOUR
    assert schedule.listen == ("127.0.0.1", 9464)
    assert schedule.state == file.parent / ".schedule.state.json"


MISTAKES = {
    "unknown key": (
        "min_interval: 30m",
        "min_intervall: 30m",
        "6:1: min_intervall: unknown key. Did you mean",
    ),
    "cron": ('"30 9 * * 1-5"', '"30 9 * *"', "15:11: jobs.morning.cron: expected five fields"),
    "range": ('"30 9 * * 1-5"', '"30 25 * * *"', "15:11: jobs.morning.cron: hour: expected 0 to 23, got '25'."),
    "zone": ("timezone: UTC", "timezone: Berlin", "26:15: jobs.outage.timezone: no time zone 'Berlin'."),
    "no cron": ('    cron: "*/20 * * * *"\n', "", "25:5: jobs.outage: 'cron' is missing."),
    "duration": ("jitter: 10m", "jitter: 10", "22:13: jobs.morning.jitter: expected a duration with a unit"),
    "secret": (
        "{url_env: CHAOS_SLACK_URL}",
        "{url: https://x}",
        "9:13: notify[0].slack.url: a secret must not",
    ),
    "channel": ("slack: {url", "slak: {url", "9:5: notify[0]: expected one of webhook, slack, email."),
    "both": ("{url_file: /run/secrets/hook}", "{url_file: a, url_env: B}", "10:14: notify[1].webhook: expected one of"),
    "address": ("127.0.0.1:9464", "0.0.0.0:9464", "12:11: endpoint: expected a port on this machine"),
    "blackout": ("to: 2027-01-02", "to: 2026-01-02", "4:28: blackouts[0].to: the blackout ends before it begins."),
    "moment": ("from: 2026-12-23", "from: 2026-13-23", "4:12: blackouts[0].from: expected a date or a moment"),
    "days": ("mon-fri", "mon-fry", "2:24: business_hours.days: unknown value 'fry'. Did you mean 'fri'?"),
    "clock": ('"08:00"', '"8"', "2:39: business_hours.from: expected a time of day, got '8'."),
    "no table": (
        "{at_most: 2h, window: 30d}",
        "2h",
        "5:15: error_budget: expected keys and values, got '2h'. Keys: at_",
    ),
    "no budget": ("at_most: 2h", "at_most: 0s", "5:25: error_budget.at_most: a budget of 0s lets nothing start"),
    "no window": ("window: 30d", "window: 0s", "5:37: error_budget.window: a budget of 0s lets nothing start"),
    "overlap": (
        "overlap: skip",
        "overlap: skp",
        "27:14: jobs.outage.overlap: unknown value 'skp'. Did you",
    ),
    "option": (
        "[scenarios, more]",
        "[scenarios, --help]",
        "16:16: jobs.morning.scenarios: expected a path, got '--help', which reads like an option.",
    ),
    "job name": ("  outage:", "  Outage:", "24:3: jobs.Outage: 'Outage' is not a name."),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_with_line_and_column(file: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    old, new, told = MISTAKES[case]
    assert WHOLE.count(old) == 1
    file.write_text(WHOLE.replace(old, new))
    monkeypatch.chdir(file.parent)
    with pytest.raises(ScheduleError) as caught:
        read_schedule(Path("schedule.yaml"))
    assert str(caught.value).startswith(f"schedule.yaml:{told}")


def test_a_schedule_that_is_not_there_is_no_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = {"no.yaml": "no such file. Check the path. docs/schedule.md", ".": "a folder, not a schedule"}
    for path, told in expected.items():
        with pytest.raises(ScenarioError, match=re.escape(told)):
            read_schedule(Path(path))


def test_several_mistakes_are_told_at_once_and_an_empty_schedule_is_one(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("timezone: 5\njobs: {}\nendpoint: x\n")
    with pytest.raises(ScheduleError) as caught:
        read_schedule(path)
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_never_more(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = WHOLE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        value = data.draw(
            st.sampled_from(["", "x", "5", "[]", "{}", "null", "true", "-1", "'", "2026-99-99", "{a: b}"])
        )
        lines[at] = re.sub(r"(: |- ).*$", rf"\g<1>{value}", lines[at], count=1)
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text("\n".join(lines))
    try:
        read_schedule(path)
    except HarnessError as error:
        told = str(error)
        assert told


def test_exports_say_the_same_as_the_file(file: Path) -> None:
    schedule = read_schedule(file)
    cron = export(schedule, "cron", 2026).splitlines()
    assert "CRON_TZ=Europe/Berlin" in cron
    assert any(line.startswith("30 9 * * 1,2,3,4,5 cd ") and line.endswith("--once morning") for line in cron)
    jobs = list(yaml.safe_load_all(export(schedule, "kubernetes", 2026)))
    assert [job["spec"]["schedule"] for job in jobs] == ["30 9 * * 1,2,3,4,5", "*/20 * * * *"]
    assert [job["spec"]["timeZone"] for job in jobs] == ["Europe/Berlin", "UTC"]
    assert jobs[1]["spec"]["startingDeadlineSeconds"] == 600
    with pytest.raises(UsageError, match="morning: GitHub knows UTC only"):
        export(schedule, "github", 2026)


def test_github_gets_utc_and_a_word_about_the_other_half_of_the_year(file: Path) -> None:
    file.write_text(WHOLE.replace('"30 9 * * 1-5"', '"30 0 * * *"'))
    text = export(read_schedule(file), "github", 2026)
    workflow = yaml.safe_load(text)
    assert [entry["cron"] for entry in workflow[True]["schedule"]] == ["30 23 * * *", "*/20 * * * *"]
    assert "00:30 Europe/Berlin in January; in July it is +1 h by the clock there" in text
    steps = [step.get("run", "") for step in workflow["jobs"]["morning"]["steps"]]
    assert "pipequake schedule schedule.yaml --once morning" in steps


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_agrees_about_the_next_times(file: Path) -> None:
    for cron in ("30 9 * * 1-5", "*/20 3-5 1,15 * *", "0 0 13 * fri", "5 4 * jan-mar/2 sun"):
        file.write_text(WHOLE.replace('"30 9 * * 1-5"', f'"{cron}"'))
        schedule = read_schedule(file)
        calendars = re.findall(r"OnCalendar=(.*)", export(schedule, "systemd", 2026))[:-1]
        begin = datetime(2026, 5, 1, tzinfo=UTC)
        told: set[datetime] = set()
        for calendar in calendars:
            command = ["systemd-analyze", "calendar", "--iterations=5", "--base-time=2026-05-01 00:00:00 UTC", calendar]
            environment = {"TZ": "UTC", "PATH": "/usr/bin:/bin"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            found = re.findall(r"(?:Next elapse|Iter\S* #\d+): \w+ (\S+ \S+) UTC", done.stdout)
            told |= {datetime.fromisoformat(moment + "+00:00") for moment in found}
        assert schedule.jobs[0].cron.after(begin, 3) == sorted(told)[:3]


def test_every_format_is_offered_by_the_command() -> None:
    from harness.cli import export_schedule

    form = next(param for param in export_schedule.params if param.name == "form")
    assert set(form.type.choices) == set(FORMATS)  # type: ignore[attr-defined]
