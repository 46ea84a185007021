"""Takes back what a dead run left: its faults from the journal, then its deployment from its description.

For the watchdog, for ``pipequake recover``, and for the run that comes next: whoever of them is first.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.engine import recover
from chaos.errors import ChaosError
from chaos.undo import PendingUndo, pending
from harness.errors import DirtyTarget, HarnessError, JournalError
from harness.journal import JournalWriter, read_journal
from harness.safety.identity import ProcessIdentity
from harness.targets.base import DESCRIPTION, Stranded, Target

__all__ = ["Rescued", "rescue", "stranded_arms"]

#: After so many seconds whoever conducted an arm for a dead harness has noticed, unless it is stopped.
_LOOK_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Rescued:
    """What was done about one arm. ``left`` says, in words, what is still as the fault made it; ``trouble`` why the
    journal doesn't tell of it."""

    arm: str
    reverted: Sequence[str] = ()
    left: Sequence[str] = ()
    trouble: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing is left."""
        return not self.left


@dataclass(slots=True)
class _Signed:
    """Marks what it passes on with who wrote it; the arm's time stands still.

    A journal that can't be written (the disk is full) keeps nothing from being taken back: ``trouble`` says so.
    """

    journal: Path
    arm: str
    t: float
    by: str
    reverted: list[str] = field(default_factory=list)
    trouble: str = ""
    _writer: JournalWriter | None = None

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        if kind == "fault.reverted":
            self.reverted.append(fields["fault_id"])
        try:
            if self._writer is None:
                self._writer = JournalWriter(self.journal)
            self._writer.write({**fields, "by": self.by, "arm": self.arm, "t": self.t, "kind": kind}, durable)
        except JournalError as error:
            self.trouble = str(error)

    def close(self) -> None:
        """Closes the journal."""
        if self._writer is not None:
            self._writer.close()


def stranded_arms(run: Path) -> list[Path]:
    """Descriptions of deployments that nobody has torn down, in a run's folder."""
    return sorted((run / "arms").glob(f"*{DESCRIPTION}"))


def rescue(
    run: Path, target: Target, *, by: str, say: Callable[[str], None] = lambda text: None, alone: bool = True
) -> list[Rescued]:
    """Reverts and tears down every deployment that a run left in its folder; ``by`` signs the journal's records.

    The caller holds the run's lock. A second rescue finds nothing to do, unless the first could not finish, or a
    process of the dead run has just begun something: where it may not be ``alone``, it looks a second time.
    """
    outcome = [_rescue_arm(path, target, by, say) for path in stranded_arms(run)]
    if not alone:
        time.sleep(_LOOK_AGAIN_S)
        outcome += [_rescue_arm(path, target, by, say) for path in stranded_arms(run)]
    return outcome


def _rescue_arm(description: Path, target: Target, by: str, say: Callable[[str], None]) -> Rescued:
    name = description.name.removesuffix(DESCRIPTION)
    try:
        told = json.loads(description.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Rescued(name, left=[f"{description} cannot be read ({error}): end what it describes by hand"])
    journal = description.with_name(f"{name}.jsonl")
    try:
        _end_conductor(told)
        rescued = asyncio.run(_take_back(told, name, journal, target, by))
    except (OSError, ValueError, HarnessError, ChaosError) as error:
        rescued = Rescued(name, left=[f"{type(error).__name__}: {error}"])
    for fault_id in rescued.reverted:
        say(f"{name}: {fault_id} reverted")
    if rescued.trouble:
        say(f"{name}: {rescued.trouble}")
    for problem in rescued.left:
        say(f"{name}: STILL THERE: {problem}")
    if rescued.clean:
        description.unlink(missing_ok=True)
        say(f"{name}: torn down, nothing is left")
    return rescued


def _end_conductor(told: Mapping[str, Any]) -> None:
    """Ends the process that conducted the arm, if it outlived its harness: it must not break what is being mended."""
    raw = told.get("conductor")
    conductor = None if raw is None else ProcessIdentity.from_json(raw)
    if conductor is not None and conductor != ProcessIdentity.own() and not conductor.end():
        raise DirtyTarget(f"process {conductor.pid}, which conducts the arm, cannot be ended")


async def _take_back(told: Mapping[str, Any], name: str, journal: Path, target: Target, by: str) -> Rescued:
    records = list(read_journal(journal)) if journal.exists() else []
    entries = pending(records)
    async with target.attach(told) as stranded:
        if not entries:
            return Rescued(name, left=await stranded.tear_down())
        sink = _Signed(journal, records[0]["arm"], max(record["t"] for record in records), by)
        with closing(sink):
            return await _revert_and_end(stranded, sink, name, entries)


async def _revert_and_end(stranded: Stranded, sink: _Signed, name: str, entries: Sequence[PendingUndo]) -> Rescued:
    """What cannot be reverted in a deployment that is gone altogether afterwards is no longer there either."""
    failures = await recover(stranded.driver, sink, entries)
    left = await stranded.tear_down()
    for failure in failures:
        if left:
            left.append(f"{failure.fault_id}: {failure.error}")
        else:  # it went with the deployment
            sink.write("fault.reverted", {"fault_id": failure.fault_id}, durable=True)
    return Rescued(name, sink.reverted, left, sink.trouble)
