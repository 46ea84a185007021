"""Both proxy servers, once for each module of tests that wants them, and upstreams."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from chaos.network.client import ProxyClient

from .servers import Serve, Upstream, echo, embedded, toxiproxy, toxiproxy_binary

NO_TOXIPROXY = (
    "no Toxiproxy: neither toxiproxy-server on PATH nor .cache/bin/server; "
    "GOBIN=$PWD/.cache/bin go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
)


@pytest.fixture(scope="module")
def embedded_api() -> Iterator[str]:
    with embedded() as api:
        yield api


@pytest.fixture(scope="module", params=["embedded", "toxiproxy"])
def api(request: pytest.FixtureRequest) -> Iterator[str]:
    """The control API's address of either server."""
    if request.param == "embedded":
        with embedded(7, "--allow-remote") as address:
            yield address
        return
    binary = toxiproxy_binary()
    if binary is None:
        pytest.skip(NO_TOXIPROXY)
    with toxiproxy(binary) as address:
        yield address


@pytest.fixture
def client(api: str) -> Iterator[ProxyClient]:
    """A client of a server without proxies."""
    with ProxyClient(api) as made:
        yield made
        for name in made.proxies():
            made.delete(name)


@pytest.fixture
def raw(api: str, client: ProxyClient) -> Iterator[httpx.Client]:
    """Plain HTTP to the same server."""
    with httpx.Client(base_url=api, trust_env=False, timeout=5) as made:
        yield made


@pytest.fixture
def upstream() -> Iterator[Callable[[Serve], Upstream]]:
    """Makes upstreams."""
    made: list[Upstream] = []

    def make(serve: Serve = echo) -> Upstream:
        made.append(Upstream(serve))
        return made[-1]

    yield make
    for each in made:
        each.close()
