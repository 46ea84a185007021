"""Dispatch: decides for each flight whether its travellers are warned, on the word of serving.

Without isolation it passes on whatever happens to it, and a streak of failures takes it down altogether, as a worker
that dies of an unhandled error does. With a breaker it decides on the last known share of late flights instead, which
is what people did before there was a model.
"""

from __future__ import annotations

from typing import Any

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.http import UNREACHABLE, Client, JSONResponse, ServiceError, service_routes
from reference_pipeline.json_text import loads

#: Travellers are warned from this probability on.
WARN_FROM = 0.3
#: Without isolation, so many failures in a row end the process's work, until somebody has looked at it.
FAILURES_TO_CRASH = 20
DOWN_FOR_S = 3600.0
FAILURES_TO_OPEN = 3
OPEN_FOR_S = 30


class Dispatch:
    """Asks serving, and decides. ``isolated`` deployments have a breaker and a decision of their own."""

    def __init__(self, serving: Client, clock: Clock, *, isolated: bool) -> None:
        self._serving = serving
        self._clock = clock
        self._breakers = AsyncCircuitBreakerFactory(FAILURES_TO_OPEN, OPEN_FOR_S) if isolated else None
        self._streak = 0
        self._down_until = 0.0
        self._late_share = 0.25
        self._counts = {"decisions": 0, "warnings": 0, "fallbacks": 0, "failed": 0, "crashes": 0}

    async def decide(self, flight: bytes) -> tuple[int, dict[str, Any]]:
        """Status and answer: the prediction with ``warn``."""
        if self._clock.now() < self._down_until:
            self._counts["failed"] += 1
            return 503, {"detail": "dispatch is down"}
        try:
            answer = await self._ask(flight)
        except (*UNREACHABLE, ServiceError, OpenedState) as error:
            if isinstance(error, ServiceError) and error.status < 500:
                return error.status, {"detail": str(error)}
            return self._without()
        self._streak = 0
        self._counts["decisions"] += 1
        warn = float(answer["p"]) >= WARN_FROM
        self._counts["warnings"] += warn
        return 200, {**answer, "warn": warn}

    async def _ask(self, flight: bytes) -> dict[str, Any]:
        if self._breakers is None:
            return dict(loads(await self._serving.raw("POST", "/predict", flight)))
        async with await self._breakers.get_breaker("serving"):
            return dict(loads(await self._serving.raw("POST", "/predict", flight)))

    def _without(self) -> tuple[int, dict[str, Any]]:
        if self._breakers is not None:
            self._counts["fallbacks"] += 1
            return 200, {"p": self._late_share, "source": "prior", "warn": False}
        self._counts["failed"] += 1
        self._streak += 1
        if self._streak >= FAILURES_TO_CRASH:
            self._counts["crashes"] += 1
            self._streak, self._down_until = 0, self._clock.now() + DOWN_FOR_S
        return 502, {"detail": "serving failed"}

    def status(self) -> dict[str, Any]:
        """Counters, and whether it works."""
        return {**self._counts, "down": self._clock.now() < self._down_until}


def create_dispatch(dispatch: Dispatch) -> Starlette:
    """``POST /predict``, as serving has it, with a decision in the answer."""

    async def predict(request: Request) -> Response:
        status, answer = await dispatch.decide(await request.body())
        return JSONResponse(answer, status_code=status)

    return Starlette(
        routes=[Route("/predict", predict, methods=["POST"]), *service_routes("dispatch", dispatch.status)]
    )
