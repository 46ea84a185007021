"""The client of the control API, against both servers, and against what is none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from chaos.network.client import ProxyClient, ProxyError
from chaos.network.evidence import Touched
from chaos.network.proof import ProxyEvidence, StreamBytes

from .conftest import NO_TOXIPROXY
from .servers import Serve, Upstream, connect, embedded, free_port, read_exactly, toxiproxy, toxiproxy_binary

MakeUpstream = Callable[..., Upstream]
LATENCY = {"type": "latency", "name": "slow", "attributes": {"latency": 1}}


# -- both servers


def test_populate_gives_proxies_their_toxics(client: ProxyClient) -> None:
    listen = f"127.0.0.1:{free_port()}"
    wanted = {"name": "p", "listen": listen, "upstream": "h:1"}
    (made,) = client.populate([{**wanted, "toxics": [LATENCY, {"type": "timeout", "stream": "upstream"}]}])
    assert [toxic["name"] for toxic in made["toxics"]] == ["timeout_upstream", "slow"]
    (made,) = client.populate([wanted])
    assert len(made["toxics"]) == 2, "left alone"
    (made,) = client.populate([{**wanted, "toxics": [{"type": "bandwidth"}]}])
    assert [toxic["name"] for toxic in made["toxics"]] == ["bandwidth_downstream"]
    assert client.proxies() == {"p": client.proxy("p")}


def test_leases_where_there_are_any(api: str, client: ProxyClient) -> None:
    own = client.version() == "2.12.0" and client.has_leases
    assert client.has_leases is own
    assert client.renew_lease("run", 5) is own
    assert [lease["lease_id"] for lease in client.leases()] == ["run"] * own
    client.create("p", "h:1")
    client.add_toxic("p", LATENCY, lease="run")
    client.end_lease("run")
    assert len(client.toxics("p")) == (0 if own else 1)
    assert client.leases() == []


def test_what_is_gone_can_be_removed_again(client: ProxyClient) -> None:
    client.create("p", "h:1")
    client.remove_toxic("p", "none")
    client.delete("p")
    client.delete("p")
    client.remove_toxic("p", "none")
    with pytest.raises(ProxyError, match="proxy not found") as caught:
        client.proxy("p")
    assert caught.value.status == 404
    with pytest.raises(ProxyError, match="proxy not found"):
        client.evidence("p")


def test_a_toxic_is_checked_before_it_is_sent(client: ProxyClient) -> None:
    client.create("p", "h:1")
    with pytest.raises(ProxyError, match="'average_size' of a slicer must be at least 1"):
        client.add_toxic("p", {"type": "slicer"})
    with pytest.raises(ProxyError):
        client.populate([{"name": "q", "upstream": "h:1", "toxics": [{"type": "slicer"}]}])
    assert client.toxics("p") == []
    assert list(client.proxies()) == ["p"]


def test_threads_may_share_a_client(client: ProxyClient) -> None:
    client.create("p", "h:1")

    def work(number: int) -> None:
        for _ in range(10):
            client.add_toxic("p", {**LATENCY, "name": f"t{number}"})
            client.remove_toxic("p", f"t{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.toxics("p") == []


# -- evidence


def once(client: ProxyClient, upstream: MakeUpstream, name: str = "p") -> None:
    with connect(client.create(name, upstream().address)["listen"]) as sock:
        sock.sendall(b"12345")
        assert read_exactly(sock, 5) == b"12345"


def test_evidence_of_the_embedded_proxy_is_exact(embedded_api: str, upstream: MakeUpstream) -> None:
    with ProxyClient(embedded_api) as client:
        once(client, upstream)
        evidence = client.evidence("p")
        client.delete("p")
    assert evidence == ProxyEvidence(StreamBytes(5, 5), StreamBytes(5, 5), exact=True, connections=1, toxics={})
    assert evidence.received == 10
    assert evidence.touched("none") == Touched()


def test_evidence_of_toxiproxy_comes_from_its_metrics(upstream: MakeUpstream) -> None:
    binary = toxiproxy_binary()
    if binary is None:
        pytest.skip(NO_TOXIPROXY)
    with toxiproxy(binary, "-proxy-metrics") as api, ProxyClient(api) as client:
        client.create("quiet", "h:1")
        assert client.evidence("quiet") == ProxyEvidence(StreamBytes(), StreamBytes(), exact=False)
        once(client, upstream, 'a "proxy"\\')
        expected = ProxyEvidence(StreamBytes(5, 5), StreamBytes(5, 5), exact=False)
        deadline = time.monotonic() + 5
        while client.evidence('a "proxy"\\') != expected:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    with toxiproxy(binary) as api, ProxyClient(api) as client:
        client.create("p", "h:1")
        assert client.evidence("p") is None


# -- what is no proxy server


@pytest.mark.parametrize("url", ["", "localhost:8474", "ftp://localhost", "http://", "http://[::1", "http://h:99999"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ProxyError, match=r"expected the URL of a control API, as http://127\.0\.0\.1:8474, got"):
        ProxyClient(url)


def test_nobody_answers() -> None:
    port = free_port()
    with ProxyClient(f"http://127.0.0.1:{port}/") as client, pytest.raises(ProxyError) as caught:
        client.version()
    assert str(caught.value).startswith(f"no proxy server answers at http://127.0.0.1:{port}: ")
    assert str(caught.value).endswith("Is it running?")
    assert caught.value.status == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "is no proxy server, or it broke off"),
        (b"", "is no proxy server, or it broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "is no proxy server: it does not answer in JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "is no proxy server: it does not tell its version"),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\nbusy", "/version: HTTP 503 busy"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "/version: HTTP 500"),
    ],
)
def test_somebody_else_answers(upstream: Callable[[Serve], Upstream], answer: bytes, reason: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with ProxyClient(f"http://{upstream(serve).address}") as client, pytest.raises(ProxyError) as caught:
        client.version()
    assert reason in str(caught.value)


def test_a_server_that_hangs() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ProxyClient(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.2) as client,
        pytest.raises(ProxyError, match=r"GET .*/version: no answer within 0.2 s"),
    ):
        client.version()


def test_waiting_for_a_server_that_never_comes() -> None:
    start = time.monotonic()
    with ProxyClient(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(ProxyError, match="Is it running"):
        client.wait_until_ready(within_s=0.2)
    assert 0.2 <= time.monotonic() - start < 2
    with embedded() as api, ProxyClient(api) as client:
        assert client.wait_until_ready() == "2.12.0"
