"""Who reaches whom in the compose deployment: each link has a port of its own on Toxiproxy.

`docker-compose.yml` and the files in ``deploy/compose`` say the same; a test compares them with this module, and
``python -m harness.targets.reference.compose.wiring`` writes those files anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.targets.reference.layout import CONSUMER, DEFAULT_START, LINKS, MIRROR, REPLICA, SERVICES, STORE

__all__ = ["ENTRIES", "LINK_PORTS", "PROXY_HOST", "STORE_PORT", "gateway_config", "proxies", "service_config"]

PROXY_HOST = "toxiproxy"
HTTP_PORT = 8000
STORE_PORT = 6379
CONTROL_PORT = 8001
OUTPOST_PORT = 8002
#: Where overlays lie in every container: a folder for each service.
OVERLAYS = "/var/lib/overlays"

#: The port on Toxiproxy of each link; the users' one is published.
LINK_PORTS: Mapping[str, int] = {link: 20000 + place for place, link in enumerate(LINKS)}

#: The harness's own ways in, on no faulty link: name -> (port on Toxiproxy, where it leads).
ENTRIES: Mapping[str, tuple[int, str]] = {
    "operator->store": (20100, f"{STORE}:{STORE_PORT}"),
    "operator->gateway": (20101, f"gateway:{CONTROL_PORT}"),
    "operator->outpost": (20102, f"outpost:{OUTPOST_PORT}"),
    "operator->prometheus": (20103, "prometheus:9090"),
    "operator->alertmanager": (20104, "alertmanager:9093"),
    "operator->replica": (20105, f"{REPLICA}:{STORE_PORT}"),
}

_UPSTREAMS = {
    STORE: f"{STORE}:{STORE_PORT}",
    REPLICA: f"{REPLICA}:{STORE_PORT}",
    "alerts": "alertmanager:9093",
}

#: Every service that there may be.
SERVERS = (*SERVICES, MIRROR, CONSUMER)


def upstream(server: str) -> str:
    """Where a link to a server leads."""
    return _UPSTREAMS.get(server, f"{server}:{HTTP_PORT}")


def proxies() -> list[dict[str, Any]]:
    """Toxiproxy's configuration.

    >>> proxies()[0]
    {'name': 'users->serving', 'listen': '0.0.0.0:20000', 'upstream': 'serving:8000', 'enabled': True}
    """
    routes = {link: (port, upstream(link.partition("->")[2])) for link, port in LINK_PORTS.items()} | dict(ENTRIES)
    return [
        {"name": name, "listen": f"0.0.0.0:{port}", "upstream": leads_to, "enabled": True}
        for name, (port, leads_to) in routes.items()
    ]


def service_config(service: str, **common: Any) -> dict[str, Any]:
    """A service's `reference_pipeline.process_config.ProcessConfig`; ``common`` has profile, start, seed and so on."""
    known = (*SERVERS, "gateway", "alerts")
    return {
        "volumes": "/var/lib/pipeline",
        "listen": ["0.0.0.0", HTTP_PORT],
        "addresses": {server: f"http://{_way(service, server)}" for server in known},
        "store": _host_and_port(_way(service, STORE)),
        **common,
    }


def second_store(service: str) -> list[Any]:
    """Where a service finds the replica of the store, for profiles that have one."""
    return _host_and_port(_way(service, REPLICA))


def _way(client: str, server: str) -> str:
    """Along the link if there is one, and straight to what a service has no link to."""
    port = LINK_PORTS.get(f"{client}->{server}")
    return upstream(server) if port is None else f"{PROXY_HOST}:{port}"


def _host_and_port(place: str) -> list[Any]:
    host, _, port = place.partition(":")
    return [host, int(port)]


def gateway_config(**common: Any) -> dict[str, Any]:
    """The feed gateway's configuration."""
    feeds = [link for link in LINK_PORTS if link.startswith("gateway->")]
    return {
        "listen": ["0.0.0.0", HTTP_PORT],
        "control": ["0.0.0.0", CONTROL_PORT],
        "upstreams": {link.partition("->")[2]: f"http://{PROXY_HOST}:{LINK_PORTS[link]}" for link in feeds},
        **common,
    }


def files() -> dict[str, str]:
    """What is written down under ``deploy/compose``, by path: for a deployment that is started by hand."""
    start = {"start": DEFAULT_START.timestamp(), "time_scale": 1.0}
    documents: dict[str, Any] = {"toxiproxy.json": proxies(), "config/gateway.json": gateway_config(**start)}
    for service in SERVERS:
        common = {"profile": "mature", "seed": 1, "platform": f"http://outpost:{OUTPOST_PORT}", **start}
        documents[f"config/{service}.json"] = service_config(service, **common)
    return {name: json.dumps(document, indent=2) + "\n" for name, document in documents.items()}


if __name__ == "__main__":
    for name, text in files().items():
        path = Path("deploy/compose") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
