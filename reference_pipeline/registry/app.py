"""The registry's HTTP face."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_pipeline.http import JSONResponse, service_routes
from reference_pipeline.json_text import loads
from reference_pipeline.registry.storage import STAGES, ModelStorage, NothingBefore, UnknownVersion, VersionTaken


def create_registry(storage: ModelStorage) -> Starlette:
    """``POST /models``, ``GET /models/<v>``, ``GET /models/<v>/manifest``, ``GET|PUT /stages``, ``POST /rollback``."""
    service = _Registry(storage)
    routes = [
        Route("/models", service.publish, methods=["POST"]),
        Route("/models/{version}", service.artifact),
        Route("/models/{version}/manifest", service.manifest),
        Route("/stages", service.stages),
        Route("/stages", service.set_stage, methods=["PUT"]),
        Route("/rollback", service.roll_back, methods=["POST"]),
        *service_routes("registry", service.status),
    ]
    return Starlette(routes=routes, exception_handlers={UnknownVersion: _unknown, BadRequest: _bad})


class BadRequest(Exception):
    """A request that can't be carried out; the message says why."""


async def _unknown(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": f"no model {error}"}, status_code=404)


async def _bad(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, status_code=400)


class _Registry:
    """The routes, and what they counted."""

    def __init__(self, storage: ModelStorage) -> None:
        self._storage = storage
        self._counts = {"published": 0, "promotions": 0, "rollbacks": 0, "reads": 0}

    async def publish(self, request: Request) -> Response:
        manifest, artifact = _publication(await request.body())
        try:
            self._storage.add(manifest, artifact)
        except VersionTaken as error:
            return JSONResponse({"detail": f"there is another model {error}"}, status_code=409)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        self._counts["published"] += 1
        return JSONResponse({"version": manifest["version"]}, status_code=201)

    async def artifact(self, request: Request) -> Response:
        self._counts["reads"] += 1
        return Response(self._storage.artifact(request.path_params["version"]))

    async def manifest(self, request: Request) -> Response:
        return JSONResponse(self._storage.manifest(request.path_params["version"]))

    async def stages(self, _: Request) -> Response:
        return JSONResponse(self._storage.stages())

    async def set_stage(self, request: Request) -> Response:
        stage, version = _assignment(await request.body())
        stages = self._storage.set_stage(stage, version)
        self._counts["promotions"] += stage == "production"
        return JSONResponse(stages)

    async def roll_back(self, _: Request) -> Response:
        try:
            stages = self._storage.roll_back()
        except NothingBefore:
            return JSONResponse({"detail": "there is no earlier production model"}, status_code=409)
        self._counts["rollbacks"] += 1
        return JSONResponse(stages)

    def status(self) -> dict[str, Any]:
        """Counters, stages, and how many versions there are."""
        return {**self._counts, "stages": self._storage.stages(), "versions": len(self._storage.versions())}


def _publication(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Manifest and artifact; raises `BadRequest`, also for an artifact that was damaged on the way."""
    try:
        content = loads(body)
        manifest: dict[str, Any] = content["manifest"]
        artifact = base64.b64decode(content["artifact"], validate=True)
        expected = manifest["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequest('expected {"manifest": {"version", "sha256", ...}, "artifact": base64}') from error
    if hashlib.sha256(artifact).hexdigest() != expected:
        raise BadRequest("the artifact's SHA-256 differs from its manifest's")
    return manifest, artifact


def _assignment(body: bytes) -> tuple[str, str | None]:
    """Stage and version; raises `BadRequest`."""
    try:
        content = loads(body)
        stage, version = content["stage"], content["version"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequest('expected {"stage": ..., "version": ...}') from error
    if stage not in STAGES or not isinstance(version, str | None):
        raise BadRequest(f"stage is one of {', '.join(STAGES)}; version is a version or null")
    return stage, version
