"""The training service's HTTP face."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_pipeline.http import service_routes
from reference_pipeline.training.trainer import Trainer, TrainingConfig, TrainingFailed

__all__ = ["Trainer", "TrainingConfig", "create_training"]


def create_training(trainer: Trainer) -> Starlette:
    """``POST /train`` trains and answers with the manifest, or 500 with the reason."""

    async def train(_: Request) -> Response:
        try:
            return JSONResponse(await trainer.train())
        except TrainingFailed as error:
            return JSONResponse({"detail": str(error)}, status_code=500)

    return Starlette(routes=[Route("/train", train, methods=["POST"]), *service_routes("training", trainer.status)])
