"""Exceptions of the harness. Each says what, why and how to mend it, and knows its exit code.

HarnessError            exit code 70
 +- UsageError          2   the command can't be carried out as it was given
 +- ScenarioError       2   scenarios are invalid: carries every `Problem` that was found
 +- JournalError        2   a journal can't be written or read
     +- DiskFull        3   there is no room for the journal or the reports: nothing was learnt, or not yet told
 +- TargetError         3   the target can't be started, reached or observed: nothing was learnt
     +- DirtyTarget     4   a fault may still be applied to the target
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.verdict import ExitCode

__all__ = [
    "NO_ROOM",
    "DirtyTarget",
    "DiskFull",
    "HarnessError",
    "JournalError",
    "Problem",
    "ScenarioError",
    "TargetError",
    "UsageError",
]

#: What the operating system calls a disk without room, or a user's share of it that is used up.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

#: How many problems fit on one screen; the rest are counted.
_SHOWN = 20


class HarnessError(Exception):
    """Base of every error that the command line shows without a traceback."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL


class UsageError(HarnessError):
    """The command can't be carried out as it was given."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a scenario, and what to write instead.

    ``line`` and ``column`` count from 1; 0 means that the problem is with the file as a whole. ``where`` is
    the place within the document, such as ``faults[0].at``; it is empty for the document itself.

    >>> print(Problem("stale.yaml", 4, 9, "faults[0].at", "a duration can't be negative, got -1h."))
    stale.yaml:4:9: faults[0].at: a duration can't be negative, got -1h.
    """

    path: str
    line: int
    column: int
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return ": ".join(part for part in (place, self.where, self.message) if part)


class ScenarioError(HarnessError):
    """One or more scenarios are invalid. ``problems`` has them all; the text shows one screen of them."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"... and {len(self.problems) - _SHOWN} more problems. Mend these first.")
        return "\n".join(lines)


class JournalError(HarnessError):
    """A journal can't be written or read."""

    exit_code = ExitCode.USAGE


class DiskFull(JournalError):
    """There is no room for a run's journal or its reports."""

    exit_code = ExitCode.INCONCLUSIVE


class TargetError(HarnessError):
    """The target can't be started, reached or observed, so that nothing was learnt about it."""

    exit_code = ExitCode.INCONCLUSIVE


class DirtyTarget(TargetError):
    """A fault may still be applied to the target: reverting failed, or an earlier run was cut short."""

    exit_code = ExitCode.DIRTY
