"""The reference pipeline as a target. Only this package knows `reference_pipeline`."""

from __future__ import annotations

from harness.targets.reference.target import ReferenceTarget

__all__ = ["ReferenceTarget"]
