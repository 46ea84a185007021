"""The pipeline on real processes: faults of every kind act, are evidenced, are taken back, and nothing is left."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.arms import run_arm
from harness.errors import TargetError
from harness.scenario import parse_scenario
from harness.targets import load_target
from harness.targets.base import Arm, Interrupt
from harness.targets.reference.layout import DEFAULT_START
from harness.targets.reference.local import stage
from harness.targets.reference.local.programs import Programs

pytestmark = pytest.mark.slow

#: Two minutes of the replay in a second of the machine's: as users have it.
SCALE = 120.0


def arm(faults: str = "", *, horizon: str = "40m", profile: str = "mature", seed: int = 1) -> Arm:
    """A treatment with these faults (YAML, indented by two), or a control without any."""
    control = Arm("c", profile, "local", seed, DEFAULT_START, 300.0, 900.0, time_scale=SCALE)
    if not faults:
        return control
    text = (
        f"name: s\nwarmup: 5m\nhorizon: {horizon}\nsteady_state: []\nfaults:\n{faults}expect: [{{outcome: caught}}]\n"
    )
    scenario = parse_scenario(text)
    end_s = scenario.warmup_s + scenario.horizon_s
    return Arm("s", profile, "local", seed, DEFAULT_START, 300.0, end_s, scenario, "c", time_scale=SCALE)


class Played:
    """What an arm left: its journal, the processes that it had, and its volumes."""

    def __init__(self, folder: Path, played: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[Mapping[str, Any]] = []
        update = stage.Description.update

        def noted(description: stage.Description, **content: Any) -> None:
            update(description, **content)
            self.told.append(dict(content))

        monkeypatch.setattr(stage.Description, "update", noted)
        self.folder = folder
        self.reason = run_arm(load_target(), played, folder / "s.jsonl", Interrupt())
        self.lines = [json.loads(line) for line in (folder / "s.jsonl").read_text().splitlines()]

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == kind and fields.items() <= line.items()]

    def nothing_is_left(self) -> None:
        pids = {process["pid"] for told in self.told for process in told.get("processes", [])}
        assert len(pids) >= 13
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
        volumes = [Path(told["volumes"]) for told in self.told if "volumes" in told]
        assert volumes
        assert not any(folder.exists() for folder in volumes)
        assert list(self.folder.glob("*.live.json")) == []


def test_a_fault_free_arm_serves_every_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(tmp_path, arm(profile="ad_hoc"), monkeypatch)
    assert played.reason == "horizon"
    requests = played.of("request")
    assert len(requests) >= 10
    assert [request for request in requests if request["status"] != 200] == []
    assert {request["source"] for request in requests} == {"model"}
    assert played.lines[0]["time_scale"] == SCALE
    assert played.lines[-1]["t"] == pytest.approx(900, abs=120)
    assert played.of("arm.pace")[-1]["requests"] <= len(requests)
    played.nothing_is_left()


def test_faults_of_every_kind_act_and_are_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = """\
  - {id: slow, fault: network.latency, point: "link:serving->store", with: {latency_ms: 40}, at: 1m, for: 15m}
  - {id: late, fault: freshness.delay, point: "feed:flights", with: {by_s: 7200}, at: 1m, for: 30m}
  - {id: down, fault: dependency.unavailable, point: "service:registry", at: 1m, for: 20m}
  - {id: library, fault: dependency.incompatible_library, point: "env:serving", at: 2m, for: 18m}
  - {id: frozen, fault: process.pause, point: "service:training", at: 3m, for: 10m}
  - {id: lost, fault: store.outage, point: "store:store", with: {loses_data: true}, at: 22m, for: 2m}
  - {id: set, fault: config.changed, point: "env:serving", with: {settings: {views: [weather]}}, at: 26m, for: 8m}
  - {id: many, fault: traffic.surge, point: "traffic:users", with: {per_minute: 30}, at: 24m, for: 4m}
  - {id: model, fault: model.tampered, point: "artifact:model", at: 24m, for: 4m}
  - {id: killed, fault: process.kill, point: "service:features", at: 23m, for: 5m}
"""
    played = Played(tmp_path, arm(faults, horizon="50m"), monkeypatch)
    assert (played.reason, played.of("fault.failed")) == ("horizon", [])
    touched = {line["fault_id"]: line["what"] for line in played.of("fault.evidence") if line["touched"] > 0}
    assert touched == {
        "slow": "transfers",
        "late": "batches",
        "down": "requests",
        "library": "loads",
        "frozen": "processes",
        "lost": "processes",
        "killed": "processes",
        "set": "loads",
        "many": "requests",
        "model": "files",
    }
    assert {line["fault_id"] for line in played.of("fault.reverted")} == set(touched)
    assert played.of("alert", name="ServiceDown", component="registry", state="firing")
    last = [request for request in played.of("request") if request["sent"] > played.lines[-1]["t"] - 300]
    assert {request["status"] for request in last} == {200}  # it has recovered from all of it
    played.nothing_is_left()


def test_a_run_that_loses_its_proxy_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy = stage.LocalStage.deploy

    async def deploy_and_lose(self: stage.LocalStage) -> None:
        await deploy(self)
        await self._supervisor.kill("proxy")

    monkeypatch.setattr(stage.LocalStage, "deploy", deploy_and_lose)
    with pytest.raises(TargetError, match="proxy ended with SIGKILL"):
        Played(tmp_path, arm(profile="ad_hoc"), monkeypatch)
    assert json.loads((tmp_path / "s.jsonl").read_text().splitlines()[-1])["reason"] == "error"
    assert list(tmp_path.glob("*.live.json")) == []


def test_a_service_that_dies_at_its_start_ends_the_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "store_binary", lambda: Path("/bin/false"))
    with pytest.raises(TargetError, match=r"store ended with exit code 1\. Its log, .*store\.log, ends so"):
        Played(tmp_path, arm(profile="ad_hoc"), monkeypatch)
    assert list(tmp_path.glob("*.live.json")) == []


def test_a_disk_without_room_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: Programs, name: str, config: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Programs, "_write", no_room)
    with pytest.raises(TargetError, match=r"cannot be set up in .*: No space left on device\. Free some space"):
        Played(tmp_path, arm(profile="ad_hoc"), monkeypatch)
    assert list(tmp_path.glob("*.live.json")) == []


def test_faults_that_overlap_on_a_process_leave_each_other_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = """\
  - {id: killed, fault: process.kill, point: "service:features", at: 4m, for: 8m}
  - {id: killed-too, fault: process.kill, point: "service:features", at: 6m, for: 10m}
  - {id: frozen, fault: process.pause, point: "service:features", at: 8m, for: 14m}
  - {id: frozen-too, fault: process.pause, point: "service:features", at: 18m, for: 10m}
  - {id: library, fault: dependency.incompatible_library, point: "env:features", at: 7m, for: 2m}
"""
    played = Played(tmp_path, arm(faults, profile="ad_hoc", horizon="32m"), monkeypatch)
    assert (played.reason, played.of("fault.failed")) == ("horizon", [])
    first: dict[str, float] = {}
    for line in played.of("fault.evidence", what="processes"):
        first.setdefault(line["fault_id"], line["t"])
    applied, reverted = (
        {line["fault_id"]: line["t"] for line in played.of(kind)} for kind in ("fault.applied", "fault.reverted")
    )
    assert first["killed"] < applied["killed-too"]
    # Each other one found the process as it wants it, or none, and acts from the end of the one before.
    for before, after in (("killed", "killed-too"), ("killed-too", "frozen"), ("frozen", "frozen-too")):
        assert first[after] == pytest.approx(reverted[before], abs=60)
    assert not played.of("fault.evidence", fault_id="library")  # no process started that could have imported it
    played.nothing_is_left()
