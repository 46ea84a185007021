"""ASGI apps on virtual sockets, served by uvicorn's own protocol; and the stub that answers in a server's place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState


async def serve(app: Any, port: int = 8000, *, keep_alive_s: int = 5, connections: int | None = None) -> None:
    """Serves an ASGI app on the host in whose context it runs, until the host is killed.

    ``keep_alive_s`` is how long an idle connection stays open (uvicorn's default); with more than so many
    ``connections``, requests are answered with 503. The app's lifespan is not run:
    start-up belongs in the host's boot coroutine. Failures of the app are answered with 500 and not logged.
    """
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=keep_alive_s,
        limit_concurrency=connections,
    )
    config.load()
    state = ServerState()
    protocol: Any = config.http_protocol_class

    def factory() -> Any:
        return protocol(config=config, server_state=state, app_state={}, _loop=loop)

    await loop.create_server(factory, "0.0.0.0", port)


class _StubAnswer(asyncio.Protocol):
    """Answers one request with one status and closes."""

    def __init__(self, status: int, on_answer: Callable[[], None]) -> None:
        self._status = status
        self._on_answer = on_answer
        self._transport: Any = None
        self._seen = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._seen += data
        if b"\r\n\r\n" in self._seen:
            self._on_answer()
            body = b'{"detail":"injected"}'
            self._transport.write(
                b"HTTP/1.1 %d Injected\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%s" % (self._status, len(body), body)
            )
            self._transport.close()


def stub(status: int, on_answer: Callable[[], None]) -> Callable[[], asyncio.Protocol]:
    """A protocol factory for `Network.set_answer`: every request gets ``status``; ``on_answer`` counts them."""
    return lambda: _StubAnswer(status, on_answer)
