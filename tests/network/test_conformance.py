"""One suite for the embedded proxy and a real Toxiproxy: the control API, and what toxics do to bytes.

What differs on purpose is in docs/proxy.md, and has its tests in test_proxy_server.py.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chaos.network.client import ProxyClient, ProxyError

from .servers import Serve, Upstream, connect, free_port, read_exactly, read_to_end

MakeUpstream = Callable[..., Upstream]


def error_of(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["error"]


def shown(proxy: dict[str, Any]) -> dict[str, Any]:
    """A proxy without what only one server shows."""
    return {key: proxy[key] for key in ("name", "listen", "upstream", "enabled", "toxics")}


# -- the control API


def test_version(raw: httpx.Client) -> None:
    answer = raw.get("/version")
    assert answer.status_code == 200
    assert isinstance(answer.json()["version"], str)
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/proxies/", 404),
        ("GET", "/proxies/a/toxics/b/c", 404),
        ("PUT", "/proxies", 405),
        ("PUT", "/proxies/a", 405),
        ("GET", "/reset", 405),
        ("GET", "/populate", 405),
        ("POST", "/version", 405),
        ("DELETE", "/proxies", 405),
        ("PUT", "/proxies/a/toxics/b", 405),
    ],
)
def test_unknown_routes_and_methods(raw: httpx.Client, method: str, path: str, status: int) -> None:
    assert raw.request(method, path).status_code == status


def test_browsers_are_refused(raw: httpx.Client) -> None:
    answer = raw.get("/version", headers={"User-Agent": "Mozilla/5.0 (X11)"})
    assert (answer.status_code, answer.text) == (403, "User agent not allowed\n")


def test_a_proxy_from_creation_to_deletion(raw: httpx.Client) -> None:
    assert raw.get("/proxies").json() == {}
    made = raw.post("/proxies", json={"name": "p", "listen": "localhost:0", "upstream": "localhost:1"})
    assert made.status_code == 201
    host, _, port = made.json()["listen"].rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert shown(made.json()) == {
        "name": "p",
        "listen": f"127.0.0.1:{port}",
        "upstream": "localhost:1",
        "enabled": True,
        "toxics": [],
    }
    assert raw.get("/proxies/p").json() == made.json()
    assert raw.get("/proxies").json() == {"p": made.json()}
    gone = raw.delete("/proxies/p")
    assert (gone.status_code, gone.content) == (204, b"")
    assert error_of(raw.get("/proxies/p")) == (404, "proxy not found")


def test_a_proxy_may_be_created_disabled_and_without_an_address(raw: httpx.Client) -> None:
    off = raw.post("/proxies", json={"name": "off", "listen": "127.0.0.1:0", "upstream": "h:1", "enabled": False})
    assert off.status_code == 201
    assert off.json()["enabled"] is False
    anywhere = raw.post("/proxies", json={"name": "any", "upstream": "h:1"}).json()
    assert int(anywhere["listen"].rpartition(":")[2]) > 0


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 400, "bad request body: EOF"),
        ("{", 400, "bad request body: "),
        ("[]", 400, "bad request body: "),
        ('{"name": 1, "upstream": "h:1"}', 400, "bad request body: "),
        ('{"name": "x", "upstream": "h:1", "enabled": "yes"}', 400, "bad request body: "),
        ("{}", 400, "missing required field: name"),
        ('{"name": "", "upstream": "h:1"}', 400, "missing required field: name"),
        ('{"name": "x"}', 400, "missing required field: upstream"),
        ('{"name": "taken", "upstream": "h:1"}', 409, "proxy already exists"),
        (
            '{"name": "x", "upstream": "h:1", "listen": "nope"}',
            500,
            "listen tcp: address nope: missing port in address",
        ),
        (
            '{"name": "x", "upstream": "h:1", "listen": "127.0.0.1:99999"}',
            500,
            "listen tcp: address 99999: invalid port",
        ),
        (
            '{"name": "x", "upstream": "h:1", "listen": "192.0.2.1:80"}',
            500,
            "listen tcp 192.0.2.1:80: bind: cannot assign requested address",
        ),
    ],
)
def test_creation_refused(raw: httpx.Client, client: ProxyClient, body: str, status: int, error: str) -> None:
    client.create("taken", "h:1")
    got = error_of(raw.post("/proxies", content=body))
    assert got[0] == status
    assert got[1].startswith(error)
    assert list(client.proxies()) == ["taken"]


def test_a_port_that_is_taken(raw: httpx.Client, client: ProxyClient) -> None:
    listen = client.create("p", "h:1")["listen"]
    answer = raw.post("/proxies", json={"name": "q", "upstream": "h:1", "listen": listen})
    assert error_of(answer) == (500, f"listen tcp {listen}: bind: address already in use")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_update_changes_what_is_given(raw: httpx.Client, client: ProxyClient, method: str) -> None:
    client.create("p", "h:1")
    client.add_toxic("p", {"type": "latency"})
    port = free_port()
    answer = raw.request(method, "/proxies/p", json={"name": "q", "upstream": "h:2", "listen": f"127.0.0.1:{port}"})
    assert answer.status_code == 200
    assert answer.json()["name"] == "p"
    assert answer.json()["upstream"] == "h:2"
    assert answer.json()["listen"] == f"127.0.0.1:{port}"
    assert answer.json()["enabled"] is True
    assert [toxic["name"] for toxic in answer.json()["toxics"]] == ["latency_downstream"]
    assert error_of(raw.request(method, "/proxies/none", json={})) == (404, "proxy not found")
    assert raw.request(method, "/proxies/p", json={"enabled": 1}).status_code == 400
    assert raw.request(method, "/proxies/p", json={"enabled": None}).json()["enabled"] is True


def test_disabled_keeps_its_port_and_its_toxics(client: ProxyClient) -> None:
    made = client.create("p", "h:1")
    client.add_toxic("p", {"type": "timeout", "stream": "upstream"})
    off = client.update("p", enabled=False)
    assert (off["enabled"], off["listen"]) == (False, made["listen"])
    on = client.update("p", enabled=True)
    assert (on["enabled"], on["listen"]) == (True, made["listen"])
    assert [toxic["name"] for toxic in on["toxics"]] == ["timeout_upstream"]


def test_toxics_have_defaults_and_an_order(client: ProxyClient, raw: httpx.Client) -> None:
    client.create("p", "h:1")
    answer = raw.post("/proxies/p/toxics", json={"type": "latency", "attributes": {"latency": 5}})
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
        "attributes": {"latency": 5, "jitter": 0},
    }
    client.add_toxic("p", {"type": "bandwidth", "name": "b", "attributes": {"rate": 9}})
    client.add_toxic("p", {"type": "slow_close", "name": "s", "stream": "upstream", "toxicity": 0.5})
    client.add_toxic("p", {"type": "timeout", "stream": "upstream"})
    names = ["s", "timeout_upstream", "latency_downstream", "b"]
    assert [toxic["name"] for toxic in client.toxics("p")] == names
    assert client.proxy("p")["toxics"] == client.toxics("p")
    assert raw.get("/proxies/p/toxics/s").json()["toxicity"] == 0.5
    gone = raw.delete("/proxies/p/toxics/s")
    assert (gone.status_code, gone.content) == (204, b"")
    assert [toxic["name"] for toxic in client.toxics("p")] == names[1:]


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("latency", {"latency": 0, "jitter": 0}),
        ("bandwidth", {"rate": 0}),
        ("slow_close", {"delay": 0}),
        ("timeout", {"timeout": 0}),
        ("reset_peer", {"timeout": 0}),
        ("limit_data", {"bytes": 0}),
    ],
)
def test_the_types_and_their_attributes(raw: httpx.Client, client: ProxyClient, kind: str, attributes: Any) -> None:
    client.create("p", "h:1")
    assert raw.post("/proxies/p/toxics", json={"type": kind}).json()["attributes"] == attributes


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 400, "bad request body: EOF"),
        ("nonsense", 400, "bad request body: "),
        ('{"type": "latency"}', 409, "toxic already exists"),
        ('{"type": "x"}', 400, "invalid toxic type"),
        ("{}", 400, "invalid toxic type"),
        ('{"stream": "x"}', 400, "stream was invalid, can be either upstream or downstream"),
        ('{"type": "slicer", "name": "latency_downstream", "stream": "upstream", "attributes": {"average_size": 1}}',
         409, "toxic already exists"),
        ('{"type": "bandwidth", "attributes": {"rate": "x"}}', 400, ""),
        ('{"type": "bandwidth", "attributes": []}', 400, "bad request body: "),
    ],
)  # fmt: skip
def test_toxics_refused(raw: httpx.Client, client: ProxyClient, body: str, status: int, error: str) -> None:
    client.create("p", "h:1")
    client.add_toxic("p", {"type": "latency"})
    got = error_of(raw.post("/proxies/p/toxics", content=body))
    assert got[0] == status
    assert got[1].startswith(error)
    assert [toxic["name"] for toxic in client.toxics("p")] == ["latency_downstream"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_toxic_s_attributes_and_toxicity_can_change(raw: httpx.Client, client: ProxyClient, method: str) -> None:
    client.create("p", "h:1")
    client.add_toxic("p", {"type": "latency", "attributes": {"latency": 5}})
    change = {"attributes": {"jitter": 2}, "toxicity": 0.25, "name": "q", "type": "timeout", "stream": "upstream"}
    answer = raw.request(method, "/proxies/p/toxics/latency_downstream", json=change)
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 0.25,
        "attributes": {"latency": 5, "jitter": 2},
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_toxics_that_are_not_there(raw: httpx.Client, client: ProxyClient, method: str) -> None:
    client.create("p", "h:1")
    assert error_of(raw.request(method, "/proxies/p/toxics/none")) == (404, "toxic not found")
    assert error_of(raw.request(method, "/proxies/none/toxics/none")) == (404, "proxy not found")


def test_reset_enables_and_clears(client: ProxyClient, raw: httpx.Client) -> None:
    for name in ("p", "q"):
        client.create(name, "h:1")
        client.add_toxic(name, {"type": "latency"})
        client.add_toxic(name, {"type": "timeout", "stream": "upstream"})
    client.update("q", enabled=False)
    answer = raw.post("/reset")
    assert (answer.status_code, answer.content) == (204, b"")
    assert {name: (p["enabled"], p["toxics"]) for name, p in client.proxies().items()} == {
        "p": (True, []),
        "q": (True, []),
    }


def test_populate_creates_replaces_and_leaves_alone(client: ProxyClient, raw: httpx.Client) -> None:
    ports = [free_port(), free_port()]
    wanted = [
        {"name": "p", "listen": f"127.0.0.1:{ports[0]}", "upstream": "h:1"},
        {"name": "q", "listen": f"127.0.0.1:{ports[1]}", "upstream": "h:1", "enabled": False},
    ]
    first = raw.post("/populate", json=wanted)
    assert first.status_code == 201
    assert [(p["name"], p["enabled"]) for p in first.json()["proxies"]] == [("p", True), ("q", False)]
    client.add_toxic("p", {"type": "latency"})
    assert [len(p["toxics"]) for p in client.populate(wanted)] == [1, 0], "left alone"
    replaced = client.populate([{**wanted[0], "upstream": "h:2"}])
    assert [(p["upstream"], p["toxics"]) for p in replaced] == [("h:2", [])]
    assert sorted(client.proxies()) == ["p", "q"]
    assert raw.post("/populate", json=[]).json() == {"proxies": None}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{}", "bad request body: "),
        ('[{"upstream": "h:1"}]', "missing required field: name at proxy 1"),
        ('[{"name": "p", "upstream": "h:1"}, {"name": "q"}]', "missing required field: upstream at proxy 2"),
    ],
)
def test_populate_refused(raw: httpx.Client, client: ProxyClient, body: str, error: str) -> None:
    answer = raw.post("/populate", content=body)
    assert error_of(answer)[0] == 400
    assert error_of(answer)[1].startswith(error)
    assert answer.json()["proxies"] is None
    assert client.proxies() == {}


def test_names_are_quoted_in_paths(client: ProxyClient) -> None:
    client.create("a proxy: 100%", "h:1")
    client.add_toxic("a proxy: 100%", {"type": "latency", "name": "très lent?"})
    client.update_toxic("a proxy: 100%", "très lent?", toxicity=0.5)
    client.remove_toxic("a proxy: 100%", "très lent?")
    assert client.toxics("a proxy: 100%") == []


def test_the_client_says_what_was_refused_and_forgives_what_is_gone(client: ProxyClient) -> None:
    client.create("p", "h:1")
    with pytest.raises(ProxyError, match=r"POST .*/proxies: proxy already exists") as caught:
        client.create("p", "h:1")
    assert caught.value.status == 409
    client.delete("p")
    client.delete("p")
    client.remove_toxic("p", "none")


# -- bytes


def test_bytes_pass_both_ways_and_the_end_too(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    with connect(listen) as sock:
        for message in (b"hello", b"x" * 100_000, b"bye"):
            sock.sendall(message)
            assert read_exactly(sock, len(message)) == message


def test_the_upstream_s_end_reaches_the_client(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream(lambda connection: connection.sendall(b"once")).address)["listen"]
    with connect(listen) as sock:
        assert read_to_end(sock) == b"once"


def test_an_upstream_that_is_down_ends_the_connection(client: ProxyClient) -> None:
    listen = client.create("p", f"127.0.0.1:{free_port()}")["listen"]
    with connect(listen) as sock:
        assert sock.recv(1) == b""


def test_disabling_refuses_and_closes(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    with connect(listen) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        client.update("p", enabled=False)
        assert sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(listen)
    client.update("p", enabled=True)
    assert ping(listen) < 1


def test_an_update_that_changes_nothing_keeps_connections(client: ProxyClient, upstream: MakeUpstream) -> None:
    made = client.create("p", upstream().address)
    with connect(made["listen"]) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        client.update("p", listen=made["listen"], upstream=made["upstream"], enabled=True)
        sock.sendall(b"y")
        assert sock.recv(1) == b"y"


def ping(listen: str, message: bytes = b"ping") -> float:
    """Seconds of a round trip on a new connection, once it is set up."""
    with connect(listen) as sock:
        return trip(sock, message)


def trip(sock: Any, message: bytes = b"ping") -> float:
    start = time.monotonic()
    sock.sendall(message)
    assert read_exactly(sock, len(message)) == message
    return time.monotonic() - start


def test_latency_delays_one_direction_and_adds_up(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "latency", "attributes": {"latency": 100}})
    assert 0.1 <= ping(listen) < 0.35
    client.add_toxic("p", {"type": "latency", "stream": "upstream", "attributes": {"latency": 100}})
    client.add_toxic("p", {"type": "latency", "name": "more", "attributes": {"latency": 50, "jitter": 10}})
    assert 0.24 <= ping(listen) < 0.6


def test_a_toxic_acts_on_open_connections_and_can_be_changed_and_removed(
    client: ProxyClient, upstream: MakeUpstream
) -> None:
    listen = client.create("p", upstream().address)["listen"]
    with connect(listen) as sock:
        assert trip(sock) < 0.1
        client.add_toxic("p", {"type": "latency", "attributes": {"latency": 200}})
        assert 0.2 <= trip(sock) < 0.5
        client.update_toxic("p", "latency_downstream", attributes={"latency": 100})
        assert 0.1 <= trip(sock) < 0.19
        client.remove_toxic("p", "latency_downstream")
        assert trip(sock) < 0.1


def test_bandwidth_limits_the_rate(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "bandwidth", "attributes": {"rate": 200}})
    assert 0.35 <= ping(listen, b"x" * 80_000) < 0.8


def test_slicer_keeps_the_bytes(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    attributes = {"average_size": 64, "size_variation": 32, "delay": 10}
    client.add_toxic("p", {"type": "slicer", "attributes": attributes})
    message = bytes(range(256)) * 40
    with connect(listen) as sock:
        sock.sendall(message)
        assert read_exactly(sock, len(message)) == message


def test_limit_data_ends_after_exactly_its_bytes(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "limit_data", "attributes": {"bytes": 100}})
    with connect(listen) as sock:
        sock.sendall(b"a" * 60)
        assert read_exactly(sock, 60) == b"a" * 60
        sock.sendall(b"b" * 60)
        assert read_to_end(sock) == b"b" * 40


def test_timeout_swallows_and_closes(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "timeout", "attributes": {"timeout": 200}})
    with connect(listen) as sock:
        start = time.monotonic()
        sock.sendall(b"x")
        assert sock.recv(1) == b""
        assert 0.15 <= time.monotonic() - start < 0.6


def test_timeout_zero_is_a_black_hole_until_it_is_removed(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "timeout", "attributes": {"timeout": 0}})
    with connect(listen, 0.3) as sock:
        sock.sendall(b"x")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        client.remove_toxic("p", "timeout_downstream")
        sock.settimeout(5)
        with contextlib.suppress(ConnectionResetError):  # theirs ends well, although the stream has a hole
            assert sock.recv(1) == b""
    assert ping(listen) < 0.2


def test_reset_peer_resets(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "reset_peer", "attributes": {"timeout": 50}})
    with connect(listen) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            read_to_end(sock)


def test_slow_close_delays_the_end_alone(client: ProxyClient, upstream: MakeUpstream) -> None:
    def once(connection: Any) -> None:
        connection.recv(1)
        connection.sendall(b"answer")

    listen = client.create("p", upstream(once).address)["listen"]
    client.add_toxic("p", {"type": "slow_close", "attributes": {"delay": 250}})
    with connect(listen) as sock:
        start = time.monotonic()
        sock.sendall(b"x")
        assert read_exactly(sock, 6) == b"answer"
        assert time.monotonic() - start < 0.15
        assert sock.recv(1) == b""
        assert 0.24 <= time.monotonic() - start < 0.7


def test_toxicity_zero_touches_nobody_and_one_everybody(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "latency", "toxicity": 0, "attributes": {"latency": 500}})
    assert ping(listen) < 0.3


def test_toxicity_is_the_share_of_connections_that_are_hit(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream(lambda connection: connection.sendall(b"x")).address)["listen"]
    client.add_toxic("p", {"type": "limit_data", "toxicity": 0.5, "attributes": {"bytes": 0}})
    spared = 0
    for _ in range(60):
        with connect(listen) as sock:
            spared += read_to_end(sock) == b"x"
    assert 12 <= spared <= 48  # beyond that by chance: less than once in a million runs


def test_jitter_spreads_the_delay(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "latency", "attributes": {"latency": 60, "jitter": 50}})
    with connect(listen) as sock:
        trips = [trip(sock) for _ in range(20)]
    assert min(trips) >= 0.009
    assert max(trips) - min(trips) > 0.02


def test_toxics_act_in_the_order_of_their_creation(client: ProxyClient, upstream: MakeUpstream) -> None:
    """The first byte ends the connection at a limit of none: at once, or when a latency before the limit lets it by."""
    listen = client.create("p", upstream().address)["listen"]
    limit = {"type": "limit_data", "attributes": {"bytes": 0}}
    latency = {"type": "latency", "attributes": {"latency": 300}}
    for order, at_once in [((limit, latency), True), ((latency, limit), False)]:
        for toxic in order:
            client.add_toxic("p", toxic)
        with connect(listen) as sock:
            start = time.monotonic()
            sock.sendall(b"x")
            assert sock.recv(1) == b""
            assert (time.monotonic() - start < 0.25) == at_once
        client.reset()


def test_bandwidth_zero_stalls_until_it_is_removed(client: ProxyClient, upstream: MakeUpstream) -> None:
    listen = client.create("p", upstream().address)["listen"]
    client.add_toxic("p", {"type": "bandwidth", "attributes": {"rate": 0}})
    with connect(listen, 0.3) as sock:
        sock.sendall(b"stalled")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        client.reset()
        sock.settimeout(5)
        assert read_exactly(sock, 7) == b"stalled"


def test_deletion_closes_connections_and_frees_the_port(client: ProxyClient, upstream: MakeUpstream) -> None:
    address = upstream().address
    listen = client.create("p", address)["listen"]
    with connect(listen) as sock:
        assert trip(sock) < 1
        client.delete("p")
        assert sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(listen)
    assert client.create("q", address, listen=listen)["listen"] == listen
    assert ping(listen) < 1


def test_a_change_keeps_every_byte_in_order(client: ProxyClient, upstream: MakeUpstream) -> None:
    received = bytearray()

    def sink(connection: Any) -> None:
        while data := connection.recv(65536):
            received.extend(data)

    listen = client.create("p", upstream(sink).address)["listen"]
    message = b"".join(number.to_bytes(4, "big") for number in range(20_000))
    with connect(listen) as sock:
        for number in range(0, len(message), 8000):
            sock.sendall(message[number : number + 8000])
            if number == 16_000:
                client.add_toxic("p", {"type": "latency", "stream": "upstream", "attributes": {"latency": 60}})
            if number == 48_000:
                client.add_toxic("p", {"type": "slicer", "stream": "upstream", "attributes": {"average_size": 500}})
            if number == 64_000:
                client.remove_toxic("p", "latency_upstream")
        deadline = time.monotonic() + 5
        while len(received) < len(message) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert bytes(received) == message


def test_serve_is_a_function_of_a_socket(upstream: Callable[[Serve], Upstream]) -> None:
    """The upstreams of these tests are reachable without any proxy: a failure above is the proxy's."""
    made = upstream(lambda connection: connection.sendall(b"here"))
    with connect(made.address) as sock:
        assert read_to_end(sock) == b"here"
