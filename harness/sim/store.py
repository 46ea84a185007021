"""A RESP server on the virtual network: fakeredis for the commands, TTLs on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from fakeredis import FakeServer
from fakeredis._clients._tcp_server import encode_reply
from fakeredis._socket import FakeSocket

PORT = 6379


class _RespProtocol(asyncio.Protocol):
    """One client connection: bytes in, replies out, in order, without threads."""

    def __init__(self, server: FakeServer) -> None:
        self._socket = FakeSocket(server, 0, client_class=object, client_info={"lib-name": "sim"})
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        sock = self._socket
        sock.sendall(data)
        protocol = sock._client_info.protocol_version
        replies = []
        while not sock.responses.empty():
            replies.append(encode_reply(sock.responses.get_nowait(), protocol))
        if replies:
            self._transport.write(b"".join(replies))

    def connection_lost(self, exc: Exception | None) -> None:
        self._socket.close()


class StoreServer:
    """The store's process. ``data`` outlives a restart only if the store is persistent."""

    def __init__(self) -> None:
        self.data = FakeServer(server_type="redis")

    async def start(self) -> None:
        """Listens on port 6379 of the host in whose context it runs."""
        await asyncio.get_running_loop().create_server(lambda: _RespProtocol(self.data), "0.0.0.0", PORT)

    def forget(self) -> None:
        """What a restart without persistence does."""
        self.data = FakeServer(server_type="redis")
