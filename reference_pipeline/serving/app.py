"""Serving: ``POST /predict``, and what monitoring and orchestration need to know and to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_pipeline.features.definitions import VIEWS
from reference_pipeline.http import UNREACHABLE, JSONResponse, ServiceError, service_routes
from reference_pipeline.json_text import loads
from reference_pipeline.serving.models import UNUSABLE, ModelShelf
from reference_pipeline.serving.predictor import Flight, NoPrediction, Predictor
from reference_pipeline.serving.requests import RateLimit
from reference_pipeline.tail import asked_after

__all__ = ["Predictor", "create_serving"]


def create_serving(
    predictor: Predictor,
    shelf: ModelShelf,
    ping: Callable[[], Awaitable[Any]],
    limit: RateLimit | None = None,
) -> Starlette:
    """The service. ``ping`` raises when the store doesn't answer; ``/ready`` reports it.

    ``limit`` counts requests by the client's address.
    """

    async def predict(request: Request) -> Response:
        if limit is not None and not limit.allows(request.client.host if request.client else ""):
            predictor.refuse("limited")
            return JSONResponse({"detail": "too many requests; try again in a minute"}, status_code=429)
        try:
            # Read from the bytes: what JSON or UTF-8 can't hold (NaN, half a surrogate pair) doesn't get further.
            flight = Flight.model_validate_json(await request.body())
            prediction = await predictor.predict(flight)
        except ValidationError as error:
            predictor.refuse("malformed")
            return JSONResponse({"detail": _complaints(error)}, status_code=422)
        except NoPrediction as error:
            return JSONResponse({"detail": str(error)}, status_code=503)
        return Response(prediction.model_dump_json(), media_type="application/json")

    routes = [Route("/predict", predict, methods=["POST"]), *_operations(predictor, shelf, ping)]
    return Starlette(routes=[*routes, *service_routes("serving", predictor.status)])


def _complaints(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong with a request, field by field."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"where": ".".join(map(str, item["loc"])), "what": item["msg"]} for item in found]


def _operations(predictor: Predictor, shelf: ModelShelf, ping: Callable[[], Awaitable[Any]]) -> list[Route]:
    async def ready(_: Request) -> Response:
        problems = [] if shelf.production else ["no model"]
        try:
            await ping()
        except (RedisError, OSError) as error:
            problems.append(f"store: {error}")
        return JSONResponse({"problems": problems}, status_code=503 if problems else 200)

    async def log(request: Request) -> Response:
        return JSONResponse(predictor.log_after(asked_after(request)))

    async def suspect(request: Request) -> Response:
        views = _views(await request.body())
        if views is None:
            return JSONResponse({"detail": f'expected {{"views": [...]}} of {", ".join(VIEWS)}'}, status_code=400)
        predictor.distrust(views)
        return JSONResponse({"suspect": sorted(views)})

    async def shadow(request: Request) -> Response:
        try:
            version = str(loads(await request.body())["version"])
        except (ValueError, TypeError, KeyError):
            return JSONResponse({"detail": 'expected {"version": ...}'}, status_code=400)
        try:
            return JSONResponse({"version": version, "apart": await predictor.shadow(version)})
        except (*UNREACHABLE, ServiceError, *UNUSABLE) as error:
            return JSONResponse({"detail": f"{type(error).__name__}: {error}"}, status_code=503)

    async def reload(_: Request) -> Response:
        await shelf.refresh()
        return JSONResponse({"model": predictor.status()["model"]})

    return [
        Route("/ready", ready),
        Route("/log", log),
        Route("/suspect", suspect, methods=["POST"]),
        Route("/reload", reload, methods=["POST"]),
        Route("/shadow", shadow, methods=["POST"]),
    ]


def _views(body: bytes) -> list[str] | None:
    """The views that a request names; None for anything else."""
    try:
        views = loads(body)["views"]
    except (ValueError, TypeError, KeyError):
        return None
    return views if isinstance(views, list) and all(kind in VIEWS for kind in views) else None
