"""Exceptions of the fault layer.

ChaosError
 +- UnknownFault         no fault of that name
 +- InvalidFault         parameters are missing, unknown, out of range or name no such column
 +- InvalidPoint         an injection point that cannot exist, or that the fault cannot act on
 +- DuplicateFault       two faults registered under one name
 +- BlastRadiusExceeded  the injection would touch more than is allowed at once
 +- InvalidJournal       a record that no undo can be read from
 +- PayloadError         a batch's bytes are not what its manifest says
 +- InjectionError       applying or reverting failed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaos.spelling import nearest


class ChaosError(Exception):
    """Base of every error that a user of ``chaos`` may have to handle."""


class UnknownFault(ChaosError):
    """No fault is registered under the requested name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a fault's parameters; ``param`` is dotted, and empty for the fault as a whole."""

    param: str
    message: str

    def __str__(self) -> str:
        return f"{self.param}: {self.message}" if self.param else self.message


class InvalidFault(ChaosError):
    """A fault's parameters are wrong; ``problems`` has all of them."""

    def __init__(self, fault: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"fault {fault!r}: " + "; ".join(str(p) for p in problems))
        self.fault = fault
        self.problems = tuple(problems)


class InvalidPoint(ChaosError):
    """An injection point is malformed, or of a kind that the fault cannot act on."""


class DuplicateFault(ChaosError):
    """Two faults claim the same name."""


class BlastRadiusExceeded(ChaosError):
    """An injection was refused because it would touch more than the blast radius allows."""


class InvalidJournal(ChaosError):
    """A journal record promises an undo but does not hold one."""


class PayloadError(ChaosError):
    """The bytes of a batch cannot be decoded, or a table cannot be encoded, in the manifest's format."""


class InjectionError(ChaosError):
    """A driver could not carry out an action."""


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` for the nearest known word, or an empty string.

    >>> suggestion("tmep", ["temp", "dewp"])
    " Did you mean 'temp'?"
    """
    near = nearest(wrong, known)
    return f" Did you mean {near!r}?" if near else ""
