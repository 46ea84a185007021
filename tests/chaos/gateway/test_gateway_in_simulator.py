"""The gateway on the simulator: the same applications on virtual sockets and virtual time."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import aiohttp
import pytest
from gateway_hop import Source, manifest_of, payload_of

from chaos.gateway.app import create_control, create_gateway
from chaos.gateway.upstream import SessionFetcher
from harness.sim import World
from harness.sim.http import serve

FEEDS = ("weather", "flights", "planes")


class Deployment:
    """A source, the gateway before it, and a consumer, each on a host of its own."""

    def __init__(self) -> None:
        self.world = World(epoch=0.0, seed=7)
        self.source = Source()
        self.world.add_host("source", self._boot_source)
        self.world.add_host("gateway", self._boot_gateway)
        self.world.add_host("consumer")
        self.touches: list[tuple[str, str, int]] = []

    async def _boot_source(self) -> None:
        await serve(self.source.app())

    async def _boot_gateway(self) -> None:
        clock = self.world.clock("gateway").now
        fetch = SessionFetcher(aiohttp.ClientSession())
        upstreams = dict.fromkeys(FEEDS, "http://source:8000")
        gateway = create_gateway(upstreams, fetch, clock, on_touched=lambda *touch: self.touches.append(touch))
        await serve(gateway)
        await serve(create_control(gateway, clock), 8001)

    def run(self, consumer: Any) -> Any:
        async def main() -> Any:
            for host in ("source", "gateway", "consumer"):
                await self.world.start(host)
            return await self.world.spawn("consumer", consumer)

        return self.world.run(main())


async def ask(method: str, url: str, body: Any = None) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("fault", ["schema.rename_column", "volume.partial_file"])
def test_a_fault_comes_with_its_lease_and_goes_with_it(feed: str, fault: str) -> None:
    column = {"weather": "temp", "flights": "arr_delay", "planes": "seats"}[feed]
    params = {"column": column, "to": "renamed"} if fault == "schema.rename_column" else {"missing": 0.5}
    there = Deployment()

    async def consumer() -> list[bytes]:
        control = "http://gateway:8001"
        assert (await ask("PUT", f"{control}/lease", {"lease_id": "run", "ttl_s": 300}))[0] == 200
        rule = {"feed": feed, "fault": fault, "params": params, "seed": 7, "lease": "run"}
        assert (await ask("PUT", f"{control}/rules/r1", rule))[0] == 200
        there.source.now = 150.0
        url = f"http://gateway:8000/{feed}/batches"
        seen = [(await ask("GET", url))[1], (await ask("GET", f"{url}/{feed}-000"))[1]]
        await asyncio.sleep(301)  # no heartbeat
        return [*seen, (await ask("GET", url))[1], (await ask("GET", f"{url}/{feed}-000"))[1]]

    listed, payload, later, original = there.run(consumer())
    assert payload != payload_of(feed, 0) == original
    assert hashlib.sha256(payload).hexdigest().encode() in listed
    assert manifest_of(feed, 0)["sha256"].encode() in later
    assert [(rule_id, what) for rule_id, what, _ in there.touches] == [("r1", "batches")]
