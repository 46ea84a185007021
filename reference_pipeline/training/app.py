"""The training service's HTTP face."""

from __future__ import annotations

import math

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_pipeline.features.definitions import as_number
from reference_pipeline.http import JSONResponse, service_routes
from reference_pipeline.json_text import loads
from reference_pipeline.training.trainer import Trainer, TrainingConfig, TrainingFailed

__all__ = ["Trainer", "TrainingConfig", "create_training"]


def create_training(trainer: Trainer) -> Starlette:
    """``POST /train`` trains and answers with the manifest, or 500 with the reason.

    A body ``{"as_of": <epoch seconds>}`` says of which moment the examples are to be.
    """

    async def train(request: Request) -> Response:
        try:
            as_of = _as_of(await request.body())
        except (ValueError, TypeError, KeyError):
            return JSONResponse({"detail": 'expected nothing, or {"as_of": <epoch seconds>}'}, status_code=400)
        try:
            return JSONResponse(await trainer.train(as_of))
        except TrainingFailed as error:
            return JSONResponse({"detail": str(error)}, status_code=500)

    return Starlette(routes=[Route("/train", train, methods=["POST"]), *service_routes("training", trainer.status)])


def _as_of(body: bytes) -> float | None:
    """What a request asks for; None for now."""
    asked = loads(body) if body else None
    if asked is None:
        return None
    moment = as_number(asked["as_of"])
    if math.isnan(moment):
        raise ValueError("as_of is no moment")
    return moment
