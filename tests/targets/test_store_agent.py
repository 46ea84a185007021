"""Holding entries of a store that has a life of its own: it fails, entries expire, holds overlap."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from bare_world import Lab
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.points import Point
from harness.targets.reference.store_agent import EVERY_S, StoreAgent

STORE = Point.parse("store:store")


def hold(hold_id: str, **entries: str) -> Action:
    return Action("hold", {"hold_id": hold_id, "entries": entries})


def release(hold_id: str) -> Action:
    return Action("release", {"hold_id": hold_id})


def test_a_released_entry_that_has_expired_meanwhile_does_not_rise_from_the_dead(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old", ex=1000)
        await lab.driver.perform("f", STORE, hold("f", a="old"))
        await lab.redis.set("a", "new", ex=30)
        await asyncio.sleep(2 * EVERY_S)
        assert await lab.redis.get("a") == b"old"
        await asyncio.sleep(30)
        assert await lab.redis.get("a") is None
        await lab.driver.perform("f", STORE, release("f"))
        assert await lab.redis.get("a") is None

    Lab(tmp_path).run(script)


def test_an_entry_that_the_pipeline_deletes_stays_deleted_under_a_hold(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        await lab.driver.perform("f", STORE, hold("f", a="old"))
        await lab.redis.delete("a")
        await asyncio.sleep(3 * EVERY_S)
        assert await lab.redis.get("a") is None
        assert await lab.driver.evidence("f") is None

    Lab(tmp_path).run(script)


def test_a_hold_lasts_through_an_outage_of_the_store(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        await lab.driver.perform("f", STORE, hold("f", a="old"))
        lab.world.kill("store")
        await asyncio.sleep(60)
        await lab.world.start("store")
        await lab.redis.set("a", "new")
        await asyncio.sleep(2 * EVERY_S)
        assert await lab.redis.get("a") == b"old"

    Lab(tmp_path).run(script)


def test_a_release_that_the_store_does_not_take_says_so_and_is_finished_later(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        await lab.driver.perform("f", STORE, hold("f", a="old"))
        await lab.redis.set("a", "new")
        await asyncio.sleep(2 * EVERY_S)
        lab.world.kill("store")
        with pytest.raises(InjectionError, match=r"^feature store: .*Connect call failed"):
            await lab.driver.perform("f", STORE, release("f"))
        await lab.world.start("store")
        assert await lab.redis.get("a") == b"old"
        await lab.driver.perform("f", STORE, release("f"))
        assert await lab.redis.get("a") == b"new"
        await lab.redis.set("a", "newer")
        await asyncio.sleep(2 * EVERY_S)
        assert await lab.redis.get("a") == b"newer"

    Lab(tmp_path).run(script)


def test_a_store_that_cannot_be_observed_is_an_injection_error(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        lab.world.kill("store")
        with pytest.raises(InjectionError, match="feature store"):
            await lab.driver.observe(STORE, "entries")
        with pytest.raises(InjectionError, match="nothing called 'weather' can be observed here"):
            await lab.driver.observe(STORE, "weather")

    Lab(tmp_path).run(script)


def test_holding_twice_under_one_id_is_holding_once(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        for _ in range(2):
            await lab.driver.perform("f", STORE, hold("f", a="old"))
        await lab.redis.set("a", "new")
        await asyncio.sleep(2 * EVERY_S)
        await lab.driver.perform("f", STORE, release("f"))
        await lab.redis.set("a", "newer")
        await asyncio.sleep(2 * EVERY_S)
        assert await lab.redis.get("a") == b"newer"

    Lab(tmp_path).run(script)


def test_an_unknown_verb_is_refused_by_name(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        with pytest.raises(InjectionError, match=r"store:store: the simulator has no verb 'melt'"):
            await lab.driver.perform("f", STORE, Action("melt"))

    Lab(tmp_path).run(script)


@pytest.mark.parametrize("first_to_end", ["f", "g"])
def test_holds_of_one_entry_leave_what_the_pipeline_wrote_last(tmp_path: Path, first_to_end: str) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        await lab.driver.perform("f", STORE, hold("f", a="old"))
        await lab.driver.perform("g", STORE, hold("g", a="wrong"))
        await lab.redis.set("a", "new")
        await asyncio.sleep(4 * EVERY_S)
        assert await lab.redis.get("a") == b"wrong"
        await lab.driver.perform(first_to_end, STORE, release(first_to_end))
        lasting = "fg".replace(first_to_end, "")
        assert await lab.redis.get("a") == {"f": b"old", "g": b"wrong"}[lasting]
        await asyncio.sleep(4 * EVERY_S)
        assert await lab.redis.get("a") == {"f": b"old", "g": b"wrong"}[lasting]
        await lab.driver.perform(lasting, STORE, release(lasting))
        assert await lab.redis.get("a") == b"new"

    Lab(tmp_path).run(script)


def test_a_release_leaves_alone_what_was_written_just_before_it(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        await lab.driver.perform("f", STORE, hold("f", a="old"))
        await lab.redis.set("a", "new")
        await asyncio.sleep(1.5 * EVERY_S)
        await lab.redis.set("a", "newer")
        await lab.driver.perform("f", STORE, release("f"))
        assert await lab.redis.get("a") == b"newer"

    Lab(tmp_path).run(script)


class Meddler:
    """A store in which the pipeline writes ``a`` whenever values were read, before the reader can answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.written = 0

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        values: list[bytes | None] = await self._redis.mget(keys)
        self.written += 1
        await self._redis.set("a", f"written {self.written}")
        return values

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)


def test_what_is_written_between_a_look_and_its_answer_is_not_lost(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.redis.set("a", "old")
        meddler = Meddler(lab.redis)
        agent = StoreAgent(cast(Redis, meddler), lambda hold_id, keys: None)
        agent.hold("f", {"a": "old"})
        await asyncio.sleep(2.5 * EVERY_S)
        assert await lab.redis.get("a") == b"old", "put over what was written while it was on its way"
        await agent.release("f")
        assert meddler.written == 3
        assert await lab.redis.get("a") == b"written 3"

    Lab(tmp_path).run(script)


STEPS = st.lists(st.sampled_from(["f", "g", "h", "write", "wait"]), max_size=16)
#: Ends with a look of the agent's now and then: what is written between that and what it puts there must not be lost.
WAIT_S = 2 * EVERY_S


@given(steps=STEPS)
@settings(max_examples=60)
def test_whatever_the_order_held_entries_are_held_and_come_back_as_the_pipeline_wrote_them(steps: list[str]) -> None:
    keys = {"f": ("a",), "g": ("a", "b"), "h": ("b",)}

    async def script(lab: Lab) -> None:
        written = {"a": "0", "b": "0"}
        await lab.redis.mset(written)
        active: list[str] = []
        for number, step in enumerate([*steps, "wait", "f", "g", "h"]):
            if step == "write":
                written = dict.fromkeys(written, f"written {number}")
                await lab.redis.mset(written)
            elif step == "wait":
                await asyncio.sleep(WAIT_S)
                held = {key: hold_id for hold_id in active for key in keys[hold_id]}
                for key, value in written.items():
                    expected = f"{held[key]} wants {key}" if key in held else value
                    assert await lab.redis.get(key) == expected.encode()
            elif step in active:
                active.remove(step)
                await lab.driver.perform(step, STORE, release(step))
            elif number < len(steps):
                active.append(step)
                await lab.driver.perform(step, STORE, hold(step, **{key: f"{step} wants {key}" for key in keys[step]}))
        assert {key: (await lab.redis.get(key)).decode() for key in written} == written

    with TemporaryDirectory() as folder:
        Lab(Path(folder)).run(script)
