"""Whatever clients and upstreams do, the control API answers, and memory stays bounded."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.network.client import ProxyClient

from .servers import ROOT, Upstream, connect, embedded, free_port

MakeUpstream = Callable[..., Upstream]

#: The promise. Machines that run tests are busy with other things: one answer in fifty may take longer, and all may
#: take as many times longer as there are processes for each processor.
PROMISED_S = 0.1
PATIENCE_S = 1.0


@pytest.fixture
def api() -> Iterator[str]:
    with embedded() as address:
        yield address


@pytest.fixture
def client(api: str) -> Iterator[ProxyClient]:
    with ProxyClient(api) as made:
        yield made


def check_answers(client: ProxyClient, seconds: float = 0.6) -> None:
    """The API adds a toxic, lists and removes it, for some time, and keeps its promise."""
    times, until = [], time.monotonic() + seconds
    while len(times) < 60 or time.monotonic() < until:
        for ask in (
            lambda: client.add_toxic("p", {"type": "latency", "attributes": {"latency": 1}}),
            client.proxies,
            lambda: client.remove_toxic("p", "latency_downstream"),
        ):
            start = time.monotonic()
            ask()
            times.append(time.monotonic() - start)
    times.sort()
    assert times[len(times) * 98 // 100] < PROMISED_S * crowding()
    assert times[-1] < PATIENCE_S * crowding()


def crowding() -> float:
    """How many processes want each processor, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


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
        check_answers(client)
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
        check_answers(client, 1.5)
        client.add_toxic("p", {"type": "latency", "name": "long", "attributes": {"latency": 60_000}})
        client.add_toxic("p", {"type": "slicer", "name": "fine", "attributes": {"average_size": 1, "delay": 1000}})
        check_answers(client, 1.0)
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
        check_answers(client)
        for sock in socks:
            sock.sendall(b"x")
        check_answers(client)
        for sock in socks:
            assert sock.recv(1) == b"x"
        start = time.monotonic()
        client.update("p", enabled=False)
        assert time.monotonic() - start < PATIENCE_S * crowding()
        assert all(sock.recv(1) == b"" for sock in socks)


@pytest.mark.slow
def test_ten_thousand_connections(client: ProxyClient) -> None:
    """The proxy needs two descriptors for each: those that it has none for wait in line, and are served in the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 500)), hard))
    command = [sys.executable, str(ROOT / "benchmarks" / "proxy_peer.py")]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as peer,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(peer.kill)
        assert peer.stdout is not None
        listen = client.create("p", f"127.0.0.1:{peer.stdout.readline().split()[0]}")["listen"]
        socks = [stack.enter_context(connect(listen, 20)) for _ in range(count)]
        check_answers(client, 2.0)
        assert memory_mb(client) < 300
        for sock in socks:
            sock.sendall(b"x")
        check_answers(client, 2.0)
        for sock in socks:  # each leaves when it is done, and makes room for one in line
            assert sock.recv(1) == b"x"
            sock.close()
        check_answers(client)
        evidence = client.evidence("p")
        assert evidence is not None
        assert (evidence.connections, evidence.unreachable) == (count, 0)
        assert evidence.upstream.sent == count
