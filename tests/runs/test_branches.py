"""A treatment that branched off its control is, to the byte, the one that ran from the start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.arms import run_arm
from harness.experiment import grow, plan_arms
from harness.scenario import parse_scenario
from harness.targets import load_target
from harness.targets.base import Interrupt
from harness.workers import Done, run_trunks

SCENARIOS = [
    "name: nulls\nwarmup: 3h\nhorizon: 3h\nfaults: [{fault: data.null_spike, point: 'feed:flights', "
    "with: {column: dep_delay, rate: 0.5}, at: 30m, for: 1h}]\nexpect: [{detect_within: 1h}]\n",
    "name: killed\nwarmup: 3h\nhorizon: 3h\nfaults: [{fault: process.kill, point: 'service:features', "
    "at: 1h, for: 30m}]\nexpect: [{detect_within: 1h}]\n",
    # redis-py waits between its attempts for times that it draws
    "name: refused\nwarmup: 3h\nhorizon: 6h\nfaults: [{fault: store.outage, point: 'store:store', "
    "at: 10m, for: 4h}]\nexpect: [{detect_within: 1h}]\n",
    "name: unsteady\nwarmup: 3h\nhorizon: 3h\nsteady_state: [{probe: quality, at_least: 0.999}]\n"
    "faults: [{fault: process.kill, point: 'service:features', at: 1h}]\nexpect: [{detect_within: 1h}]\n",
]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["ad_hoc", "mature"])
def test_branched_and_unbranched_arms_have_the_same_journals(profile: str, tmp_path: Path) -> None:
    target = load_target()
    target.prepare(lambda _: None)
    scenarios = [parse_scenario(text) for text in SCENARIOS]
    arms = plan_arms(scenarios, [profile], backend="sim", default_start=target.default_start())
    names = {arm.arm_id: f"{number}.jsonl" for number, arm in enumerate(arms)}
    done: list[Done] = []
    run_trunks(grow(arms, lambda arm_id: tmp_path / names[arm_id]), 2, done.append, Interrupt(), lambda: None)
    reasons = {one.arm_id.partition("/")[0]: (one.reason, one.error) for one in done}
    assert reasons == {
        "control": ("horizon", None),
        "nulls": ("horizon", None),
        "killed": ("horizon", None),
        "refused": ("horizon", None),
        "unsteady": ("unsteady", None),
    }
    before = os.getcwd()
    for arm in arms:
        if arm.seed != 1:
            continue
        alone = tmp_path / f"alone-{names[arm.arm_id]}"
        run_arm(target, arm, alone, Interrupt())
        assert alone.read_bytes() == (tmp_path / names[arm.arm_id]).read_bytes(), arm.arm_id
    assert os.getcwd() == before


_SLOW_COPY = """
import os, random, sys, time
from pathlib import Path
from harness.arms import run_trunk
from harness.experiment import grow, plan_arms
from harness.scenario import parse_scenario
from harness.targets import load_target
from harness.targets.base import Interrupt
from harness.targets.reference.scratch import Scratch

branch = Scratch.branch

def slow_branch(scratch):
    assert random.getstate() == state
    time.sleep(1.0)
    branch(scratch)

Scratch.branch = slow_branch
target = load_target()
arms = plan_arms([parse_scenario(sys.argv[1])], ["ad_hoc"], backend="sim", default_start=target.default_start())
growth, *_ = [g for g in grow(arms, lambda arm_id: Path(arm_id.replace("/", "_") + ".jsonl")) if g.branches]
forked = []

def fork(arm):
    global state
    state = random.getstate()
    pid = os.fork()
    forked.append(pid)
    return pid == 0

reason = run_trunk(target, growth, fork, Interrupt())
if forked[-1] == 0:
    os._exit(0 if reason == "horizon" else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(forked[-1], 0)[1]))
"""


@pytest.mark.slow
def test_a_branch_goes_on_with_the_trunk_s_draws_and_has_its_folder_before_the_trunk_goes_on(tmp_path: Path) -> None:
    text = (
        "name: killed\nwarmup: 10m\nhorizon: 2h\nfaults: [{fault: process.kill, point: 'service:features', "
        "at: 10m, for: 5m}]\nexpect: [{detect_within: 1h}]\n"
    )
    load_target().prepare(lambda _: None)
    done = subprocess.run(
        [sys.executable, "-c", _SLOW_COPY, text], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
