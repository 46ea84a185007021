"""Who listens where in a local deployment: services on ports of their own, links on ports of the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.live.ports import Ports
from harness.targets.reference.layout import CONSUMER, LINKS, MIRROR, REPLICA, SERVICES, STORE

__all__ = ["Wiring"]

HOST = "127.0.0.1"
#: Every service that there may be.
SERVERS = (*SERVICES, MIRROR, CONSUMER)


@dataclass(frozen=True, slots=True)
class Wiring:
    """``ports`` maps servers (also ``proxy``, ``control`` of the gateway, and ``alerts``) to their real ports;
    ``entries`` maps links to the proxy's ports, once it has told them."""

    ports: Mapping[str, int]
    entries: dict[str, int] = field(default_factory=dict)

    @classmethod
    def reserve(cls, ports: Ports) -> Wiring:
        """Free ports for everything. Raises ``OSError`` when there are none left."""
        names = (*SERVERS, STORE, REPLICA, "gateway", "control", "proxy", "alerts")
        return cls({name: ports.reserve() for name in names})

    def url(self, name: str) -> str:
        """A server's own address, on no faulty link."""
        return f"http://{HOST}:{self.ports[name]}"

    def proxies(self) -> list[dict[str, Any]]:
        """The proxy's configuration, as Toxiproxy's file has it: one proxy a link."""
        return [
            {"name": link, "listen": f"{HOST}:0", "upstream": self.upstream(link), "enabled": True} for link in LINKS
        ]

    def upstream(self, link: str) -> str:
        """Where a link leads."""
        return f"{HOST}:{self.ports[link.partition('->')[2]]}"

    def entered(self, listening: Mapping[str, Mapping[str, Any]]) -> None:
        """Takes over where the proxy listens, from its own account of its proxies."""
        self.entries.update({link: int(proxy["listen"].rpartition(":")[2]) for link, proxy in listening.items()})

    def way(self, client: str, server: str) -> str:
        """The base URL by which one service reaches another."""
        return f"http://{HOST}:{self.entries[f'{client}->{server}']}"

    def addresses(self, client: str) -> dict[str, str]:
        """Every base URL that a service may need: along its links, and straight to what it has no link to."""
        known = (*SERVERS, "gateway", "alerts")
        return {
            name: self.way(client, name) if f"{client}->{name}" in self.entries else self.url(name) for name in known
        }

    def store_address(self, client: str, store: str = STORE) -> tuple[str, int]:
        """How a service reaches a store; for one that never does, the store itself."""
        return HOST, self.entries.get(f"{client}->{store}", self.ports[store])

    def links_at(self, client: str, server: str) -> list[str]:
        """The links between two services, either of which may be ``*``."""
        ends = {link: link.split("->") for link in self.entries}
        return [link for link, (c, s) in ends.items() if client in ("*", c) and server in ("*", s)]
