"""Faults that overlap on a disk of a local deployment: each lasts until it ends, and then there is room again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from chaos.fault import Action
from chaos.points import Point
from harness.targets.reference.local.driver import LocalDriver
from harness.targets.reference.local.traces import Traces
from harness.targets.reference.touches import Touches

UNDO = {"fill_disk": "free_disk", "protect_disk": "unprotect_disk"}
FAULTS = [f"{verb} {number}" for verb in UNDO for number in (1, 2)]


class OnPaper:
    def __init__(self) -> None:
        self.said: set[str] = set()

    def fill(self, name: str) -> None:
        self.said.add("fill_disk")

    def free(self, name: str) -> None:
        self.said.discard("fill_disk")

    def protect(self, name: str) -> None:
        self.said.add("protect_disk")

    def unprotect(self, name: str) -> None:
        self.said.discard("protect_disk")


@given(steps=st.lists(st.sampled_from(FAULTS), max_size=16))
def test_whatever_the_order_a_disk_is_as_its_faults_want_it(steps: list[str]) -> None:
    async def main() -> None:
        volumes, touches, nothing = OnPaper(), Touches(), cast(Any, None)
        driver = LocalDriver(
            supervisor=nothing,
            wiring=nothing,
            proxy=nothing,
            gateway=nothing,
            overlays=nothing,
            agents={},
            touches=touches,
            traces=Traces(touches),
            stubs={},
            store_data=Path,
            lease="",
            crowd=nothing,
            artifacts=nothing,
            volumes=cast(Any, volumes),
            clocks=nothing,
        )
        active: list[str] = []
        for number, step in enumerate([*steps, *FAULTS]):
            verb = step.split()[0]
            if step in active:
                active.remove(step)
                verb = UNDO[verb]
            elif number < len(steps):
                active.append(step)
            else:
                continue
            await driver.perform(step, Point.parse("service:ingestion"), Action(verb, {"fault_id": step}))
            assert volumes.said == {name.split()[0] for name in active}
            if len(active) == 1:
                assert await driver.evidence(active[0]) is not None
        assert volumes.said == set()

    asyncio.run(main())
