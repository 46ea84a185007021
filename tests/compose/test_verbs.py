"""Each verb on real containers: it takes effect, leaves evidence, may be done twice, and is undone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import httpx
import pytest

from chaos.engine import Evidence
from chaos.fault import Action
from chaos.points import Point
from harness.targets.reference.compose.driver import ComposeDriver
from harness.targets.reference.compose.events import EngineEvent, EngineEvents
from harness.targets.reference.compose.stack import Stack
from harness.targets.reference.compose.stage import store_client

from .conftest import left_of
from .test_what_goes_wrong import configs

pytestmark = pytest.mark.slow

NOT_NEEDED = ("mirror", "dispatch", "replica")


@pytest.fixture(scope="module")
def stack(engine: Any) -> Iterator[Stack]:
    """A deployment whose clocks stand still."""
    made = Stack.create(configs(profile="ad_hoc"))
    try:
        made.start(NOT_NEEDED)
        yield made
    finally:
        made.tear_down()
    assert made.project not in " ".join(left_of(engine))


def carry_out(
    stack: Stack,
    point: str,
    do: Action,
    undo: Action,
    check: Callable[[], object],
    provoke: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """Does a verb twice, checks its effect, undoes it twice; what it touched."""

    async def main() -> tuple[int, str]:
        store = store_client(stack.description.urls["store"])
        with EngineEvents(stack.project, dict(stack.description.containers), lambda event: None) as events:
            driver = ComposeDriver(stack, {"store": store}, events, hold_every_s=0.2)
            where = Point.parse(point)
            try:
                for _ in range(2):
                    await driver.perform("f1", where, do)
                assert await asyncio.to_thread(check)
                await asyncio.to_thread(provoke)
                await asyncio.sleep(1.0)
                seen = await driver.evidence("f1")
            finally:
                for _ in range(2):
                    await driver.perform("f1", where, undo)
            await store.aclose()
        assert seen is not None, "no evidence"
        return seen.touched, seen.what

    return asyncio.run(main())


def status(stack: Stack, service: str) -> str:
    found: str = stack.container(service).status
    return found


def answers(stack: Stack, service: str = "serving") -> int:
    """The status of a service, asked along the users' link or straight."""
    try:
        if service == "serving":
            return httpx.get(f"{stack.description.urls['serving']}/health", timeout=5.0, trust_env=False).status_code
        asked = httpx.get(f"{stack.description.urls['outpost']}/ready?of={service}", timeout=10.0, trust_env=False)
        return 200 if asked.json()[service] else 503
    except httpx.HTTPError:
        return 0


def comes_back(stack: Stack, service: str = "serving") -> bool:
    deadline = time.monotonic() + 60
    while answers(stack, service) != 200:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


BY = {"fault_id": "f1"}
ONE = (1, "processes")


def test_kill_and_start(stack: Stack) -> None:
    do, undo = Action("kill", BY), Action("start", BY)
    assert carry_out(stack, "service:flights", do, undo, lambda: status(stack, "flights") == "exited") == (
        1,
        "processes",
    )
    assert comes_back(stack, "flights")


def test_pause_and_resume(stack: Stack) -> None:
    do, undo = Action("pause", BY), Action("resume", BY)
    assert carry_out(stack, "service:serving", do, undo, lambda: status(stack, "serving") == "paused") == (
        1,
        "processes",
    )
    assert comes_back(stack)


def test_disconnect_and_connect(stack: Stack) -> None:
    do, undo = Action("disconnect", BY), Action("connect", BY)
    assert carry_out(stack, "service:features", do, undo, lambda: answers(stack, "features") != 200) == ONE
    assert comes_back(stack, "features")


def test_a_toxic_and_none(stack: Stack) -> None:
    toxic = {"name": "f1.latency", "type": "latency", "stream": "downstream", "attributes": {"latency": 700.0}}

    def is_slow() -> bool:
        began = time.monotonic()
        return answers(stack) == 200 and time.monotonic() - began >= 0.7

    do, undo = Action("add_toxic", {"toxic": toxic}), Action("remove_toxic", {"name": "f1.latency"})
    touched, what = carry_out(stack, "link:users->serving", do, undo, is_slow)
    assert touched > 10
    assert what == "bytes"
    assert not is_slow()


FLIGHT = {
    "flight_id": "2013-06-10-UA-1545-EWR",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "tailnum": "N14228",
    "sched_dep": 1370872800,
    "distance": 1400.0,
}


def predict(stack: Stack) -> float:
    """Asks for a prediction, for which serving asks the store over a connection that it keeps; how long it took."""
    began = time.monotonic()
    answer = httpx.post(f"{stack.description.urls['serving']}/predict", json=FLIGHT, timeout=10.0, trust_env=False)
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


SLOW_STORE = {"name": "f1.latency", "type": "latency", "stream": "downstream", "attributes": {"latency": 400.0}}


def test_a_toxic_on_a_connection_that_stays_open(stack: Stack) -> None:
    predict(stack)
    do, undo = Action("add_toxic", {"toxic": SLOW_STORE}), Action("remove_toxic", {"name": "f1.latency"})
    touched, what = carry_out(stack, "link:serving->store", do, undo, lambda: predict(stack) >= 0.4)
    assert touched > 0
    assert what == "bytes"
    assert predict(stack) < 0.4


def test_what_passed_before_a_toxic_is_no_evidence_of_it(stack: Stack) -> None:
    predict(stack)

    async def main() -> list[object]:
        store = store_client(stack.description.urls["store"])
        driver = ComposeDriver(stack, {"store": store}, None)
        link = Point.parse("link:serving->store")
        await driver.perform("f1", link, Action("add_toxic", {"toxic": SLOW_STORE}))
        seen = [await driver.evidence("f1")]
        await asyncio.to_thread(stack.container("serving").kill)  # the connection ends, and no byte has passed
        await asyncio.sleep(1.0)
        seen.append(await driver.evidence("f1"))
        await driver.perform("f1", link, Action("remove_toxic", {"name": "f1.latency"}))
        await store.aclose()
        return seen

    assert asyncio.run(main()) == [None, None]
    stack.container("serving").start()
    assert comes_back(stack)


def test_answer_and_unanswer(stack: Stack) -> None:
    do, undo = Action("answer", {**BY, "status": 503}), Action("unanswer", BY)
    assert carry_out(stack, "service:serving", do, undo, lambda: answers(stack) == 503) == (1, "requests")
    assert comes_back(stack)


def test_little_cpu(stack: Stack) -> None:
    do, undo = Action("limit_cpu", {**BY, "cpus": 0.01}), Action("unlimit_cpu", {**BY, "cpus": 1.0})
    limited = lambda: stack.container("serving").attrs["HostConfig"]["CpuQuota"] == 1000  # noqa: E731
    ask_often = lambda: [answers(stack) for _ in range(10)]  # noqa: E731
    touched, what = carry_out(stack, "service:serving", do, undo, limited, ask_often)
    assert touched > 0
    assert what == "throttled periods"
    assert stack.container("serving").attrs["HostConfig"]["CpuQuota"] == 100_000


def test_little_memory(stack: Stack, engine: Any) -> None:
    def ask_for_more() -> None:
        stack.container("training").exec_run(["python", "-c", "len(bytearray(300_000_000))"])

    container = stack.container("training")
    before = container.attrs["HostConfig"]["Memory"]
    usage = container.stats(stream=False, one_shot=True)["memory_stats"]["usage"]
    do = Action("limit_memory", {**BY, "bytes": usage + 40_000_000})
    undo = Action("unlimit_memory", {**BY, "bytes": before})
    limited = lambda: stack.container("training").attrs["HostConfig"]["Memory"] < before  # noqa: E731
    touched, what = carry_out(stack, "service:training", do, undo, limited, ask_for_more)
    assert touched > 0
    assert what in ("allocations", "processes")
    assert stack.container("training").attrs["HostConfig"]["Memory"] == before
    stack.container("training").start()
    assert comes_back(stack, "training")


def test_hold_and_release(stack: Stack) -> None:
    async def put(key: str, value: str) -> None:
        store = store_client(stack.description.urls["store"])
        await store.set(key, value)
        await store.aclose()

    async def read(key: str) -> Any:
        store = store_client(stack.description.urls["store"])
        found = await store.get(key)
        await store.aclose()
        return found

    asyncio.run(put("test:key", "old"))
    do = Action("hold", {"hold_id": "f1", "entries": {"test:key": "old"}})
    undo = Action("release", {"hold_id": "f1"})
    change = lambda: asyncio.run(put("test:key", "new"))  # noqa: E731
    assert carry_out(stack, "store:store", do, undo, lambda: True, change) == (1, "keys")
    assert asyncio.run(read("test:key")) == b"new"


def test_a_store_that_comes_back_empty(stack: Stack) -> None:
    async def size() -> int:
        store = store_client(stack.description.urls["store"])
        found: int = await store.dbsize()
        await store.aclose()
        return found

    assert asyncio.run(size()) > 0
    do, undo = Action("kill", BY), Action("start", {**BY, "empty": True})
    assert carry_out(stack, "store:store", do, undo, lambda: status(stack, "store") == "exited") == ONE
    assert asyncio.run(size()) == 0


def test_an_overlay_is_imported_after_a_restart_and_leaves_no_trace(stack: Stack) -> None:
    files = {"lightgbm/__init__.py": "raise ImportError('this release does not fit')"}
    do = Action("overlay", {"overlay_id": "f1", "files": files})
    undo = Action("remove_overlay", {"overlay_id": "f1"})
    loaded = lambda: time.sleep(12) is None  # noqa: E731  it starts, and asks for its model
    assert carry_out(stack, "env:serving", do, undo, loaded) == (1, "loads")
    assert comes_back(stack)


def test_faults_that_overlap_on_a_container_leave_each_other_alone(stack: Stack) -> None:
    """Two of a kind on one service, and the first one ends first: what each does is there until it ends itself."""
    where = Point.parse("service:features")

    def quota() -> object:
        return stack.container("features").attrs["HostConfig"]["CpuQuota"]

    def memory() -> int:
        return int(stack.container("features").attrs["HostConfig"]["Memory"])

    def joined() -> bool:
        return any(
            name.endswith("_pipeline") for name in stack.container("features").attrs["NetworkSettings"]["Networks"]
        )

    async def main() -> None:
        store = store_client(stack.description.urls["store"])
        with EngineEvents(stack.project, dict(stack.description.containers), lambda event: None) as events:
            driver = ComposeDriver(stack, {"store": store}, events)

            async def perform(verb: str, fault_id: str, **args: Any) -> None:
                await driver.perform(fault_id, where, Action(verb, {"fault_id": fault_id, **args}))

            before = (await driver.observe(where, "limits"))["cpus"]
            await perform("limit_cpu", "a", cpus=0.5)
            assert (await driver.observe(where, "limits"))["cpus"] == before  # what the second is to give back
            await perform("limit_cpu", "b", cpus=0.2)
            assert quota() == 20_000
            await perform("unlimit_cpu", "a", cpus=before)
            assert quota() == 20_000
            await perform("unlimit_cpu", "b", cpus=before)
            assert quota() == before * 100_000

            limits = await driver.observe(where, "limits")
            allowed, used = int(limits["memory_bytes"]), int(limits["memory_used_bytes"])
            await perform("limit_memory", "m", bytes=used + 80_000_000)
            assert (await driver.observe(where, "limits"))["memory_bytes"] == allowed
            await perform("limit_memory", "n", bytes=used + 160_000_000)
            assert abs(memory() - used - 80_000_000) < 4096, "the lowest of them holds, in whole pages"
            await perform("unlimit_memory", "m", bytes=allowed)
            assert abs(memory() - used - 160_000_000) < 4096
            await perform("unlimit_memory", "n", bytes=allowed)
            assert memory() == allowed

            for fault_id in ("c", "d"):
                await perform("disconnect", fault_id)
            await perform("connect", "c")
            assert not joined()
            await perform("connect", "d")
            assert joined()

            await perform("kill", "e")
            await perform("kill", "f")
            await perform("pause", "g")
            await perform("start", "e")
            assert status(stack, "features") == "exited"
            await perform("start", "f")
            assert status(stack, "features") == "paused"
            await perform("resume", "g")
            for fault_id in "cdefg":
                assert await driver.evidence(fault_id) == Evidence(1, "processes"), fault_id
        await store.aclose()

    asyncio.run(main())
    assert comes_back(stack, "features")


def test_a_process_that_dies_by_itself_is_told_from_one_that_was_ended(stack: Stack) -> None:
    seen: list[EngineEvent] = []
    with EngineEvents(stack.project, dict(stack.description.containers), seen.append):
        stack.container("features").restart(timeout=1)
        assert comes_back(stack, "features")
        stack.container("features").kill()
        stack.container("features").start()
        assert comes_back(stack, "features")
        os.kill(stack.container("features").attrs["State"]["Pid"], signal.SIGKILL)  # the engine has no part in it
        deadline = time.monotonic() + 30
        while [event.action for event in seen].count("die") < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
    stack.container("features").start()
    assert comes_back(stack, "features")
    assert [event.died_of for event in seen if event.action == "die"] == ["", "", "exit code 137"]


def test_a_service_that_the_profile_lacks_is_never_started(stack: Stack) -> None:
    """Whatever is done to its container, which was made and never started."""

    async def main() -> list[object]:
        with EngineEvents(stack.project, dict(stack.description.containers), lambda event: None) as events:
            driver = ComposeDriver(stack, {}, events)
            where = Point.parse("service:mirror")
            verbs = ("kill", "pause", "disconnect", "connect", "resume", "start")
            for verb in verbs:
                await driver.perform(verb, where, Action(verb, {"fault_id": verb}))
            await asyncio.sleep(0.5)
            return [await driver.evidence(verb) for verb in verbs]

    assert set(asyncio.run(main())) == {None}
    assert status(stack, "mirror") == "created"


def test_faults_on_the_data_of_the_second_store(stack: Stack) -> None:
    """The replica's values are held and come back, and it can lose them, also while it is off the network."""
    stack.container("replica").start()
    where = Point.parse("store:replica")

    async def main() -> None:
        replica, store = (store_client(stack.description.urls[name]) for name in ("replica", "store"))
        with EngineEvents(stack.project, dict(stack.description.containers), lambda event: None) as events:
            driver = ComposeDriver(stack, {"replica": replica, "store": store}, events, hold_every_s=0.2)

            async def perform(verb: str, fault_id: str, **args: Any) -> None:
                await driver.perform(fault_id, where, Action(verb, {"fault_id": fault_id, **args}))

            await store.set("test:key", "of the store")
            await replica.set("test:key", "old")
            assert (await driver.observe(where, "entries"))["entries"]["test:key"] == "old"
            await perform("hold", "a", hold_id="a", entries={"test:key": "old"})
            await perform("hold", "b", hold_id="b", entries={"test:key": "wrong"})
            await replica.set("test:key", "new")
            await asyncio.sleep(1.0)
            assert await replica.get("test:key") == b"wrong"
            await perform("release", "b", hold_id="b")
            assert await replica.get("test:key") == b"old"
            await perform("release", "a", hold_id="a")
            assert await replica.get("test:key") == b"new"
            assert await driver.evidence("b") == Evidence(1, "keys")

            await perform("kill", "c")
            await perform("disconnect", "d")
            await perform("start", "c", empty=True)
            assert not stack.container("replica").attrs["NetworkSettings"]["Networks"]
            await perform("connect", "d")
            assert await replica.dbsize() == 0
            assert await store.get("test:key") == b"of the store"
        for client in (replica, store):
            await client.aclose()

    try:
        asyncio.run(main())
    finally:
        stack.container("replica").kill()


@pytest.mark.parametrize("seed", range(2))
def test_whatever_the_order_a_container_is_as_its_faults_want_it(stack: Stack, seed: int) -> None:
    """Kills, pauses and cuts, each begun and ended at random; in the end all is as it was."""
    where, draw = Point.parse("service:planes"), Random(seed)
    kinds = {"kill": "start", "pause": "resume", "disconnect": "connect", "limit_cpu": "unlimit_cpu"}
    caps = {"limit_cpu 1": 0.5, "limit_cpu 2": 0.25}

    async def main() -> None:
        driver = ComposeDriver(stack, {}, None)
        active: list[str] = []

        async def turn(step: str) -> None:
            verb, limit = step.split()[0], caps.get(step, 1.0)
            if step in active:
                active.remove(step)
                verb, limit = kinds[verb], 1.0
            else:
                active.append(step)
            await driver.perform(step, where, Action(verb, {"fault_id": step, "cpus": limit}))
            container, on = stack.container("planes"), {name.split()[0] for name in active}
            assert container.status == ("exited" if "kill" in on else "paused" if "pause" in on else "running")
            assert bool(container.attrs["NetworkSettings"]["Networks"]) == ("disconnect" not in on)
            quota = min([1.0, *(caps[name] for name in active if name in caps)])
            assert container.attrs["HostConfig"]["CpuQuota"] == quota * 100_000

        for step in draw.choices([f"{verb} {number}" for verb in kinds for number in (1, 2)], k=14):
            await turn(step)
        while active:
            await turn(draw.choice(active))

    asyncio.run(main())
    assert comes_back(stack, "planes")
