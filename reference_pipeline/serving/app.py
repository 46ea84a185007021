"""Serving: ``POST /predict``, and what monitoring and orchestration need to know and to do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.features.definitions import LIVE_VIEWS, entity_keys, request_values, store_values
from reference_pipeline.http import service_routes
from reference_pipeline.serving.models import ModelShelf, Served
from reference_pipeline.serving.views import Read, StoreUnavailable, ViewReader

#: Over how long the status looks back, in seconds, and how many predictions the log keeps.
STATUS_WINDOW_S = 1800
LOG_KEPT = 4000


class Flight(BaseModel):
    """What a user knows of a flight. ``sched_dep`` is in epoch seconds, ``distance`` in miles."""

    flight_id: str
    carrier: str
    origin: str
    dest: str
    tailnum: str | None = None
    sched_dep: int
    distance: float


class Prediction(BaseModel):
    """The probability of being late, and what it was made from."""

    p: float
    source: str
    model: str
    model_age_s: float
    feature_age_s: float | None


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    latency_s: float
    ok: bool
    source: str


class Predictor:
    """Answers requests with the best that is available: model, cached features, simplified model."""

    def __init__(
        self,
        shelf: ModelShelf,
        reader: ViewReader,
        clock: Clock,
        *,
        simplified: bool,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf = shelf
        self._reader = reader
        self._clock = clock
        self._simplified = simplified
        self._timer = timer
        self._recent: deque[_Seen] = deque()
        self._log: deque[list[Any]] = deque(maxlen=LOG_KEPT)
        self._served = 0
        self._failed = 0

    async def predict(self, flight: Flight) -> Prediction:
        """One prediction; raises `HTTPException` 503 when there is none."""
        begun = self._timer()
        try:
            prediction = await self._predict(flight)
        except StoreUnavailable as error:
            self._note(begun, ok=False, source="none")
            raise HTTPException(503, str(error)) from error
        except HTTPException:
            self._note(begun, ok=False, source="none")
            raise
        self._note(begun, ok=True, source=prediction.source)
        return prediction

    async def _predict(self, flight: Flight) -> Prediction:
        served = self._shelf.choose(flight.flight_id)
        if served is None:
            raise HTTPException(503, f"no model is loaded ({self._shelf.last_error})")
        fields = flight.model_dump()
        try:
            read = await self._reader.read(entity_keys(fields))
        except StoreUnavailable:
            if not self._simplified:
                raise
            read = Read({}, {}, cached=False)
        row = request_values(fields, served.model.codes) + store_values(read.views)
        matrix = np.array([row])
        if self._simplified and not any(read.views.get(kind) for kind in LIVE_VIEWS):
            p, source = float(served.model.predict_simplified(matrix)[0]), "simplified"
        else:
            p, source = float(served.model.predict(matrix)[0]), "cached" if read.cached else "model"
        return self._answer(flight, served, read, row, p, source)

    def _answer(
        self, flight: Flight, served: Served, read: Read, row: list[float], p: float, source: str
    ) -> Prediction:
        now = self._clock.now()
        self._served += 1
        features = [None if value != value else round(value, 4) for value in row]
        self._log.append(
            [
                self._served,
                now,
                flight.flight_id,
                flight.origin,
                served.version,
                source,
                round(p, 6),
                features,
                read.ages_s,
            ]
        )
        return Prediction(
            p=p,
            source=source,
            model=served.version,
            model_age_s=now - served.trained_at,
            feature_age_s=read.age_s,
        )

    def _note(self, begun: float, *, ok: bool, source: str) -> None:
        now = self._clock.now()
        self._failed += not ok
        self._recent.append(_Seen(now, self._timer() - begun, ok, source))
        while self._recent and self._recent[0].at < now - STATUS_WINDOW_S:
            self._recent.popleft()

    def log_after(self, number: int) -> list[list[Any]]:
        """Predictions after the one numbered so: [number, at, flight, origin, model, source, p, features, ages]."""
        newest_first: list[list[Any]] = []
        for entry in reversed(self._log):
            if entry[0] <= number:
                break
            newest_first.append(entry)
        return newest_first[::-1]

    def status(self) -> dict[str, Any]:
        """Counts of the last half hour, the models that serve, and what went wrong."""
        now = self._clock.now()
        recent = [seen for seen in self._recent if seen.at >= now - STATUS_WINDOW_S]
        latencies = sorted(seen.latency_s for seen in recent)
        production, canary = self._shelf.production, self._shelf.canary
        return {
            "served": self._served,
            "failed": self._failed,
            "recent": len(recent),
            "recent_failed": sum(not seen.ok for seen in recent),
            "recent_fallback": sum(seen.source in ("cached", "simplified") for seen in recent),
            "latency_p95_s": round(latencies[int(0.95 * (len(latencies) - 1))], 6) if latencies else None,
            "store_errors": self._reader.errors,
            "suspect": sorted(self._reader.suspect),
            "model": production.version if production else None,
            "model_age_s": now - production.trained_at if production else None,
            "canary": canary.version if canary else None,
            "registry_errors": self._shelf.errors,
            "registry_ok": self._shelf.last_error is None,
            "rejected_artifacts": self._shelf.rejected,
            "last_error": self._shelf.last_error,
        }

    def distrust(self, kinds: list[str]) -> None:
        """Treats these feature views as missing until told otherwise."""
        self._reader.suspect = frozenset(kinds)


def create_serving(predictor: Predictor, shelf: ModelShelf, ping: Callable[[], Any]) -> FastAPI:
    """The service. ``ping`` raises when the store doesn't answer; ``/ready`` reports it."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/predict", response_model=None)
    async def predict(flight: Flight) -> Response:
        prediction = await predictor.predict(flight)
        return Response(prediction.model_dump_json(), media_type="application/json")

    async def ready(_: Request) -> Response:
        problems = [] if shelf.production else ["no model"]
        try:
            await ping()
        except OSError as error:
            problems.append(f"store: {error}")
        return JSONResponse({"problems": problems}, status_code=503 if problems else 200)

    async def log(request: Request) -> Response:
        return JSONResponse(predictor.log_after(int(request.query_params.get("after", "0"))))

    async def suspect(request: Request) -> Response:
        predictor.distrust(list((await request.json())["views"]))
        return JSONResponse({"suspect": predictor.status()["suspect"]})

    async def reload(_: Request) -> Response:
        await shelf.refresh()
        return JSONResponse({"model": predictor.status()["model"]})

    app.router.routes.extend(
        [
            Route("/ready", ready),
            Route("/log", log),
            Route("/suspect", suspect, methods=["POST"]),
            Route("/reload", reload, methods=["POST"]),
            *service_routes("serving", predictor.status),
        ]
    )
    return app
