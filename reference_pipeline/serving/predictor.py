"""Predictions with the best that is available, and the record that monitoring follows."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from reference_pipeline.clock import Clock
from reference_pipeline.features.definitions import LIVE_VIEWS, entity_keys, request_values, store_values
from reference_pipeline.serving.models import ModelShelf, Served
from reference_pipeline.serving.requests import KnownRoutes
from reference_pipeline.serving.shadow import apart
from reference_pipeline.serving.views import Read, StoreUnavailable, ViewReader
from reference_pipeline.settings import Settings
from reference_pipeline.tail import TailLog
from reference_pipeline.training.model import Model, ModelError

#: Over how long the status looks back, in seconds, and how many predictions the log keeps.
STATUS_WINDOW_S = 1800
LOG_KEPT = 4000

#: The sources of an answer that isn't the model's best.
FALLBACKS = ("cached", "simplified", "prior")


Name = Annotated[str, Field(max_length=100)]


class Flight(BaseModel):
    """What a user knows of a flight. ``sched_dep`` is in epoch seconds, ``distance`` in miles."""

    model_config = ConfigDict(allow_inf_nan=False)

    flight_id: Name
    carrier: Name
    origin: Name
    dest: Name
    tailnum: Name | None = None
    sched_dep: int = Field(ge=0, lt=2**33)
    distance: float


class Prediction(BaseModel):
    """The probability of being late, and what it was made from: model, cached (features), simplified or prior."""

    p: float
    source: str
    model: str
    model_age_s: float
    feature_age_s: float | None


class NoPrediction(Exception):
    """There is no answer; the message says why."""


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    latency_s: float
    source: str | None
    """None for a request that got no answer."""


class Predictor:
    """Answers requests. With ``simplified``, what fails is replaced: the model by its simpler parts.

    Where a request's distance isn't its route's by ``routes``, the route's is taken.
    ``shift_limit`` is how far a segment's mean may move from one model to the next.
    """

    def __init__(
        self,
        shelf: ModelShelf,
        reader: ViewReader,
        clock: Clock,
        *,
        simplified: bool,
        timer: Callable[[], float] = time.monotonic,
        settings: Settings | None = None,
        routes: KnownRoutes | None = None,
        shift_limit: tuple[float, float] | None = None,
    ) -> None:
        self._shelf = shelf
        self._reader = reader
        self._clock = clock
        self._simplified = simplified
        self._timer = timer
        self._recent: deque[_Seen] = deque()
        self._log = TailLog(clock.now(), kept=LOG_KEPT)
        self._settings = settings
        self._routes = routes
        self._shift_limit = shift_limit
        self._counts = {"served": 0, "failed": 0, "model_errors": 0, "odd": 0, "malformed": 0, "limited": 0}

    async def predict(self, flight: Flight) -> Prediction:
        """One prediction; raises `NoPrediction`."""
        begun = self._timer()
        source = None
        try:
            prediction = await self._predict(flight)
            source = prediction.source
        finally:
            self._note(begun, source)
        return prediction

    async def _predict(self, flight: Flight) -> Prediction:
        served = self._shelf.choose(flight.flight_id)
        if served is None:
            raise NoPrediction(f"no model is loaded ({self._shelf.last_error})")
        fields = vars(flight)
        if self._routes is not None:
            distance = self._routes.repaired(flight.origin, flight.dest, flight.distance)
            self._counts["odd"] += distance != flight.distance
            fields = {**fields, "distance": distance}
        try:
            read = await self._reader.read(entity_keys(fields))
        except StoreUnavailable as error:
            if not self._simplified:
                raise NoPrediction(str(error)) from error
            read = Read({}, {}, cached=False)
        if not self._simplified and not any(read.views.get(kind) for kind in LIVE_VIEWS):
            raise NoPrediction("there are no features to predict from")
        row = request_values(fields, served.model.codes) + store_values(read.views)
        p, source = self._infer(served, np.array([row]), read)
        return self._answer(flight, served, read, row, p, source)

    def _infer(self, served: Served, row: NDArray[np.float64], read: Read) -> tuple[float, str]:
        """Probability and source."""
        model, best = served.model, "cached" if read.cached else "model"
        if not self._simplified:
            return self._plain(model, row), best
        ways = [(model.predict, best), (model.predict_simplified, "simplified")]
        for predict, source in ways if any(read.views.get(kind) for kind in LIVE_VIEWS) else ways[1:]:
            try:
                p = float(predict(row)[0])
            except ModelError:
                p = -1.0
            if 0.0 <= p <= 1.0:
                return p, source
            self._counts["model_errors"] += 1
        return model.prior, "prior"

    def _plain(self, model: Model, row: NDArray[np.float64]) -> float:
        """What the full model says, whatever it is; raises `NoPrediction` if that is no number."""
        try:
            p = float(model.predict(row)[0])
        except ModelError as error:
            self._counts["model_errors"] += 1
            raise NoPrediction(str(error)) from error
        if not math.isfinite(p):
            raise NoPrediction(f"the model answered with {p}")
        return p

    def _answer(
        self, flight: Flight, served: Served, read: Read, row: Sequence[float], p: float, source: str
    ) -> Prediction:
        now = self._clock.now()
        features = [None if value != value else round(value, 4) for value in row]  # NaN is no JSON
        self._log.append(
            now,
            flight.flight_id,
            flight.origin,
            flight.carrier,
            served.version,
            source,
            round(p, 6),
            features,
            read.ages_s,
        )
        return self._prediction(served, p, source, read.age_s)

    def _prediction(self, served: Served, p: float, source: str, feature_age_s: float | None) -> Prediction:
        age_s = self._clock.now() - served.trained_at
        return Prediction(p=p, source=source, model=served.version, model_age_s=age_s, feature_age_s=feature_age_s)

    def refuse(self, why: str) -> None:
        """Counts a request that got no further: ``malformed`` or ``limited``."""
        self._counts[why] += 1

    async def shadow(self, version: str) -> list[str]:
        """In which segments a version would have answered the log's requests otherwise than production."""
        candidate = await self._shelf.open(version)
        production = self._shelf.production
        if production is None:
            return []
        return apart(self._log.after(0), production.model, candidate.model, self._shift_limit)

    def _note(self, begun: float, source: str | None) -> None:
        self._counts["served" if source else "failed"] += 1
        self._recent.append(_Seen(self._clock.now(), self._timer() - begun, source))
        self._forget()

    def _forget(self) -> None:
        while self._recent and self._recent[0].at < self._clock.now() - STATUS_WINDOW_S:
            self._recent.popleft()

    def log_after(self, number: int) -> list[list[Any]]:
        """Predictions after the one numbered so: [number, at, flight, origin, carrier, model, source, p,
        features, ages]."""
        return self._log.after(number)

    def status(self) -> dict[str, Any]:
        """Counts of the last half hour, the models that serve, and what went wrong."""
        self._forget()
        latencies = sorted(seen.latency_s for seen in self._recent)
        production, canary = self._shelf.production, self._shelf.canary
        return {
            **self._counts,
            "recent": len(self._recent),
            "recent_failed": sum(seen.source is None for seen in self._recent),
            "recent_fallback": sum(seen.source in FALLBACKS for seen in self._recent),
            "latency_p95_s": round(latencies[int(0.95 * (len(latencies) - 1))], 6) if latencies else None,
            "store_errors": self._reader.errors,
            "store_failovers": self._reader.failovers,
            "suspect": sorted(self._reader.suspect),
            "model": production.version if production else None,
            "model_age_s": self._clock.now() - production.trained_at if production else None,
            "canary": canary.version if canary else None,
            "registry_errors": self._shelf.errors,
            "registry_ok": self._shelf.last_error is None,
            "rejected_artifacts": self._shelf.rejected,
            "last_refusal": self._shelf.last_refusal,
            "refused_settings": self._settings.refused if self._settings is not None else None,
            "refused_libraries": self._shelf.refused_libraries,
            "last_error": self._shelf.last_error,
        }

    def distrust(self, kinds: Sequence[str]) -> None:
        """Treats these feature views as missing until told otherwise."""
        self._reader.suspect = frozenset(kinds)
