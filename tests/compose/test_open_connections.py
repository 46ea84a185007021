"""What the kernel says of open connections, and how much of it is evidence. Linux alone tells."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.targets.reference.compose.link_bytes import LinkBytes
from harness.targets.reference.compose.open_connections import SCRIPT, bytes_by_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs sock_diag(7)")

LINK = "users->serving"


class Pair:
    """A connection of this process to itself."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.client = socket.create_connection(("127.0.0.1", self.port))
        self.server, _ = self.listener.accept()

    def send(self, count: int, *, back: bool = False) -> None:
        """Some bytes from the client to the server, or back."""
        sender, receiver = (self.server, self.client) if back else (self.client, self.server)
        sender.sendall(b"x" * count)
        while count:
            count -= len(receiver.recv(count))

    def close(self) -> None:
        """Closes everything."""
        for end in (self.client, self.server, self.listener):
            end.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_both_directions_are_counted(pair: Pair) -> None:
    assert bytes_by_port({pair.port}) == {pair.port: (0, 0)}
    pair.send(100_000)
    pair.send(7, back=True)
    assert bytes_by_port({pair.port, 1}) == {pair.port: (100_000, 7)}
    assert bytes_by_port({1}) == {}


def test_one_that_the_other_side_has_closed_is_not_open(pair: Pair) -> None:
    pair.send(5)
    pair.server.close()
    assert pair.client.recv(1) == b""
    assert bytes_by_port({pair.port}) == {}


def test_many_connections_do_not_fit_into_one_answer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=600) as listener:
        port = listener.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(500)]
        try:
            for client in clients:
                client.sendall(b"abc")
            assert bytes_by_port({port}) == {port: (1500, 0)}
        finally:
            for client in clients:
                client.close()


def test_any_python_can_run_the_script(pair: Pair) -> None:
    pair.send(3)
    command = [sys.executable, "-IS", "-c", SCRIPT, str(pair.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout) == {str(pair.port): [3, 0]}


class FakeToxiproxy:
    """Tells of ``ended`` bytes, as Toxiproxy does when connections end."""

    def __init__(self) -> None:
        self.ended = 0

    async def text(self, method: str, path: str) -> str:
        labels = 'direction="upstream",listener="[::]:1",proxy="users->serving"'
        return f"toxiproxy_proxy_received_bytes_total{{{labels}}} {self.ended}\n"


def counting(pair: Pair, toxiproxy: FakeToxiproxy, *, closing: bool = False) -> LinkBytes:
    """The bytes from the users, who are this process."""
    stack: Any = SimpleNamespace(description=SimpleNamespace(urls={"serving": f"http://127.0.0.1:{pair.port}"}))
    caller: Any = toxiproxy
    return LinkBytes(stack, caller, [(LINK, "upstream")], closing=closing)


def test_only_what_passes_from_now_on_is_evidence(pair: Pair) -> None:
    toxiproxy = FakeToxiproxy()
    passing = counting(pair, toxiproxy)
    pair.send(1000)
    asyncio.run(passing.begin())
    assert asyncio.run(passing.passed()) == 0
    pair.send(10)
    assert asyncio.run(passing.passed()) == 0, "the client is not asked all the time"
    passing.ask_again()
    assert asyncio.run(passing.passed()) == 10
    pair.client.close()
    toxiproxy.ended = 1010
    assert asyncio.run(passing.passed()) == 10


def test_an_old_connection_that_ends_is_no_evidence(pair: Pair) -> None:
    toxiproxy = FakeToxiproxy()
    passing = counting(pair, toxiproxy)
    pair.send(1000)
    asyncio.run(passing.begin())
    pair.client.close()
    toxiproxy.ended = 1000
    assert asyncio.run(passing.passed()) == 0


def test_connections_that_are_closed_on_purpose_count_whole(pair: Pair) -> None:
    toxiproxy = FakeToxiproxy()
    passing = counting(pair, toxiproxy, closing=True)
    pair.send(1000)
    asyncio.run(passing.begin())
    pair.client.close()
    toxiproxy.ended = 1000
    assert asyncio.run(passing.passed()) == 1000
