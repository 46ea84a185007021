"""Runs what the tests of a session ask for, all of it together: experiments share their controls and their trunks.

The computing is done by worker processes of a thread, so that a test waits for its own experiment only. With
pytest-xdist every worker knows what the whole session asks for, and the first one to need a result computes for all.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from harness.commands.run import RunOptions, guarded, run_into, time_scale_of
from harness.errors import DirtyTarget, HarnessError, UsageError
from harness.experiment import plan_arms
from harness.git_state import git_state
from harness.journal import read_journal
from harness.pytest_plugin.wanted import Wanted
from harness.run_description import planned_experiments
from harness.run_folder import RunFolder, unwritable
from harness.safety.stop_file import StopFile, default_stop_file
from harness.scoring import score
from harness.scoring.findings import ExperimentFinding
from harness.targets.base import Arm, Interrupt, Target
from harness.workers import Done

__all__ = ["Laboratory", "NoResult", "plan_of"]

_POLL_S = 0.2
#: What the processes of a session tell each other, in the run's folder; `tidy` removes it.
_LOCK, _STOP, _DIRTY, _FINDINGS = ".laboratory.lock", ".laboratory.stop", ".laboratory.dirty", ".findings"


class NoResult(HarnessError):
    """An experiment gave no finding: nothing was learnt."""


def plan_of(wanted: Sequence[Wanted], target: Target, options: RunOptions) -> tuple[list[Arm], dict[Wanted, str]]:
    """The arms of everything that is wanted, and which treatment each of it is.

    Raises `UsageError` for two different scenarios of one name.
    """
    controls: dict[str, Arm] = {}
    treatments: dict[str, Arm] = {}
    arm_of: dict[Wanted, str] = {}
    for one in wanted:
        *fault_free, treatment = plan_arms(
            [one.scenario],
            [one.profile],
            backend=options.backend,
            default_start=target.default_start(),
            seed=one.seed,
            time_scale=time_scale_of(options),
        )
        if treatments.setdefault(treatment.arm_id, treatment) != treatment:
            raise UsageError(f"two different scenarios are called {one.scenario.name!r}. Rename one of them.")
        arm_of[one] = treatment.arm_id
        for arm in fault_free:
            known = controls.get(arm.arm_id)
            controls[arm.arm_id] = arm if known is None or known.end_s < arm.end_s else known
    return [*controls.values(), *treatments.values()], arm_of


@dataclass(slots=True)
class _Batch:
    """Arms that are computed together in a folder of results; findings appear as soon as they can be judged."""

    arms: list[Arm]
    folder: RunFolder
    shared: bool
    thread: threading.Thread | None = None
    findings: dict[str, ExperimentFinding] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    over: bool = False


class Laboratory:
    """Gives each test the finding that it asks for. ``folder`` is shared by all processes of the session."""

    def __init__(self, target: Target, options: RunOptions, folder: Path) -> None:
        self._target = target
        self._options = options
        self.folder = folder
        self._interrupt = Interrupt()
        self._stop_file = StopFile(default_stop_file())
        self._stopped: str | None = None
        self._news = threading.Condition()
        self._arm_of: dict[Wanted, str] = {}
        self._arms: list[Arm] = []
        self._main: _Batch | None = None
        self._extra: list[_Batch] = []
        self._lock: int | None = None

    def plan(self, wanted: Sequence[Wanted]) -> None:
        """Says what the session will ask for. Raises `UsageError` if it can't be run together."""
        self._arms, self._arm_of = plan_of(wanted, self._target, self._options)

    def finding(self, wanted: Wanted) -> ExperimentFinding:
        """What came of one experiment; waits for it. Raises `NoResult` if nothing did, and `UsageError` while the stop
        file is there or the results can't be written."""
        if self._main is None:
            self._stop_file.refuse_start()
        arm_id = self._arm_of.get(wanted)
        if arm_id is None:
            arms, arm_of = plan_of([wanted], self._target, self._options)
            batch = self._begin(arms, RunFolder.create(self._options.results, datetime.now(UTC)), shared=False)
            self._extra.append(batch)
            return self._wait(batch, arm_of[wanted])
        if self._main is None and self._lead():
            self._main = self._begin(self._arms, RunFolder.claim(self.folder), shared=True)
        return self._follow(arm_id) if self._main is None else self._wait(self._main, arm_id)

    def close(self, *, interrupt: bool) -> None:
        """Waits for what still runs, or stops it; every fault is reverted."""
        for batch in (self._main, *self._extra):
            if batch is None or batch.thread is None:
                continue
            if interrupt:
                self._interrupt.request()
            while batch.thread.is_alive():
                if (self.folder / _STOP).exists():
                    self._interrupt.request()
                batch.thread.join(_POLL_S)

    def stop(self) -> None:
        """Has the process that computes stop, whichever it is."""
        if self.folder.is_dir():
            (self.folder / _STOP).touch()

    def dirty(self) -> str | None:
        """What the session's experiments left in the target, and how to mend it; None if nothing."""
        marker = self.folder / _DIRTY
        return marker.read_text(encoding="utf-8") if marker.is_file() else None

    def tidy(self) -> None:
        """Removes what the processes told each other, once all of them are done."""
        shutil.rmtree(self.folder / _FINDINGS, ignore_errors=True)
        for name in (_LOCK, _STOP, _DIRTY):
            (self.folder / name).unlink(missing_ok=True)

    # -- one process computes for all

    def _lead(self) -> bool:
        """Whether this process is the one that computes; a lock that ends with the process says so."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(self.folder.parent, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._lock = handle
        if os.read(handle, 1):
            raise NoResult(_DIED)
        os.write(handle, b"!")
        (self.folder / _FINDINGS).mkdir()
        return True

    def _follow(self, arm_id: str) -> ExperimentFinding:
        """Waits for a finding of the process that computes."""
        file = self.folder / _FINDINGS / _file_name(arm_id)
        while True:
            led = self._leader_lives()
            with suppress(FileNotFoundError):
                told = json.loads(file.read_text(encoding="utf-8"))
                if "error" in told:
                    raise NoResult(told["error"])
                return ExperimentFinding.model_validate(told)
            if not led:
                raise NoResult(_DIED)
            with self._news:
                self._news.wait(_POLL_S)

    def _leader_lives(self) -> bool:
        handle = os.open(self.folder / _LOCK, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    # -- computing

    def _begin(self, arms: list[Arm], folder: RunFolder, *, shared: bool) -> _Batch:
        batch = _Batch(arms, folder, shared)
        folder.write_manifest(
            {
                "command": "pytest --chaos",
                "paths": sorted({str(one.path) for one in self._arm_of if one.path is not None}),
                "reports": list(self._options.reports),
                "planned": planned_experiments(arms),
                "version": version("pipequake"),
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "git": git_state(Path()),
            }
        )
        batch.thread = threading.Thread(target=self._run, args=(batch,), name="pipequake-laboratory")
        batch.thread.start()
        return batch

    def _run(self, batch: _Batch) -> None:
        environment = dict(os.environ)
        try:
            self._target.prepare(lambda text: None)
            follower, backend = _Judge(self, batch), self._options.backend
            guard = guarded(self._target, backend, batch.folder, self._stop_file, self._interrupt, follower.note)
            with guard as pulse:
                run_into(batch.folder, batch.arms, self._target, self._options, follower, self._interrupt, pulse)
                self._stopped = pulse.stopped
        except DirtyTarget as error:
            batch.failure = str(error)
            (self.folder / _DIRTY).write_text(batch.failure, encoding="utf-8")
        except Exception as error:  # a thread's boundary: the tests that wait are told, none of them passes
            batch.failure = f"{type(error).__name__}: {error}"
        finally:
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]  # what keeps numeric libraries to one thread is not meant for the tests
            self._conclude(batch)

    def _conclude(self, batch: _Batch) -> None:
        """Tells whoever still waits that nothing more will come."""
        with self._news:
            batch.over = True
            for arm in batch.arms:
                if arm.scenario is not None and arm.arm_id not in batch.findings:
                    batch.errors.setdefault(arm.arm_id, self._why_nothing(batch))
                    self._publish(batch, arm.arm_id, {"error": batch.errors[arm.arm_id]})
            self._news.notify_all()

    def _why_nothing(self, batch: _Batch) -> str:
        if batch.failure:
            return batch.failure
        if self._stopped:
            return f"stopped: {self._stopped}; every fault was reverted"
        return "interrupted before it ended" if self._interrupt.requested else "its run ended without a result"

    def note_ended(self, batch: _Batch, done: Done) -> None:
        """Judges every treatment whose arms have all ended now."""
        batch.ended.add(done.arm_id)
        if done.error:
            batch.errors[done.arm_id] = done.error
        for arm in batch.arms:
            if arm.scenario is None or arm.arm_id in batch.findings or self._interrupt.requested:
                continue
            needs = [arm.arm_id, *([arm.control] if arm.control else []), *arm.reference]
            if not batch.ended.issuperset(needs):
                continue
            parts = [batch.folder.arm_journal(need) for need in needs]
            card = score(record for part in parts if part.exists() for record in read_journal(part))
            finding = next((one for one in card.experiments if one.arm == arm.arm_id), None)
            if finding is not None and (told := [batch.errors[need] for need in needs if need in batch.errors]):
                reasons = tuple(
                    dict.fromkeys((*finding.reasons, *told))
                )  # the journal only says that there was an error
                finding = finding.model_copy(update={"reasons": reasons})
            with self._news:
                if finding is None:
                    batch.errors.setdefault(arm.arm_id, "it wrote no journal")
                    continue
                batch.findings[arm.arm_id] = finding
                self._publish(batch, arm.arm_id, finding.model_dump(mode="json"))
                self._news.notify_all()

    def _publish(self, batch: _Batch, arm_id: str, told: object) -> None:
        """Puts a finding where the other processes of the session look for it."""
        if batch.shared:
            file = self.folder / _FINDINGS / _file_name(arm_id)
            draft = file.with_suffix(".tmp")
            draft.write_text(json.dumps(told), encoding="utf-8")
            draft.replace(file)

    def _wait(self, batch: _Batch, arm_id: str) -> ExperimentFinding:
        with self._news:
            while arm_id not in batch.findings:
                if batch.over:
                    raise NoResult(batch.errors.get(arm_id, "its run ended without a result"))
                self._news.wait(_POLL_S)
            return batch.findings[arm_id]


@dataclass(frozen=True, slots=True)
class _Judge:
    """Follows a run and has each experiment judged as soon as it can be."""

    laboratory: Laboratory
    batch: _Batch

    def note(self, text: str) -> None:
        """Nothing to tell: a test session has its own display."""

    def begin(self, total: int) -> None:
        """Controls that were kept are no news, but count."""
        controls = [arm for arm in self.batch.arms if arm.scenario is None]
        for arm in controls:
            if self.batch.folder.arm_journal(arm.arm_id).exists():
                self.batch.ended.add(arm.arm_id)

    def ended(self, done: Done) -> None:
        """One arm has ended."""
        self.laboratory.note_ended(self.batch, done)


_DIED = "the process that ran the experiments died; its worker's output says why. Run again."


def _file_name(arm_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", arm_id) + ".json"
