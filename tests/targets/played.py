"""A real deployment of the reference pipeline in virtual time, and a script that acts on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.sim import World
from harness.targets.base import Arm
from harness.targets.reference import ReferenceTarget, layout
from harness.targets.reference.simulated import SimulatedStage


class Played:
    """What a script gets: the stage, its world, and what was recorded so far."""

    def __init__(self, stage: SimulatedStage) -> None:
        self.stage = stage
        self.world: World = stage._world
        self.lines: list[dict[str, Any]] = []

    def alerts(self) -> list[tuple[str, str, str]]:
        """(state, name, component) of every alert so far."""
        return [(r["state"], r["name"], r["component"]) for r in self.lines if r["kind"] == "alert"]

    def state(self, host: str) -> str:
        """``running``, ``paused`` or ``down``."""
        return self.world.network.hosts[host].state


def play(
    profile: str,
    script: Callable[[Played], Awaitable[None]],
    folder: Path,
    *,
    hours: float = 2.0,
    start: datetime = layout.DEFAULT_START,
) -> Played:
    """Deploys, runs the script, and ends when it returns. ``hours`` is as far as there are requests."""
    arm = Arm("a", profile, "sim", 1, start, 0.0, hours * 3600)
    made: list[Played] = []

    class Record:
        def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
            made[0].lines.append({**fields, "kind": kind, "t": theatre.now()})

    async def main() -> None:
        await stage.deploy()
        await script(made[0])

    with ReferenceTarget().theatre(arm, folder / "log") as theatre:
        stage = theatre.stage(Record())
        assert isinstance(stage, SimulatedStage)
        made.append(Played(stage))
        theatre.run(main())
    return made[0]
