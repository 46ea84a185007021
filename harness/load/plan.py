"""The plan of a load: which request is meant to be sent when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Shot", "read_plan", "share_of", "write_plan"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A request to come: ``at`` in seconds of real time since the load began; ``body`` is sent as JSON."""

    at: float
    key: str
    path: str
    body: str


def write_plan(path: Path, shots: Iterable[Shot]) -> None:
    """One shot a line, as JSON."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(asdict(shot))}\n" for shot in shots)


def read_plan(path: Path) -> list[Shot]:
    """The shots in the order of time. Raises ``ValueError`` naming the line that is none, ``OSError`` for no file."""
    shots = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                raw = json.loads(line)
                shots.append(Shot(float(raw["at"]), str(raw["key"]), str(raw["path"]), str(raw["body"])))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}:{number}: no planned request ({error!r}): {line.strip()[:80]!r}") from None
    return sorted(shots, key=lambda shot: (shot.at, shot.key))


def share_of(shots: Sequence[Shot], part: int, parts: int) -> list[Shot]:
    """One load generator's part of the plan, when there are several: every ``parts``-th shot.

    >>> plan = [Shot(float(n), f"k{n}", "/", "{}") for n in range(5)]
    >>> [shot.key for shot in share_of(plan, 1, 2)]
    ['k1', 'k3']
    """
    return list(shots[part::parts])
