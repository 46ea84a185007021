"""redis-py against the store: handshake, commands, TTLs, time-outs, retries, reconnects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
import redis.asyncio as aioredis
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, NoBackoff

from chaos.network.toxics import ToxicSpec
from harness.sim.store import StoreServer

from .lab import Lab

NO_RETRY = Retry(NoBackoff(), 0)


@pytest.fixture
def store(lab: Lab) -> StoreServer:
    server = StoreServer()
    lab.boot = server.start
    return server


def connect(**options: Any) -> aioredis.Redis:
    return aioredis.Redis(host="server", decode_responses=True, **options)


@pytest.mark.parametrize("protocol", [2, 3])
def test_hashes_keys_and_transactions(lab: Lab, store: StoreServer, protocol: int) -> None:
    async def client() -> None:
        async with connect(protocol=protocol) as r:
            assert await r.ping()
            assert await r.hset("f:1", mapping={"a": "1", "b": "x"}) == 2
            assert await r.hset("f:1", "b", "y") == 0
            assert await r.hgetall("f:1") == {"a": "1", "b": "y"}
            assert await r.hgetall("missing") == {}
            assert await r.hmget("f:1", ["b", "nope"]) == ["y", None]
            assert await r.hget("f:1", "a") == "1"
            assert await r.get("nothing") is None
            assert await r.set("k", "v")
            assert await r.set("k", "w", nx=True) is None
            assert await r.get("k") == "v"
            assert await r.incr("n") == 1
            assert await r.exists("k", "n", "zzz") == 2
            assert sorted([key async for key in r.scan_iter("f:*")]) == ["f:1"]
            assert await r.dbsize() == 3
            async with r.pipeline(transaction=True) as pipe:
                pipe.hset("f:2", "a", "2").hgetall("f:2").expire("f:2", 50)
                assert await pipe.execute() == [1, {"a": "2"}, True]
            assert await r.delete("k", "n", "zzz") == 2
            await r.sadd("s", "q", "a", "m")
            assert await r.execute_command("SMEMBERS", "s") in (["a", "m", "q"], {"a", "m", "q"})
            with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
                await r.hgetall("s")
            with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
                await r.execute_command("HGETALL")
            await r.flushall()
            assert await r.dbsize() == 0
            await r.select(3)
            assert await r.get("k") is None

    lab.run(client())


def test_a_pipeline_mixes_fast_and_other_commands_in_order(lab: Lab, store: StoreServer) -> None:
    async def client() -> list[Any]:
        async with connect() as r, r.pipeline(transaction=False) as pipe:
            pipe.set("a", "1").incr("a").get("a").append("a", "0").get("a").hgetall("a")
            return await pipe.execute(raise_on_error=False)

    *replies, error = lab.run(client())
    assert replies == [True, 2, "2", 2, "20"]
    assert isinstance(error, redis.ResponseError)


def test_watch_sees_a_fast_write_of_another_client(lab: Lab, store: StoreServer) -> None:
    async def client() -> None:
        async with connect() as r, r.pipeline() as pipe:
            await r.set("k", "1")
            await pipe.watch("k")
            await r.set("k", "2")
            pipe.multi()
            pipe.set("k", "3")
            with pytest.raises(redis.WatchError):
                await pipe.execute()
            assert await r.get("k") == "2"

    lab.run(client())


keys, fields = st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"])
values = st.sampled_from(["", "0", "17", "two\r\nlines", "-3.5"])
commands = st.one_of(
    st.tuples(st.sampled_from(["GET", "HGETALL", "TTL", "TYPE", "INCR", "HLEN", "PERSIST"]), keys),
    st.tuples(st.sampled_from(["DEL", "MGET"]), keys, keys),
    st.tuples(st.just("MSET"), keys, values, keys, values),
    st.tuples(st.sampled_from(["MGET", "MSET", "mset"]), keys),
    st.tuples(st.just("SET"), keys, values),
    st.tuples(st.just("SET"), keys, values, st.sampled_from(["ex", "PX", "NX"]), st.sampled_from(["2", "0", "x"])),
    st.tuples(st.just("SETEX"), keys, st.just("3"), values),
    st.tuples(st.just("EXPIRE"), keys, st.sampled_from(["1", "3", "-1", "x"])),
    st.tuples(st.sampled_from(["HSET", "hset"]), keys, fields, values),
    st.tuples(st.just("HSET"), keys, fields, values, fields, values),
    st.tuples(st.just("HSET"), keys, fields),
    st.tuples(st.sampled_from(["HMGET", "HDEL"]), keys, fields, fields),
    st.tuples(st.sampled_from(["HGET", "HEXISTS"]), keys, fields),
    st.tuples(st.just("HEXPIRE"), keys, st.just("2"), st.just("FIELDS"), st.just("1"), fields),
    st.tuples(st.sampled_from(["PING", "DBSIZE", "MULTI", "EXEC", "DISCARD", "FLUSHALL", "HGETALL"])),
    st.tuples(st.just("WAIT A SECOND")),
)


@pytest.mark.parametrize("protocol", [2, 3])
@given(script=st.lists(commands, max_size=25))
def test_fast_commands_answer_what_fakeredis_answers(protocol: int, script: list[tuple[str, ...]]) -> None:
    def replies(*, fast: bool) -> list[Any]:
        lab = Lab()
        lab.boot = StoreServer(fast=fast).start

        async def client() -> list[Any]:
            seen: list[Any] = []
            async with aioredis.Redis(host="server", protocol=protocol, retry=NO_RETRY) as r:
                connection = await r.connection_pool.get_connection()
                for words in script:
                    if words[0] == "WAIT A SECOND":
                        await asyncio.sleep(1)
                        continue
                    await connection.send_command(*words)
                    try:
                        seen.append((words, repr(await connection.read_response())))
                    except redis.ResponseError as error:
                        seen.append((words, f"{type(error).__name__} {error}"))
            return seen

        return lab.run(client())

    assert replies(fast=True) == replies(fast=False)


def test_ttls_run_on_virtual_time(lab: Lab, store: StoreServer) -> None:
    async def client() -> None:
        async with connect() as r:
            await r.hset("f", "a", "1")
            await r.expire("f", 3600)
            await r.set("s", "1", ex=60)
            await r.set("p", "1", px=500)
            await asyncio.sleep(0.6)
            assert await r.get("p") is None
            assert await r.ttl("f") in (3599, 3600)
            await asyncio.sleep(60)
            assert await r.get("s") is None
            await r.hset("f", "b", "2")  # keeps the time to live
            await asyncio.sleep(3540)
            assert await r.hgetall("f") == {}
            assert await r.dbsize() == 0
            await r.hset("f", "a", "1")
            assert await r.ttl("f") == -1

    lab.run(client())


def test_data_survive_a_kill_unless_forgotten_and_clients_reconnect(lab: Lab, store: StoreServer) -> None:
    async def client() -> None:
        async with connect(retry=NO_RETRY) as r:
            await r.set("k", "v")
            for forget, expected in ((False, "v"), (True, None)):
                lab.world.kill("server")
                await asyncio.sleep(1)
                with pytest.raises(redis.ConnectionError):
                    await r.get("k")
                if forget:
                    store.forget()
                await lab.world.start("server")
                assert await r.get("k") == expected

    lab.run(client())


def test_socket_time_out_is_exact_and_retries_take_their_back_off(lab: Lab, store: StoreServer) -> None:
    async def client() -> None:
        async with connect(socket_timeout=0.5, retry=NO_RETRY) as r:
            await r.ping()
            lab.world.pause("server")
            started = lab.now
            with pytest.raises(redis.TimeoutError):
                await r.get("k")
            assert lab.now - started == pytest.approx(0.5)
            lab.world.resume("server")
        retry = Retry(ConstantBackoff(2), 3)
        async with connect(socket_timeout=0.5, socket_connect_timeout=0.5, retry=retry) as r:
            await r.ping()
            lab.world.pause("server")
            started = lab.now
            with pytest.raises(redis.TimeoutError):
                await r.get("k")
            assert lab.now - started >= 4 * 0.5 + 3 * 2

    lab.run(client())


def test_default_retries_bridge_a_short_outage(lab: Lab, store: StoreServer) -> None:
    async def client() -> str | None:
        async with connect() as r:
            await r.set("k", "v")
            lab.world.kill("server")
            lab.world.loop.call_later(0.5, lambda: lab.world.spawn("client", lab.world.start("server")))
            return await r.get("k")

    assert lab.run(client()) == "v"
    assert lab.now < 60


def test_a_pipeline_over_slow_and_sliced_links(lab: Lab, store: StoreServer) -> None:
    async def client() -> list[Any]:
        for stream in ("upstream", "downstream"):
            for kind, attributes in (("slicer", {"average_size": 3}), ("latency", {"latency": 20, "jitter": 20})):
                spec = ToxicSpec(f"{kind}.{stream}", kind, stream, attributes=attributes)
                lab.world.network.add_toxic("client->server", spec)
        async with connect() as r:
            async with r.pipeline(transaction=False) as pipe:
                for number in range(20):
                    pipe.hset(f"k{number}", mapping={"a": number, "b": "x" * number})
                await pipe.execute()
            async with r.pipeline(transaction=False) as pipe:
                for number in range(20):
                    pipe.hgetall(f"k{number}")
                return await pipe.execute()

    assert lab.run(client()) == [{"a": str(n), "b": "x" * n} for n in range(20)]


def test_blocking_commands_wait_in_virtual_time(lab: Lab, store: StoreServer) -> None:
    async def client() -> None:
        async with connect(socket_timeout=None) as r:
            started = lab.now
            assert await r.blpop(["q"], timeout=7) is None
            assert lab.now - started == pytest.approx(7, abs=0.01)
            waiting = asyncio.create_task(r.blpop(["q"], timeout=100))
            await asyncio.sleep(5)
            await r.rpush("q", "job")
            assert await waiting in (["q", "job"], ("q", "job"))

    lab.run(client())


def test_publish_and_subscribe(lab: Lab, store: StoreServer) -> None:
    async def client() -> Any:
        async with connect() as r, r.pubsub() as channel:
            await channel.subscribe("alerts")
            await asyncio.sleep(1)
            await r.publish("alerts", "drift")
            async for message in channel.listen():
                if message["type"] == "message":
                    return message["data"]
        return None

    assert lab.run(client()) == "drift"


def test_what_is_no_resp_is_refused(lab: Lab, store: StoreServer) -> None:
    async def client() -> bytes:
        reader, writer = await asyncio.open_connection("server", 6379)
        writer.write(b"*1\r\n!3\r\nfoo\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    assert lab.run(client()).startswith(b"-ERR Protocol error")


def test_replies_that_are_sets_come_in_one_order(lab: Lab, store: StoreServer) -> None:
    names = [f"airport-{number}" for number in range(20)]

    async def client() -> bytes:
        async with connect() as r:
            await r.sadd("s", *names)
        reader, writer = await asyncio.open_connection("server", 6379)
        writer.write(b"SMEMBERS s\r\n")
        answer = await reader.readuntil(sorted(names)[-1].encode() + b"\r\n")
        writer.close()
        return answer

    assert [line for line in lab.run(client()).decode().split("\r\n") if line.startswith("a")] == sorted(names)


def test_inline_commands(lab: Lab, store: StoreServer) -> None:
    async def client() -> bytes:
        reader, writer = await asyncio.open_connection("server", 6379)
        writer.write(b"PING\r\n\r\nset a 1\r\nGET a\r\nQUIT\r\n")
        answer = await reader.readuntil(b"$1\r\n1\r\n")
        writer.close()
        return answer

    assert lab.run(client()) == b"+PONG\r\n+OK\r\n$1\r\n1\r\n"
