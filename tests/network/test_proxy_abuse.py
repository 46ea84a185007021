"""Whatever clients and upstreams do, the control API answers, and memory stays bounded."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.network.client import ProxyClient

from .servers import Upstream, connect, embedded, free_port

MakeUpstream = Callable[..., Upstream]

#: The promise is 100 ms; machines that run tests are busy with other things.
PATIENCE_S = 1.0


@pytest.fixture
def api() -> Iterator[str]:
    with embedded() as address:
        yield address


@pytest.fixture
def client(api: str) -> Iterator[ProxyClient]:
    with ProxyClient(api) as made:
        yield made


def slowest_answer_s(client: ProxyClient, seconds: float = 0.6) -> float:
    """The longest that the API took to add a toxic, list and remove it, for some time."""
    slowest, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        for ask in (
            lambda: client.add_toxic("p", {"type": "latency", "attributes": {"latency": 1}}),
            client.proxies,
            lambda: client.remove_toxic("p", "latency_downstream"),
        ):
            start = time.monotonic()
            ask()
            slowest = max(slowest, time.monotonic() - start)
    return slowest


def address_of(client: ProxyClient) -> tuple[str, int]:
    host, _, port = client.url.partition("//")[2].rpartition(":")
    return host, int(port)


def memory_mb(client: ProxyClient) -> float:
    """Resident memory of the process that listens on the API's port, from /proc."""
    _, port = address_of(client)
    inode = next(
        fields[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[1].endswith(f":{port:04X}") and fields[3] == "0A"
    )
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(fd.readlink()) == f"socket:[{inode}]" for fd in (process / "fd").iterdir()):
                return int((process / "statm").read_text().split()[1]) * 4096 / 1e6
    raise AssertionError("nobody listens there")


RUBBISH = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10,
    "bad version": b"GET / HTTP/9.9\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a bad header": b"GET /version HTTP/1.1\r\nHost localhost\r\n\r\n",
    "two lengths": b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "a length that is none": b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{}",
    "endless headers": b"GET /version HTTP/1.1\r\nHost: localhost\r\n" + b"X-Header: y\r\n" * 10_000,
    "a huge announced body": b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    "a bad chunk": b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=list(RUBBISH))
def test_rubbish_is_answered_and_costs_only_its_connection(embedded_api: str, data: bytes) -> None:
    with ProxyClient(embedded_api) as client:
        with socket.create_connection(address_of(client), 5) as sock:
            sock.sendall(data)
            answer = sock.recv(4096)
            assert answer.split(b" ")[1] in (b"400", b"413", b"431"), answer
            assert b"Connection: close" in answer
        assert client.version() == "2.12.0"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * (4 * 1024 * 1024), 413),
        (b"[" * 200_000, 400),
        (b'{"name": "\xff"}', 400),
        (b'{"name": "\\ud800", "upstream": "h:1"}', 400),
        (b'{"name": "p", "upstream": "h:1", "listen": "' + b"9" * 5000 + b':1"}', 500),
        (b'{"name": "' + b"n" * 5000 + b'", "upstream": "h:1"}', 400),
        (b'{"name": "p", "upstream": "h:1", "enabled": ' + b"1" * 5000 + b"}", 400),
    ],
)
def test_bodies_nobody_should_send(embedded_api: str, body: bytes, status: int) -> None:
    with httpx.Client(base_url=embedded_api, trust_env=False, timeout=5) as plain:
        assert plain.post("/proxies", content=body).status_code == status
        assert plain.get("/proxies").json() == {}


def test_clients_of_the_api_that_stay_or_do_not_read_cost_nobody_else(client: ProxyClient) -> None:
    client.create("p", "h:1")
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            idle = stack.enter_context(socket.create_connection(address_of(client), 5))
            idle.sendall(b"GET /version HTTP/1.1\r\nHos")
        deaf = stack.enter_context(socket.create_connection(address_of(client), 5))
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(2000):
                deaf.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        assert slowest_answer_s(client) < PATIENCE_S
        assert memory_mb(client) < 150


def test_pipelined_requests_are_answered_in_order(embedded_api: str) -> None:
    with ProxyClient(embedded_api) as client, socket.create_connection(address_of(client), 5) as sock:
        paths = [b"/version", b"/nope", b"/proxies", b"/proxies/none"]
        sock.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in paths))
        sock.shutdown(socket.SHUT_WR)
        answers = b""
        while data := sock.recv(65536):
            answers += data
        statuses = [part.split(b" ")[0] for part in answers.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"404", b"200", b"404"]


def test_floods_and_clients_that_do_not_read(client: ProxyClient, upstream: MakeUpstream) -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(bytes(256 * 1024))

    listen = client.create("p", upstream(flood).address)["listen"]
    with contextlib.ExitStack() as stack:
        for number in range(20):
            sock = stack.enter_context(connect(listen))
            if number < 17:
                sock.recv(1)
            else:
                stack.enter_context(reading(sock))
        assert slowest_answer_s(client, 1.5) < PATIENCE_S
        client.add_toxic("p", {"type": "latency", "name": "long", "attributes": {"latency": 60_000}})
        client.add_toxic("p", {"type": "slicer", "name": "fine", "attributes": {"average_size": 1, "delay": 1000}})
        assert slowest_answer_s(client, 1.0) < PATIENCE_S
        assert memory_mb(client) < 400


@contextlib.contextmanager
def reading(sock: socket.socket) -> Iterator[None]:
    """Somebody reads as fast as they can meanwhile."""
    import threading

    def read() -> None:
        with contextlib.suppress(OSError):
            while sock.recv(1024 * 1024):
                pass

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_many_connections_at_once_some_to_a_dead_upstream(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    dead = client.create("dead", f"127.0.0.1:{free_port()}")["listen"]
    # An address that drops what is sent to it: connections there stay half-way.
    silent = client.create("silent", "192.0.2.1:9")["listen"]
    with contextlib.ExitStack() as stack:
        socks: list[Any] = []
        for number in range(500):
            socks.append(stack.enter_context(connect(listen)))
            if number % 5 == 0:
                stack.enter_context(connect(dead))
                stack.enter_context(connect(silent))
        assert slowest_answer_s(client) < PATIENCE_S
        for sock in socks:
            sock.sendall(b"x")
        assert slowest_answer_s(client) < PATIENCE_S
        for sock in socks:
            assert sock.recv(1) == b"x"
        start = time.monotonic()
        client.update("p", enabled=False)
        assert time.monotonic() - start < PATIENCE_S
        assert all(sock.recv(1) == b"" for sock in socks)


@pytest.mark.slow
def test_two_thousand_connections(client: ProxyClient) -> None:
    """The client's connections end in the proxy: a black hole keeps them all."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listen = client.create("p", f"127.0.0.1:{listener.getsockname()[1]}")["listen"]
    with listener, contextlib.ExitStack() as stack:
        for _ in range(2000):
            stack.enter_context(connect(listen))
        assert slowest_answer_s(client) < PATIENCE_S
        assert memory_mb(client) < 200
