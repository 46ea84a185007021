"""What a run was to do and never began."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Unrun"]


@dataclass(frozen=True, slots=True)
class Unrun:
    """Experiments of a scenario under a profile (empty: under any), of which ``missing`` never started."""

    scenario: str
    profile: str
    planned: int
    missing: int

    def text(self) -> str:
        """It in a sentence.

        >>> Unrun("store-dark", "careful", 1, 1).text(), Unrun("store-dark", "careful", 10, 7).text()
        ('It never started.', '7 of 10 experiments never started.')
        """
        if self.planned == 1:
            return "It never started."
        return f"{self.missing} of {self.planned} experiments never started."
