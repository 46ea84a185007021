"""Faults on one process at a time, on the simulator: none ends with the revert of another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bare_world import Lab
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.engine import Engine, Evidence, Injection
from chaos.fault import Action
from chaos.points import Point
from chaos.registry import registry


class Nowhere:
    def write(self, kind: str, fields: object, durable: bool = False) -> None:
        pass


def injection(fault_id: str, fault: str, point: str, **params: object) -> Injection:
    return Injection(fault_id, registry.create(fault, params), Point.parse(point), 1)


def answer_of(lab: Lab) -> object:
    return lab.world.network.link("users", "serving").answer


@pytest.mark.parametrize(
    ("fault", "point", "params", "state"),
    [
        ("process.kill", "service:features", {}, "down"),
        ("process.pause", "service:features", {}, "paused"),
        ("dependency.unavailable", "service:features", {"mode": "hang"}, "paused"),
        ("store.outage", "store:store", {"mode": "refuse"}, "down"),
        ("store.outage", "store:store", {"mode": "hang"}, "paused"),
    ],
)
@pytest.mark.parametrize("first_to_end", ["a", "b"])
def test_a_process_stays_as_it_is_until_the_last_of_its_faults_ends(
    tmp_path: Path, fault: str, point: str, params: dict[str, object], state: str, first_to_end: str
) -> None:
    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        host = lab.world.network.hosts[Point.parse(point).name]
        for fault_id in ("a", "b"):
            await engine.inject(injection(fault_id, fault, point, **params))
        assert lab.touches.evidence("b") is None  # it found everything done
        await engine.revert(first_to_end)
        assert host.state == state
        lasting = "ab".replace(first_to_end, "")
        assert lab.touches.evidence(lasting) == Evidence(1, "processes")
        await engine.revert(lasting)
        assert host.state == "running"

    Lab(tmp_path).run(script)


@given(steps=st.lists(st.sampled_from(["kill", "pause", "outage", "hang"]), min_size=2, max_size=12))
@settings(max_examples=60)
def test_whatever_the_order_a_process_is_as_its_faults_want_it(steps: list[str]) -> None:
    faults: dict[str, tuple[str, dict[str, object]]] = {
        "kill": ("process.kill", {}),
        "pause": ("process.pause", {}),
        "outage": ("store.outage", {"mode": "refuse"}),
        "hang": ("store.outage", {"mode": "hang"}),
    }

    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        host = lab.world.network.hosts["store"]
        active: set[str] = set()
        for step in [*steps, *faults]:  # named a second time, a fault ends
            if step in active:
                await engine.revert(step)
            elif len(active) < len(faults) and step in steps:
                await engine.inject(injection(step, faults[step][0], "store:store", **faults[step][1]))
            active ^= {step}
            active &= set(steps)
            wanted = "down" if active & {"kill", "outage"} else "paused" if active else "running"
            assert host.state == wanted
        await engine.revert_all()
        assert host.state == "running"

    with TemporaryDirectory() as folder:
        Lab(Path(folder)).run(script)


def test_a_process_that_comes_back_stands_still_for_the_sake_of_a_fault_that_lasts(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        host = lab.world.network.hosts["features"]
        await engine.inject(injection("killed", "process.kill", "service:features"))
        await engine.inject(injection("frozen", "process.pause", "service:features"))
        assert lab.touches.evidence("frozen") is None  # there is nothing to stop
        await engine.revert("killed")
        assert host.state == "paused"
        assert lab.touches.evidence("frozen") == Evidence(1, "processes")
        await engine.revert("frozen")
        assert host.state == "running"

    Lab(tmp_path).run(script)


def test_a_store_that_loses_its_data_under_another_outage_comes_back_without(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        await lab.redis.set("f:plane:N1", "old")
        await engine.inject(injection("a", "store.outage", "store:store", loses_data=True))
        await engine.inject(injection("b", "process.kill", "store:store"))
        await engine.revert("a")
        await engine.revert("b")
        assert await lab.redis.get("f:plane:N1") is None

    Lab(tmp_path).run(script)


@pytest.mark.parametrize("first_to_end", ["a", "b"])
def test_a_service_goes_on_answering_as_the_fault_that_lasts_wants(tmp_path: Path, first_to_end: str) -> None:
    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        answers = {}
        for fault_id, status in (("a", 503), ("b", 500)):
            await engine.inject(injection(fault_id, "dependency.unavailable", "service:serving", status=status))
            answers[fault_id] = answer_of(lab)
        await engine.revert(first_to_end)
        lasting = "ab".replace(first_to_end, "")
        assert answer_of(lab) is answers[lasting]
        await engine.revert(lasting)
        assert answer_of(lab) is None

    Lab(tmp_path).run(script)


def test_a_process_that_was_started_again_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        for fault_id in ("a", "b"):
            await engine.inject(injection(fault_id, "process.kill", "service:features"))
        await lab.world.start("features")
        await engine.revert("a")
        assert lab.touches.evidence("b") is None
        await engine.revert("b")
        assert lab.world.network.hosts["features"].state == "running"

    Lab(tmp_path).run(script)


def test_what_happens_to_one_store_leaves_the_other_alone(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        engine = Engine(lab.driver, Nowhere(), lab.world.loop.time)
        await lab.redis.set("f:plane:N1", "old")
        await engine.inject(injection("stale", "store.stale_values", "store:replica"))
        await engine.inject(injection("lost", "store.outage", "store:replica", loses_data=True))
        await lab.redis.set("f:plane:N1", "new")
        await asyncio.sleep(60)
        assert await engine.revert_all() == []
        assert await lab.redis.get("f:plane:N1") == b"new"
        assert lab.touches.evidence("stale") is None

    Lab(tmp_path).run(script)


def test_connections_that_a_short_unavailability_resets_are_evidence_though_nobody_asked(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        lab.world.spawn("serving", hold_open())
        await asyncio.sleep(1)
        for fault_id, service, expected in (("a", "serving", None), ("b", "store", Evidence(1, "transfers"))):
            point = Point.parse(f"service:{service}")
            await lab.driver.perform(fault_id, point, Action("answer", {"status": 503}))
            await lab.driver.perform(fault_id, point, Action("unanswer", {}))
            assert await lab.driver.evidence(fault_id) == expected

    async def hold_open() -> None:
        _, writer = await asyncio.open_connection("store", 6379)
        await asyncio.sleep(3600)
        writer.close()

    Lab(tmp_path).run(script)
