"""The registry's HTTP face."""

from __future__ import annotations

import base64
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_pipeline.http import service_routes
from reference_pipeline.registry.storage import ModelStorage, UnknownVersion

_STAGES = ("production", "canary")


def create_registry(storage: ModelStorage) -> Starlette:
    """``POST /models``, ``GET /models/<v>``, ``GET /models/<v>/manifest``, ``GET|PUT /stages``, ``POST /rollback``."""
    counts = {"published": 0, "promotions": 0, "rollbacks": 0, "reads": 0}

    async def publish(request: Request) -> Response:
        body = await request.json()
        storage.add(body["manifest"], base64.b64decode(body["artifact"]))
        counts["published"] += 1
        return JSONResponse({"version": body["manifest"]["version"]}, status_code=201)

    async def artifact(request: Request) -> Response:
        counts["reads"] += 1
        try:
            return Response(storage.artifact(request.path_params["version"]))
        except UnknownVersion as error:
            return JSONResponse({"detail": f"no model {error}"}, status_code=404)

    async def manifest(request: Request) -> Response:
        try:
            return JSONResponse(storage.manifest(request.path_params["version"]))
        except UnknownVersion as error:
            return JSONResponse({"detail": f"no model {error}"}, status_code=404)

    async def stages(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(storage.stages())
        body = json.loads(await request.body())
        if body.get("stage") not in _STAGES:
            return JSONResponse({"detail": f"stage is one of {', '.join(_STAGES)}"}, status_code=400)
        counts["promotions"] += body["stage"] == "production"
        try:
            return JSONResponse(storage.set_stage(body["stage"], body.get("version")))
        except UnknownVersion as error:
            return JSONResponse({"detail": f"no model {error}"}, status_code=404)

    async def rollback(_: Request) -> Response:
        previous = storage.stages()["previous"]
        if previous is None:
            return JSONResponse({"detail": "there is no earlier production model"}, status_code=409)
        counts["rollbacks"] += 1
        return JSONResponse(storage.set_stage("production", previous))

    def status() -> dict[str, Any]:
        return {**counts, "stages": storage.stages(), "versions": len(storage.versions())}

    routes = [
        Route("/models", publish, methods=["POST"]),
        Route("/models/{version}", artifact),
        Route("/models/{version}/manifest", manifest),
        Route("/stages", stages, methods=["GET", "PUT"]),
        Route("/rollback", rollback, methods=["POST"]),
    ]
    return Starlette(routes=[*routes, *service_routes("registry", status)])
