"""A server that answers every request with one status: what stands in a service's place when it is out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.sim.http import stub
from harness.targets.reference.local.wiring import HOST

__all__ = ["Stub"]


class Stub:
    """Listens from `open` to `close`; ``on_answer`` is called for each request."""

    def __init__(self, status: int, on_answer: Callable[[], None]) -> None:
        self._protocol = stub(status, on_answer)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begins to answer, on a port of its own."""
        self._server = await asyncio.get_running_loop().create_server(self._protocol, HOST, 0)

    @property
    def address(self) -> str:
        """Host and port."""
        assert self._server is not None
        return f"{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Answers no more."""
        if self._server is not None:
            self._server.close()
