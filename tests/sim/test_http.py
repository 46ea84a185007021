"""uvicorn, FastAPI, Starlette and aiohttp, unmodified, over virtual sockets."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from chaos.network.toxics import ToxicSpec
from harness.sim import http

from .lab import Lab


def black_hole(stream: str) -> ToxicSpec:
    return ToxicSpec(f"hole.{stream}", "timeout", stream, attributes={"timeout": 0})


def app_of(handler: Callable[[Request], Awaitable[Response]]) -> Starlette:
    return Starlette(routes=[Route("/", handler, methods=["GET", "POST"])])


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


def slow(seconds: float) -> Starlette:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(seconds)
        return PlainTextResponse("done")

    return app_of(handler)


def serve(lab: Lab, app: Any, **options: Any) -> None:
    lab.boot = lambda: http.serve(app, **options)


URL = "http://server:8000/"


def test_a_request_takes_exactly_its_round_trips(lab: Lab) -> None:
    serve(lab, app_of(hello))

    async def client() -> tuple[float, float, int]:
        async with aiohttp.ClientSession() as session:
            times = []
            for _ in range(2):
                started = lab.now
                async with session.get(URL) as response:
                    assert await response.text() == "hello"
                times.append(lab.now - started)
        return times[0], times[1], lab.world.network.link("client", "server").opened

    first, second, opened = lab.run(client())
    assert first == pytest.approx(4 * lab.latency_s, abs=1e-12)  # connect, then the request
    assert second == pytest.approx(2 * lab.latency_s, abs=1e-12)  # the connection was kept
    assert opened == 1


def test_fastapi_with_bodies_and_plain_functions(lab: Lab) -> None:
    app = FastAPI()

    @app.post("/add/{number}")
    def add(number: int, body: dict[str, int]) -> dict[str, int]:  # a plain function: anyio's worker thread
        return {"sum": number + body["b"]}

    serve(lab, app)

    async def client() -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.post("http://server:8000/add/40", json={"b": 2}) as response:
                answer = await response.json()
            async with session.post("http://server:8000/add/x", json={"b": 2}) as response:
                return answer, response.status

    assert lab.run(client()) == ({"sum": 42}, 422)


def test_an_exception_of_the_app_is_a_500(lab: Lab) -> None:
    async def broken(request: Request) -> Response:
        raise LookupError("boom")

    serve(lab, app_of(broken))

    async def client() -> int:
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            return response.status

    assert lab.run(client()) == 500


def test_server_closes_idle_connections_after_keep_alive(lab: Lab) -> None:
    serve(lab, app_of(hello), keep_alive_s=20)

    async def client() -> int:
        connector = aiohttp.TCPConnector(keepalive_timeout=300)
        async with aiohttp.ClientSession(connector=connector) as session:
            for pause in (0, 19, 21, 0):
                await asyncio.sleep(pause)
                async with session.get(URL) as response:
                    await response.read()
        return lab.world.network.link("client", "server").opened

    assert lab.run(client()) == 2


@pytest.mark.parametrize(
    ("timeout", "error", "at"),
    [
        (aiohttp.ClientTimeout(total=2.5), TimeoutError, 2.5),
        (aiohttp.ClientTimeout(total=None, sock_read=1.25), aiohttp.SocketTimeoutError, 1.25),
    ],
)
def test_client_time_outs_fire_at_the_exact_virtual_time(
    lab: Lab, timeout: aiohttp.ClientTimeout, error: type[Exception], at: float
) -> None:
    serve(lab, slow(60))

    async def client() -> float:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with pytest.raises(error):
                await session.get(URL)
        return lab.now

    # sock_read counts from the moment when the request was sent
    extra = 2 * lab.latency_s if timeout.sock_read else 0.0
    assert lab.run(client()) == pytest.approx(at + extra, abs=1e-9)


def test_connect_time_out_over_a_cut_link(lab: Lab) -> None:
    serve(lab, app_of(hello))

    async def client() -> float:
        lab.world.network.cut("client->server")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await session.get(URL)
        return lab.now

    assert lab.run(client()) == 3.0


def test_connect_to_nowhere_gives_up_as_linux_does(lab: Lab) -> None:
    async def client() -> float:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="timed out"):
                await session.get("http://10.9.9.9:8000/", timeout=aiohttp.ClientTimeout(total=None))
        return lab.now

    assert lab.run(client()) == 127.0


def test_refused_and_unknown(lab: Lab) -> None:
    async def client() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="nothing listens on server:8000") as caught:
                await session.get(URL)
            assert isinstance(caught.value.os_error, ConnectionRefusedError)
            with pytest.raises(aiohttp.ClientConnectorDNSError, match="Name or service not known: 'srever'"):
                await session.get("http://srever:8000/")

    lab.run(client())


def test_numeric_address_and_localhost(lab: Lab) -> None:
    serve(lab, app_of(hello))

    async def client() -> list[int]:
        await http.serve(app_of(hello), 9000)
        ip = lab.world.network.hosts["server"].ip
        statuses = []
        async with aiohttp.ClientSession() as session:
            for url in (f"http://{ip}:8000/", "http://localhost:9000/", "http://127.0.0.1:9000/"):
                async with session.get(url) as response:
                    statuses.append(response.status)
        return statuses

    assert lab.run(client()) == [200, 200, 200]


def test_kill_with_a_request_in_flight_then_restart(lab: Lab) -> None:
    serve(lab, slow(10))

    async def client() -> tuple[float, str]:
        async with aiohttp.ClientSession() as session:
            lab.world.loop.call_later(5, lab.world.kill, "server")
            with pytest.raises(aiohttp.ClientOSError, match="Connection reset by peer"):
                await session.post(URL)
            reset_at = lab.now
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(URL)
            await lab.world.start("server")
            async with session.post(URL) as response:
                return reset_at, await response.text()

    reset_at, text = lab.run(client())
    assert reset_at == pytest.approx(5 + lab.latency_s, abs=1e-12)
    assert text == "done"


def test_pause_time_outs_fire_and_queued_work_happens_after_resume(lab: Lab) -> None:
    handled: list[float] = []

    async def handler(request: Request) -> Response:
        handled.append(lab.now)
        return PlainTextResponse("ok")

    serve(lab, app_of(handler))

    async def client() -> float:
        timeout = aiohttp.ClientTimeout(total=1)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            lab.world.pause("server")
            with pytest.raises(TimeoutError):
                await session.get(URL)  # the kernel accepts, the process does not answer
            timed_out_at = lab.now
            waiting = asyncio.create_task(session.get(URL, timeout=aiohttp.ClientTimeout(total=60)))
            await asyncio.sleep(9)
            assert handled == []
            lab.world.resume("server")
            async with await waiting as response:
                assert response.status == 200
            return timed_out_at

    assert lab.run(client()) == 1.0
    assert handled == [10.0, 10.0]  # the first client is long gone: its request is served all the same


def test_partition_hits_idle_pooled_connections_and_heals(lab: Lab) -> None:
    serve(lab, app_of(hello))
    network = lab.world.network

    async def client() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            async with session.get(URL) as response:
                await response.read()
            for stream in ("upstream", "downstream"):
                network.add_toxic("client->server", black_hole(stream))
            await asyncio.sleep(1)
            for _ in range(2):  # on the idle connection, then on a new one
                started = lab.now
                with pytest.raises(TimeoutError):
                    await session.get(URL)
                assert lab.now - started == pytest.approx(2.0)
            for stream in ("upstream", "downstream"):
                network.remove_toxic("client->server", f"hole.{stream}")
            async with session.get(URL) as response:
                assert response.status == 200

    lab.run(client())
    assert network.link("client", "server").touched["hole.upstream"] > 0


def test_healing_ends_the_connections_that_lost_bytes(lab: Lab) -> None:
    serve(lab, app_of(hello))
    network = lab.world.network

    async def client() -> float:
        network.add_toxic("client->server", black_hole("upstream"))
        lab.world.loop.call_later(30, network.remove_toxic, "client->server", "hole.upstream")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientOSError, match="reset"):
                await session.post(URL)
        return lab.now

    assert lab.run(client()) == pytest.approx(30, abs=0.01)


def test_a_cut_link_stalls_and_goes_on_when_it_is_mended(lab: Lab) -> None:
    serve(lab, app_of(hello), keep_alive_s=120)
    network = lab.world.network

    async def client() -> list[float]:
        times = []
        async with aiohttp.ClientSession() as session:
            for _ in range(2):  # a new connection, then the same one
                network.cut("client->server")
                lab.world.loop.call_later(20, network.mend, "client->server")
                started = lab.now
                async with session.get(URL) as response:
                    await response.read()
                times.append(lab.now - started)
        return times

    new, kept = lab.run(client())
    assert new == pytest.approx(20 + 4 * lab.latency_s)
    assert kept == pytest.approx(20 + 2 * lab.latency_s)
    assert network.link("client", "server").opened == 1
    assert network.link("client", "server").touched["cut"] == 1  # the request; the connect was before the last cut


def test_stub_answers_in_the_servers_place(lab: Lab) -> None:
    serve(lab, app_of(hello))
    answered: list[float] = []

    async def client() -> list[int]:
        statuses = []
        async with aiohttp.ClientSession() as session:

            async def status() -> int:
                async with session.get(URL) as response:
                    await response.read()
                    return response.status

            statuses.append(await status())
            factory = http.stub(503, lambda: answered.append(lab.now))
            lab.world.network.set_answer("*->server", factory)
            await asyncio.sleep(1)
            statuses += [await status(), await status()]
            lab.world.network.set_answer("*->server", None)
            statuses.append(await status())
        return statuses

    assert lab.run(client()) == [200, 503, 503, 200]
    assert len(answered) == 2


def test_setting_an_answer_resets_requests_in_flight(lab: Lab) -> None:
    serve(lab, slow(60))

    async def client() -> None:
        factory = http.stub(500, lambda: None)
        lab.world.loop.call_later(1, lab.world.network.set_answer, "client->server", factory)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientOSError, match="reset"):
                await session.post(URL)

    lab.run(client())


def test_a_stub_answers_for_a_dead_server(lab: Lab) -> None:
    async def client() -> int:
        lab.world.kill("server")
        lab.world.network.set_answer("client->server", http.stub(502, lambda: None))
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            return response.status

    assert lab.run(client()) == 502


def test_large_bodies_flow_both_ways(lab: Lab) -> None:
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    serve(lab, app_of(echo))
    body = bytes(range(256)) * 8192  # 2 MiB: over every water mark

    async def client() -> bool:
        async with aiohttp.ClientSession() as session, session.post(URL, data=io.BytesIO(body)) as response:
            return await response.read() == body

    assert lab.run(client())


def test_a_client_that_does_not_read_holds_the_server_back(lab: Lab) -> None:
    produced = 0

    async def stream(request: Request) -> Response:
        async def chunks() -> Any:
            nonlocal produced
            for _ in range(500):
                produced += 10_000
                yield b"x" * 10_000

        return StreamingResponse(chunks())

    serve(lab, app_of(stream))

    async def client() -> tuple[int, int]:
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            await asyncio.sleep(60)
            before = produced
            return before, len(await response.read())

    before, total = lab.run(client())
    assert 100_000 < before < 1_000_000
    assert total == 5_000_000


def test_json_answers_survive_slicing_and_slow_links(lab: Lab) -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse({"rows": list(range(200))})

    serve(lab, app_of(answer))

    async def client() -> Any:
        for stream in ("upstream", "downstream"):
            for spec in (
                ToxicSpec(f"slice.{stream}", "slicer", stream, attributes={"average_size": 7, "size_variation": 5}),
                ToxicSpec(f"slow.{stream}", "latency", stream, attributes={"latency": 50, "jitter": 40}),
                ToxicSpec(f"thin.{stream}", "bandwidth", stream, attributes={"rate": 5}),
            ):
                lab.world.network.add_toxic("client->server", spec)
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            return await response.json()

    assert lab.run(client()) == {"rows": list(range(200))}
    assert lab.now > 0.2
