"""What the harness itself serves to a local deployment: the receiver of alerts, and the platform that restarts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.errors import TargetError
from harness.targets.base import Recorder
from harness.targets.reference.local.wiring import HOST, SERVERS
from harness.targets.reference.receiver import create_receiver

__all__ = ["Surroundings"]

_KEEP_ALIVE_S = 1800


class Surroundings:
    """``POST /api/v2/alerts``, as Alertmanager has it; for runbooks ``POST /services/<name>/restart`` and ``pin``."""

    def __init__(
        self,
        recorder: Recorder,
        restart: Callable[[str], Awaitable[None]],
        pin: Callable[[str], Awaitable[None]],
    ) -> None:
        self._app = create_receiver(recorder)
        self._app.router.routes.append(Route("/services/{service}/{verb}", self._asked, methods=["POST"]))
        self._verbs = {"restart": restart, "pin": pin}
        self._serving: asyncio.Task[None] | None = None
        self._server: _Server | None = None

    async def open(self, port: int) -> None:
        """Listens, from now on."""
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            listener.listen(100)
        except OSError as error:
            listener.close()
            raise TargetError(f"alerts cannot be received on {HOST}:{port}: {error}") from error
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._serving = asyncio.ensure_future(self._server.serve(sockets=[listener]))

    async def close(self) -> None:
        """Listens no more."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._serving

    async def _asked(self, request: Request) -> Response:
        service, verb = request.path_params["service"], self._verbs.get(request.path_params["verb"])
        if service not in SERVERS or verb is None:
            return JSONResponse({"detail": f"nothing to be done at {request.url.path}"}, status_code=404)
        try:
            await verb(service)
        except TargetError as error:
            return JSONResponse({"detail": str(error)}, status_code=503)
        return JSONResponse({"done": service})


class _Server(uvicorn.Server):
    """Within the harness, whose signals are none of its business."""

    def capture_signals(self) -> Any:
        """None."""
        return nullcontext()
