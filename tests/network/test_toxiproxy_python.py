"""The published Python client of Toxiproxy, end to end against both servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from chaos.network.client import ProxyClient

from .servers import Upstream, connect, free_port, read_exactly

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MakeUpstream = Callable[..., Upstream]


@pytest.fixture
def server(api: str, client: ProxyClient) -> Iterator[Any]:
    """The library's server object; its address is a class attribute, so it is put back."""
    toxiproxy = pytest.importorskip("toxiproxy")
    from toxiproxy.api import APIConsumer

    parts = urlsplit(api)
    before = (APIConsumer.host, APIConsumer.port)
    made = toxiproxy.Toxiproxy()
    made.update_api_consumer(parts.hostname, parts.port)
    yield made
    made.update_api_consumer(*before)


def round_trip(listen: str) -> float:
    with connect(listen) as sock:
        start = time.monotonic()
        sock.sendall(b"ping")
        assert read_exactly(sock, 4) == b"ping"
        return time.monotonic() - start


def test_it_is_running(server: Any) -> None:
    assert server.running()
    assert b"version" in server.version()


def test_a_proxy_with_a_toxic(server: Any, upstream: MakeUpstream) -> None:
    proxy = server.create(upstream=upstream().address, name="p")
    assert round_trip(proxy.listen) < 0.1
    proxy.add_toxic(type="latency", attributes={"latency": 150, "jitter": 10})
    assert 0.135 <= round_trip(proxy.listen) < 0.5
    (toxic,) = proxy.toxics().values()
    assert (toxic.name, toxic.type, toxic.stream, toxic.toxicity) == ("latency_downstream", "latency", "downstream", 1)
    assert toxic.attributes == {"latency": 150, "jitter": 10}
    assert proxy.get_toxic("latency_downstream").type == "latency"
    assert proxy.destroy_toxic("latency_downstream")
    assert round_trip(proxy.listen) < 0.1
    assert proxy.destroy()
    assert server.proxies() == {}


def test_down_and_up_again(server: Any, upstream: MakeUpstream) -> None:
    proxy = server.create(upstream=upstream().address, name="p")
    with proxy.down(), pytest.raises(ConnectionRefusedError):
        connect(proxy.listen)
    assert round_trip(proxy.listen) < 0.5


def test_populate_reset_and_destroy_all(server: Any) -> None:
    listen = f"127.0.0.1:{free_port()}"
    wanted = [{"name": "p", "upstream": "h:1", "listen": listen}, {"name": "q", "upstream": "h:2"}]
    assert [proxy.name for proxy in server.populate(wanted)] == ["p", "q"]
    assert server.populate(wanted[:1]) == []
    proxy = server.get_proxy("p")
    proxy.add_toxic(type="timeout", stream="upstream", attributes={"timeout": 5})
    proxy.disable()
    assert server.reset()
    assert server.get_proxy("p").enabled is True
    assert server.get_proxy("p").toxics() == {}
    server.destroy_all()
    assert server.proxies() == {}


def test_errors_are_the_library_s(server: Any) -> None:
    from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

    proxy = server.create(upstream="h:1", name="p")
    with pytest.raises(ProxyExists):
        server.create(upstream="h:1", name="p")
    with pytest.raises(InvalidToxic):
        proxy.add_toxic(type="nope")
    with pytest.raises(NotFound):
        proxy.destroy_toxic("nope")
