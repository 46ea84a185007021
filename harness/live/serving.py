"""How the harness serves HTTP beside what else it does: quietly, and without a say in the process's signals."""

from __future__ import annotations

import socket
from contextlib import nullcontext
from typing import Any

import uvicorn

__all__ = ["QuietServer", "bound"]

#: How long an idle connection stays open, in seconds: longer than any period of the pipeline's.
_KEEP_ALIVE_S = 1800
_GRACE_S = 1


class QuietServer(uvicorn.Server):
    """Serves an ASGI app; ends when ``should_exit`` is set."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    def capture_signals(self) -> Any:
        """None: they are others' business."""
        return nullcontext()


def bound(host: str, port: int) -> socket.socket:
    """A socket on an address, not yet listening: until its server runs, connections are refused.

    Raises ``OSError`` naming the address.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{host}:{port} can't be listened on: {error.strerror}") from None
    return listener
