"""Kills runs on real processes at random moments, and looks for anything that is left.

    python benchmarks/torture.py [--rounds 200] [--seed 1] [--watchdog-too 0.25]

Each round starts ``pipequake run --backend local`` with faults of each kind that can be left behind (a toxic, a stopped
process and a stopped store, a killed process, a dependency overlay, a rule of the feed gateway), and kills the harness
with SIGKILL at a random moment of it. In some rounds its watchdog is killed first; then ``pipequake recover`` has to do
the same work. Within the watchdog's lease and five seconds there must be no process, no description, no volume,
and no changed byte of the packages; every journal must be readable; and the next round must start.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.errors import JournalError
from harness.journal import read_journal
from harness.safety.watchdog import LEASE_S

WITHIN_S = LEASE_S + 5.0
_MARK = "PIPEQUAKE_TORTURE"
_SCENARIO = """\
name: torture
warmup: 2m
horizon: 3h
steady_state: []
faults:
  - {id: slow, fault: network.latency, point: "link:serving->store", with: {latency_ms: 20}, at: 1m}
  - {id: stopped, fault: process.pause, point: "service:monitoring", at: 2m}
  - {id: killed, fault: process.kill, point: "service:training", at: 3m}
  - {id: nulls, fault: data.null_spike, point: "feed:weather", with: {column: temp, rate: 0.5}, at: 1m}
  - {id: broken, fault: dependency.incompatible_library, point: "env:training", with: {library: lightgbm}, at: 4m}
  - {id: frozen-store, fault: process.pause, point: "store:store", at: 6m, for: 10m}
expect: [{outcome: caught}]
"""


@dataclass(slots=True)
class Round:
    """What one kill left, in words, and how long it took until nothing was."""

    moment_s: float
    faults: int
    by: str
    clean_after_s: float = 0.0
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Prints a line a round and a summary; 1 if anything was left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watchdog-too", type=float, default=0.25, help="share of rounds that kill the watchdog first")
    parser.add_argument("--longest", type=float, default=45.0, help="the latest moment of a kill, in seconds")
    told = parser.parse_args()
    draws = random.Random(told.seed)
    before = packages_digest()
    rounds = []
    with tempfile.TemporaryDirectory(prefix="pipequake-torture-") as folder:
        for number in range(1, told.rounds + 1):
            moment, both = draws.uniform(0.5, told.longest), draws.random() < told.watchdog_too
            one = torture(Path(folder), moment, watchdog_too=both)
            if packages_digest() != before:
                one.problems.append("the packages' files changed")
            rounds.append(one)
            tell(number, one)
    return conclude(rounds)


def torture(folder: Path, moment_s: float, *, watchdog_too: bool) -> Round:
    """One run, killed."""
    (folder / "torture.yaml").write_text(_SCENARIO)
    mark = uuid.uuid4().hex
    environment = {**os.environ, _MARK: mark, "PYTHONPATH": str(ROOT)}
    with (folder / "output.log").open("w") as output:
        harness = subprocess.Popen(
            [sys.executable, "-m", "harness.cli", "run", "torture.yaml", "--backend", "local"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        harness.wait(moment_s)
    except subprocess.TimeoutExpired:
        pass
    else:
        problem = f"it ended by itself with {harness.returncode}: {(folder / 'output.log').read_text()[-500:]}"
        return Round(moment_s, 0, "nobody", problems=[problem])
    run = latest_run(folder)
    if watchdog_too:
        for pid in marked(mark):
            if "harness.safety.watchdog" in command_of(pid):
                os.kill(pid, signal.SIGKILL)
    os.kill(harness.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    harness.wait()
    faults = 0 if run is None else sum(text_of(part).count('"fault.applied"') for part in run.glob("arms/*.jsonl"))
    result = Round(moment_s, faults, "recover" if watchdog_too else "watchdog")
    if watchdog_too:
        recover(folder, environment, result)
    wait_until_clean(mark, run, killed_at, result)
    if not watchdog_too:
        recover(folder, environment, result)  # finishes the reports
    check_journals(folder, result)
    return result


def recover(folder: Path, environment: dict[str, str], result: Round) -> None:
    if not (folder / "results").is_dir():
        return
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "recover"],
        cwd=folder,
        env={key: value for key, value in environment.items() if key != _MARK},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        result.problems.append(f"recover ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")


def wait_until_clean(mark: str, run: Path | None, since: float, result: Round) -> None:
    while True:
        left = [*leftovers(mark, run)]
        result.clean_after_s = time.monotonic() - since
        if not left:
            return
        if result.clean_after_s > WITHIN_S:
            result.problems += left
            for pid in marked(mark):
                os.kill(pid, signal.SIGKILL)  # so that the next round is not blamed
            return
        time.sleep(0.1)


def leftovers(mark: str, run: Path | None) -> Iterator[str]:
    """What is still there of a run, in words."""
    pids = marked(mark)
    for pid in pids:
        yield f"process {pid} ({state_of(pid)}): {command_of(pid)[:120]}"
    if run is not None:
        yield from (f"description {path.name}" for path in run.glob("arms/*.live.json"))
    for root in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        for path in root.glob("pipequake-*"):
            owner = path.name.split("-")[1]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                yield f"volume {path}"


def check_journals(folder: Path, result: Round) -> None:
    for journal in [*folder.glob("results/*/journal.jsonl"), *folder.glob("results/*/arms/*.jsonl")]:
        try:
            records = list(read_journal(journal))
        except JournalError as error:
            result.problems.append(str(error))
            continue
        open_faults: dict[tuple[str, str], bool] = {}
        for record in records:
            if record["kind"] in ("fault.intent", "fault.reverted"):
                open_faults[record["arm"], record["fault_id"]] = record["kind"] == "fault.intent"
        still = [fault_id for (_, fault_id), is_open in open_faults.items() if is_open]
        if still:
            result.problems.append(f"{journal.parent.name}: never reverted on record: {still}")


def marked(mark: str) -> list[int]:
    """The living processes that inherited the mark of a run."""
    found = []
    wanted = f"{_MARK}={mark}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes() and state_of(int(path.parent.name)) != "Z":
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def state_of(pid: int) -> str:
    return text_of(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split(" ")[1:2][0] if alive(pid) else "Z"


def alive(pid: int) -> bool:
    return bool(text_of(Path(f"/proc/{pid}/stat")))


def command_of(pid: int) -> str:
    return text_of(Path(f"/proc/{pid}/cmdline")).replace("\0", " ")


def text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def latest_run(folder: Path) -> Path | None:
    runs = sorted(folder.glob("results/20*"), key=lambda path: path.stat().st_mtime)
    return runs[-1] if runs else None


def packages_digest() -> str:
    digest = hashlib.blake2b()
    for package in ("chaos", "harness", "reference_pipeline"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def tell(number: int, one: Round) -> None:
    state = "clean" if not one.problems else "LEFT: " + "; ".join(one.problems)
    print(
        f"{number:4d}  killed after {one.moment_s:5.1f} s with {one.faults} faults on record, "
        f"{one.by}: {state} after {one.clean_after_s:.1f} s",
        flush=True,
    )


def conclude(rounds: Sequence[Round]) -> int:
    bad = [one for one in rounds if one.problems]
    held = [one for one in rounds if one.faults]
    times = [one.clean_after_s for one in rounds]
    print(
        f"{len(rounds)} kills, {len(held)} of them with faults in effect ({sum(r.faults for r in rounds)} faults); "
        f"something was left in {len(bad)}; clean after a median of {statistics.median(times):.1f} s, "
        f"at most {max(times):.1f} s (allowed {WITHIN_S:g} s)"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
