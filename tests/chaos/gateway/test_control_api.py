"""The control API over real HTTP: leases, who may ask, and what is refused."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from gateway_hop import Hop, hop, manifest_of, payload_of

from chaos.gateway.leases import Leases
from chaos.gateway.rulebook import RuleBook
from chaos.gateway.rules import InvalidRule

FREEZE = {"feed": "weather", "fault": "freshness.freeze"}


async def call(there: Hop, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with there.session.request(method, there.control + path, json=body, headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else None


async def test_rules_go_with_their_lease() -> None:
    async with hop() as there:
        status, answer = await call(there, "PUT", "/rules/r1", FREEZE | {"lease": "run-1"})
        assert (status, answer["error"]) == (409, "lease 'run-1' has lapsed or never was; PUT /lease takes it")
        lease = {"lease_id": "run-1", "ttl_s": 60}
        assert await call(there, "PUT", "/lease", lease) == (200, lease | {"left_s": 60.0})
        assert (await call(there, "PUT", "/rules/r1", FREEZE | {"lease": "run-1"}))[0] == 200
        assert (await call(there, "PUT", "/rules/r2", FREEZE))[0] == 200
        there.source.now = 50.0
        assert await call(there, "GET", "/lease") == (200, [lease | {"left_s": 10.0}])
        await call(there, "PUT", "/lease", lease)
        there.source.now = 109.0
        assert [r["rule_id"] for r in (await call(there, "GET", "/rules"))[1]] == ["r1", "r2"]
        there.source.now = 111.0
        assert [r["rule_id"] for r in (await call(there, "GET", "/rules"))[1]] == ["r2"]
        assert (await call(there, "GET", "/rules/r1/evidence"))[0] == 200
        assert await call(there, "GET", "/lease") == (200, [])


async def test_a_feed_is_clean_as_soon_as_heartbeats_stop_whoever_asks_first() -> None:
    async with hop() as there:
        await call(there, "PUT", "/lease", {"lease_id": "run-1", "ttl_s": 200})
        rule = {"feed": "weather", "fault": "data.null_spike", "params": {"column": "temp", "rate": 1.0}}
        await call(there, "PUT", "/rules/r1", rule | {"lease": "run-1"})
        there.source.now = 150.0
        assert (await there.json("/weather/batches"))[0]["sha256"] != manifest_of("weather", 0)["sha256"]
        there.source.now = 210.0
        assert await there.json("/weather/batches") == [manifest_of("weather", 0), manifest_of("weather", 1)]
        assert await there.get("/weather/batches/weather-000") == (200, payload_of("weather", 0))


async def test_a_lease_that_is_given_up_takes_its_rules_with_it_and_no_others() -> None:
    async with hop() as there:
        for lease_id, rule_id in (("one", "r1"), ("two", "r2")):
            await call(there, "PUT", "/lease", {"lease_id": lease_id, "ttl_s": 60})
            await call(there, "PUT", f"/rules/{rule_id}", FREEZE | {"lease": lease_id})
        assert (await call(there, "DELETE", "/lease/one"))[0] == 204
        assert [r["lease"] for r in (await call(there, "GET", "/rules"))[1]] == ["two"]
        assert (await call(there, "DELETE", "/lease/never"))[0] == 204


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"ttl_s": 5}, "expected"),
        ({"lease_id": "", "ttl_s": 5}, "expected lease_id to be a name"),
        ({"lease_id": "a", "ttl_s": 0}, "expected ttl_s from 0.1 to 86400 seconds, got 0"),
        ({"lease_id": "a", "ttl_s": True}, "expected ttl_s"),
        ({"lease_id": "a", "ttl_s": 5, "more": 1}, "expected"),
        ([], "expected"),
    ],
)
async def test_leases_that_cannot_be(body: Any, reason: str) -> None:
    async with hop() as there:
        status, answer = await call(there, "PUT", "/lease", body)
        assert (status, reason in answer["error"]) == (400, True), answer


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "localhost:x", "gateway.evil", ""]
)
async def test_a_strange_host_is_refused_before_anything_is_done(host: str) -> None:
    async with hop() as there:
        status, answer = await call(there, "PUT", "/rules/r1", FREEZE, Host=host)
        assert (status, answer["error"].startswith("expected a Host header with one of ")) == (403, True)
        assert (await call(there, "GET", "/rules")) == (200, [])


@pytest.mark.parametrize("host", ["localhost", "localhost:8001", "[::1]:8001", "GATEWAY:8001", "127.0.0.1"])
async def test_known_hosts_may_ask(host: str) -> None:
    async with hop() as there:
        assert (await call(there, "GET", "/rules", Host=host))[0] == 200


async def test_pages_of_strangers_may_not_ask() -> None:
    async with hop() as there:
        for origin in ("http://evil.example", "null"):
            status, answer = await call(there, "PUT", "/rules/r1", FREEZE, Origin=origin)
            assert (status, answer["error"]) == (403, f"requests from the web page {origin!r} are refused")
        assert (await call(there, "PUT", "/rules/r1", FREEZE, Origin="http://localhost:3000"))[0] == 200


async def test_bodies_without_end_are_refused() -> None:
    async with hop() as there:
        for body, status in ((b"[" * 2_000_000, 413), (b"[" * 100_000, 400)):
            async with there.session.put(f"{there.control}/rules/r1", data=io.BytesIO(body)) as answer:
                assert answer.status == status, await answer.text()
        assert (await call(there, "GET", "/health"))[0] == 200


def test_everything_wrong_with_a_rule_is_said_at_once() -> None:
    book = RuleBook(["weather"])
    with pytest.raises(InvalidRule) as caught:
        book.install({"rule_id": "", "feed": 3, "seed": 1.5, "parms": {}, "lease": 0}, 0.0)
    assert str(caught.value) == (
        "unknown field 'parms'. Did you mean 'params'?; field 'fault' is missing; expected rule_id to be a name, "
        "got ''; expected feed to be a name, got 3; expected seed to be a whole number, got 1.5; "
        "expected lease to be a name, got 0"
    )
    assert caught.value.status == 400


def test_tallies_of_rules_in_force_are_never_forgotten() -> None:
    book = RuleBook(["weather"])
    for n in range(1500):
        book.install({"rule_id": f"r{n}"} | FREEZE, 0.0)
        if n:
            book.uninstall(f"r{n}")
    assert book.tally("r0") is not None
    assert book.tally("r1") is None
    assert book.tally("r1499") is not None


def test_a_lease_is_told_once_when_it_lapses() -> None:
    leases = Leases()
    leases.renew("a", 1.0, 0.0)
    leases.renew("b", 2.0, 0.0)
    assert [leases.lapsed(1.0), leases.lapsed(1.0), leases.lapsed(5.0)] == [["a"], [], ["b"]]
