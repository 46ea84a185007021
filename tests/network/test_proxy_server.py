"""What the embedded proxy does that Toxiproxy does not: see docs/proxy.md."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from chaos.network.client import ProxyClient, ProxyError

from .servers import Upstream, connect, embedded, free_port, read_exactly, read_to_end

MakeUpstream = Callable[..., Upstream]
RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def proxy(embedded_api: str) -> Iterator[ProxyClient]:
    with ProxyClient(embedded_api) as made:
        yield made
        for name in made.proxies():
            made.delete(name)


@pytest.fixture
def plain(embedded_api: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=embedded_api, trust_env=False, timeout=5) as made:
        yield made


def eventually(check: Callable[[], Any], within_s: float = 3.0) -> Any:
    """What ``check`` gives as soon as it is true."""
    deadline = time.monotonic() + within_s
    while not (found := check()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return found


def answer_at_the_end(connection: socket.socket) -> None:
    """Reads until the client is done, then says how much that was."""
    size = 0
    while data := connection.recv(65536):
        size += len(data)
    connection.sendall(str(size).encode())


# -- the ends of a connection


@pytest.mark.parametrize("toxic", [None, "latency", "slicer"])
def test_a_client_that_shuts_its_side_gets_its_answer(
    proxy: ProxyClient, upstream: MakeUpstream, toxic: str | None
) -> None:
    listen = proxy.create("p", upstream(answer_at_the_end).address)["listen"]
    if toxic is not None:
        attributes = {"latency": 20} if toxic == "latency" else {"average_size": 10_000, "delay": 10}
        for stream in ("upstream", "downstream"):
            proxy.add_toxic("p", {"type": toxic, "stream": stream, "attributes": attributes})
    with connect(listen) as sock:
        sock.sendall(b"x" * 200_000)
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b"200000"
    eventually(lambda: proxy.evidence("p")["connections"]["open"] == 0)


@pytest.mark.parametrize("latency", [0, 80])
def test_a_reset_is_carried_to_the_other_side(proxy: ProxyClient, upstream: MakeUpstream, latency: int) -> None:
    seen: list[str] = []

    def serve(connection: socket.socket) -> None:
        try:
            while connection.recv(100):
                pass
            seen.append("end")
        except ConnectionResetError:
            seen.append("reset")

    listen = proxy.create("p", upstream(serve).address)["listen"]
    if latency:
        proxy.add_toxic("p", {"type": "latency", "stream": "upstream", "attributes": {"latency": latency}})
    with connect(listen) as sock:
        sock.sendall(b"x")
        time.sleep(0.05)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    assert eventually(lambda: seen) == ["reset"]
    eventually(lambda: proxy.evidence("p")["connections"]["open"] == 0)


def test_an_upstream_s_reset_is_carried_to_the_client(proxy: ProxyClient, upstream: MakeUpstream) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    listen = proxy.create("p", upstream(serve).address)["listen"]
    with connect(listen) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            read_to_end(sock)


def test_reset_peer_resets_open_connections_and_both_sides(proxy: ProxyClient, upstream: MakeUpstream) -> None:
    seen: list[str] = []

    def serve(connection: socket.socket) -> None:
        try:
            while connection.recv(100):
                pass
        except ConnectionResetError:
            seen.append("reset")

    listen = proxy.create("p", upstream(serve).address)["listen"]
    with connect(listen) as sock:
        sock.sendall(b"x")
        time.sleep(0.05)
        proxy.add_toxic("p", {"type": "reset_peer", "attributes": {"timeout": 20}})
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert eventually(lambda: seen) == ["reset"]


def test_back_pressure_reaches_the_sender(proxy: ProxyClient, upstream: MakeUpstream) -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(bytes(65536))

    listen = proxy.create("p", upstream(flood).address)["listen"]
    with connect(listen) as sock:
        sock.recv(1)

        def received() -> int:
            return int(proxy.evidence("p")["bytes"]["downstream"]["received"])  # type: ignore[index]

        before = -1
        while before != (before := received()):
            time.sleep(0.2)
        assert before < 64 * 1024 * 1024, "kernel buffers, but no more"
        assert read_exactly(sock, 5_000_000) == bytes(5_000_000)


# -- all or nothing


@pytest.mark.parametrize(
    "change",
    [
        {"upstream": "h:2", "listen": "nope"},
        {"upstream": "h:2", "enabled": "yes"},
        {"upstream": "nope", "enabled": False},
        {"upstream": "h:2", "listen": "TAKEN"},
        {"enabled": False, "lease": "never taken"},
    ],
)
def test_a_refused_change_changes_nothing(proxy: ProxyClient, plain: httpx.Client, change: dict[str, Any]) -> None:
    before = proxy.create("p", "h:1")
    taken = proxy.create("q", "h:1")["listen"]
    body = {key: taken if value == "TAKEN" else value for key, value in change.items()}
    assert plain.patch("/proxies/p", json=body).status_code >= 400
    assert proxy.proxy("p") == before
    connect(before["listen"]).close()


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": {"latency": 9, "jitter": -1}},
        {"attributes": {"latency": 9}, "toxicity": 1.5},
        {"attributes": {"latency": 9, "nope": 1}},
        {"attributes": []},
    ],
)
def test_a_refused_change_of_a_toxic_changes_nothing(proxy: ProxyClient, plain: httpx.Client, change: Any) -> None:
    proxy.create("p", "h:1")
    before = proxy.add_toxic("p", {"type": "latency", "attributes": {"latency": 5}})
    assert plain.patch("/proxies/p/toxics/latency_downstream", json=change).status_code == 400
    assert proxy.toxics("p") == [before]


def test_populate_is_all_or_nothing_and_a_replaced_proxy_hands_its_port_over(
    proxy: ProxyClient, upstream: MakeUpstream
) -> None:
    address = upstream().address
    before = proxy.create("p", address)
    with connect(before["listen"]) as sock:
        with pytest.raises(ProxyError, match="address already in use") as caught:
            proxy.populate(
                [
                    {"name": "new", "upstream": address},
                    {"name": "p", "listen": before["listen"], "upstream": "127.0.0.1:1"},
                    {"name": "clash", "listen": proxy.url.partition("//")[2], "upstream": address},
                ]
            )
        assert caught.value.status == 500
        assert proxy.proxies() == {"p": before}
        sock.sendall(b"x")
        assert sock.recv(1) == b"x", "its connections live on"
    other = upstream(lambda connection: connection.sendall(b"other"))
    proxy.populate([{"name": "p", "listen": before["listen"], "upstream": other.address}])
    with connect(before["listen"]) as sock:
        assert read_to_end(sock) == b"other"


def test_populate_takes_toxics_and_refuses_two_of_a_name(proxy: ProxyClient) -> None:
    toxics = [{"type": "latency", "attributes": {"latency": 5}}, {"type": "timeout", "stream": "upstream"}]
    (made,) = proxy.populate([{"name": "p", "upstream": "h:1", "toxics": toxics}])
    assert [toxic["name"] for toxic in made["toxics"]] == ["timeout_upstream", "latency_downstream"]
    with pytest.raises(ProxyError, match="'q' is there more than once"):
        proxy.populate([{"name": "q", "upstream": "h:1"}, {"name": "q", "upstream": "h:2"}])
    with pytest.raises(ProxyError, match="invalid toxic type 'latencie'"):
        proxy.populate([{"name": "q", "upstream": "h:1", "toxics": [{"type": "latencie"}]}])
    assert sorted(proxy.proxies()) == ["p"]


@pytest.mark.parametrize(
    ("toxic", "reason"),
    [
        ({"type": "slicer"}, "'average_size' of a slicer must be at least 1"),
        ({"type": "slicer", "attributes": {"average_size": 1, "size_variation": 2}}, "must be below"),
        ({"type": "bandwidth", "attributes": {"rate": -1}}, "at least 0"),
        ({"type": "latency", "attributes": {"jitter": 10**400}}, "at least 0"),
        ({"type": "latency", "attributes": {"latencie": 1}}, "unknown attribute 'latencie'"),
        ({"type": "latency", "name": "a\nb"}, "printable"),
    ],
)
def test_what_brings_toxiproxy_down_is_refused(
    plain: httpx.Client, proxy: ProxyClient, toxic: Any, reason: str
) -> None:
    proxy.create("p", "h:1")
    answer = plain.post("/proxies/p/toxics", json=toxic)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


# -- who may ask


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8474"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:8474"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:8474"}, 403),
        ({"Host": "localhost:8474@evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://192.0.2.7"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_hosts_and_origins(plain: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert plain.get("/version", headers=headers).status_code == status


@pytest.mark.parametrize("listen", [":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80"])
def test_proxies_listen_on_loopback_alone_unless_told(proxy: ProxyClient, listen: str) -> None:
    with pytest.raises(ProxyError, match=r"proxies here may listen on loopback alone .*; --allow-remote") as caught:
        proxy.create("p", "h:1", listen=listen)
    assert caught.value.status == 403
    made = proxy.create("p", "h:1", listen="[::1]:0")
    with pytest.raises(ProxyError, match="loopback alone"):
        proxy.update("p", listen=listen)
    with pytest.raises(ProxyError, match="loopback alone"):
        proxy.populate([{"name": "q", "upstream": "h:1", "listen": listen}])
    assert proxy.proxies() == {"p": made}


# -- seeds, evidence, leases


def hits(seed: int) -> list[bool]:
    """Which of 24 connections are hit by a toxic of toxicity 0.5."""
    server = Upstream(lambda connection: connection.sendall(b"x"))
    try:
        with embedded(seed) as api, ProxyClient(api) as client:
            listen = client.create("p", server.address)["listen"]
            client.add_toxic("p", {"type": "limit_data", "toxicity": 0.5, "attributes": {"bytes": 0}})
            found = []
            for _ in range(24):
                with connect(listen) as sock:
                    found.append(read_to_end(sock) == b"")
            return found
    finally:
        server.close()


def test_a_seed_says_which_connections_are_hit() -> None:
    first = hits(1)
    assert hits(1) == first
    assert hits(2) != first
    assert 4 <= sum(first) <= 20


def test_evidence_counts_what_was_touched_and_outlives_the_toxic(proxy: ProxyClient, upstream: MakeUpstream) -> None:
    listen = proxy.create("p", upstream().address)["listen"]
    proxy.add_toxic("p", {"type": "latency", "name": "slow", "attributes": {"latency": 1}})
    proxy.add_toxic("p", {"type": "slow_close", "name": "idle", "toxicity": 0})
    for _ in range(3):
        with connect(listen) as sock:
            sock.sendall(b"12345")
            assert read_exactly(sock, 5) == b"12345"
    proxy.remove_toxic("p", "slow")
    evidence = proxy.evidence("p")
    assert evidence is not None
    assert evidence["toxics"]["slow"] == {"connections": 3, "actions": 3, "bytes": 15}
    assert evidence["toxics"]["idle"] == {"connections": 0, "actions": 0, "bytes": 0}
    assert evidence["connections"]["accepted"] == 3
    assert evidence["bytes"]["upstream"] == {"received": 15, "sent": 15}


def test_evidence_tells_why_an_upstream_was_not_reached(proxy: ProxyClient) -> None:
    listen = proxy.create("p", f"127.0.0.1:{free_port()}")["listen"]
    with connect(listen) as sock:
        assert sock.recv(1) == b""
    evidence = proxy.evidence("p")
    assert evidence is not None
    assert evidence["connections"] == {"accepted": 1, "open": 0, "unreachable": 1, "last_error": "ECONNREFUSED"}


def test_a_lapsed_lease_takes_its_toxics_and_enables_what_it_disabled(
    proxy: ProxyClient, upstream: MakeUpstream
) -> None:
    listen = proxy.create("p", upstream().address)["listen"]
    off = proxy.create("off", upstream().address)["listen"]
    with pytest.raises(ProxyError, match="has lapsed or never was"):
        proxy.add_toxic("p", {"type": "latency"}, lease="run")
    assert proxy.renew_lease("run", 0.3)
    with connect(listen, 2) as sock:
        proxy.add_toxic("p", {"type": "bandwidth", "attributes": {"rate": 0}}, lease="run")
        proxy.add_toxic("p", {"type": "latency", "name": "stays", "attributes": {"latency": 1}})
        proxy.update("off", enabled=False, lease="run")
        sock.sendall(b"x")
        assert sock.recv(1) == b"x", "the stall ends with the lease"
    assert [toxic["name"] for toxic in proxy.toxics("p")] == ["stays"]
    assert proxy.proxy("off")["enabled"] is True
    connect(off).close()


def test_a_renewed_lease_holds_and_a_given_up_one_does_not(proxy: ProxyClient, plain: httpx.Client) -> None:
    proxy.create("p", "h:1")
    proxy.renew_lease("run", 0.2)
    proxy.add_toxic("p", {"type": "latency"}, lease="run")
    for _ in range(4):
        time.sleep(0.1)
        proxy.renew_lease("run", 0.2)
    assert len(proxy.toxics("p")) == 1
    assert [lease["lease_id"] for lease in plain.get("/lease").json()] == ["run"]
    proxy.end_lease("run")
    assert proxy.toxics("p") == []
    assert plain.put("/lease", json={"lease_id": "run", "ttl_s": 0}).status_code == 400


def test_metrics_count_bytes(proxy: ProxyClient, plain: httpx.Client, upstream: MakeUpstream) -> None:
    made = proxy.create("p", upstream().address)
    with connect(made["listen"]) as sock:
        sock.sendall(b"123")
        read_exactly(sock, 3)
    labels = f'direction="upstream",listener="{made["listen"]}",proxy="p",upstream="{made["upstream"]}"'
    assert f"toxiproxy_proxy_received_bytes_total{{{labels}}} 3" in plain.get("/metrics").text.splitlines()


# -- the client alone


def test_the_client_says_when_nobody_answers() -> None:
    with ProxyClient(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(ProxyError, match="Is it running"):
        client.version()
