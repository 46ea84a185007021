"""The verdict of an expectation or a run, the outcome of a fault, and the exit codes of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

__all__ = ["ExitCode", "Outcome", "Verdict", "worst"]


class ExitCode(IntEnum):
    """What the process tells the shell. The numbers are part of the public interface."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    DIRTY = 4
    INTERNAL = 70


class Verdict(StrEnum):
    """Whether what was expected came true. Declared from best to worst; `worst` uses that order."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"

    @property
    def severity(self) -> int:
        """0 for the best verdict; known to be broken is worse than unknown."""
        return list(Verdict).index(self)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a run that ended with this verdict.

        >>> int(Verdict.INCONCLUSIVE.exit_code)
        3
        """
        return ExitCode[self.name]


class Outcome(StrEnum):
    """What became of one fault, whatever the scenario expected of it."""

    CAUGHT = "caught"  #: it did harm and an alert was raised for it
    SILENT = "silent"  #: it did harm and no alert was raised for it
    ABSORBED = "absorbed"  #: it touched the pipeline and did no harm
    INERT = "inert"  #: it touched nothing: the experiment says nothing
    UNKNOWN = "unknown"  #: the arm that carried it did not finish


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most severe of the verdicts; of none, INCONCLUSIVE, because no data is never a pass.

    >>> worst([Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE]).value
    'failed'
    >>> worst([]).value
    'inconclusive'
    """
    return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.INCONCLUSIVE)
