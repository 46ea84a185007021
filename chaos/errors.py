"""Exceptions of the fault layer.

ChaosError
 +- UnknownFault      no fault of that name
 +- InvalidFault      a parameter is missing, unknown or out of range
 +- InvalidPoint      an injection point that cannot exist
 +- DuplicateFault    two faults registered under one name
 +- InjectionError    applying or reverting failed
"""

from __future__ import annotations


class ChaosError(Exception):
    """Base of every error that a user of ``chaos`` may have to handle."""


class UnknownFault(ChaosError):
    """No fault is registered under the requested name."""


class InvalidFault(ChaosError):
    """A fault's parameters are missing, unknown or out of range."""


class InvalidPoint(ChaosError):
    """An injection point is malformed, or of a kind that the fault cannot act on."""


class DuplicateFault(ChaosError):
    """Two faults claim the same name."""


class InjectionError(ChaosError):
    """A driver could not carry out an action."""
