"""What the harness itself serves to a local deployment: the receiver of alerts, and the platform that restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.errors import TargetError
from harness.live.serving import QuietServer, bound
from harness.targets.base import Recorder
from harness.targets.reference.local.wiring import HOST, SERVERS
from harness.targets.reference.receiver import create_receiver

__all__ = ["Surroundings"]


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
        self._server: QuietServer | None = None

    async def open(self, port: int) -> None:
        """Listens, from now on."""
        try:
            listener = bound(HOST, port)
        except OSError as error:
            raise TargetError(f"alerts cannot be received: {error.strerror}") from error
        self._server = QuietServer(self._app)
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
