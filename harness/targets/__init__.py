"""Places where a scenario can run."""

from __future__ import annotations

from harness.targets.base import Target

__all__ = ["load_target"]


def load_target() -> Target:
    """The target that scenarios run against: the reference pipeline."""
    from harness.targets.reference import ReferenceTarget

    return ReferenceTarget()
