"""The training service: point-in-time examples in, a gated and signed model out, with lineage and an experiment record."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.features.labels import label
from reference_pipeline.features.definitions import LEAD_S
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.http import UNREACHABLE, Client, ServiceError, service_routes
from reference_pipeline.registry.signing import BadSignature, sign, verify
from reference_pipeline.training.candidate import WINDOW_DAYS, train_candidate
from reference_pipeline.training.examples import RAW, build_examples
from reference_pipeline.training.model import Model, dump, load


class TrainingFailed(Exception):
    """No model came out; the message says why."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """``view_dropout`` is the share of rows in which a feature view is hidden, so that the model learns to do without."""

    gated: bool
    view_dropout: float
    key: bytes


class Trainer:
    """Trains on history before ``started_at`` (epoch seconds) and on what the pipeline has collected since."""

    def __init__(
        self,
        config: TrainingConfig,
        *,
        history: Callable[[float, float], pa.Table],
        lake: Path,
        log: OfflineLog,
        registry: Client,
        clock: Clock,
        started_at: float,
        experiments: Path,
        load_library: Callable[[str], ModuleType],
    ) -> None:
        self._config = config
        self._history = history
        self._lake = lake
        self._log = log
        self._registry = registry
        self._clock = clock
        self._experiments = experiments
        self._load_library = load_library
        self._started_at = started_at
        self._status: dict[str, Any] = {
            "attempts": 0,
            "successes": 0,
            "failures": 0,
            "rejections": 0,
            "last_success_at": None,
            "last_error": None,
        }

    def status(self) -> dict[str, Any]:
        """Attempts, outcomes, and the last error."""
        return dict(self._status)

    async def train(self) -> dict[str, Any]:
        """Trains and publishes; the signed manifest. Raises `TrainingFailed`."""
        self._status["attempts"] += 1
        try:
            manifest = await self._train()
        except TrainingFailed as error:
            self._status["failures"] += 1
            self._status["last_error"] = str(error)
            raise
        self._status["successes"] += 1
        self._status["last_success_at"] = self._clock.now()
        self._status["last_error"] = None
        return manifest

    async def _train(self) -> dict[str, Any]:
        now = self._clock.now()
        try:
            library = self._load_library("lightgbm")
        except ImportError as error:
            raise TrainingFailed(f"dependency: {error}") from error
        production = await self._production(library)
        examples = self.examples(now)
        try:
            model, record = train_candidate(
                library, examples, production, trained_at=now, view_dropout=self._config.view_dropout
            )
        except (AttributeError, TypeError, ValueError) as error:  # a library that behaves differently
            raise TrainingFailed(f"training: {type(error).__name__}: {error}") from error
        self._record(record)
        if self._config.gated and record["rejected"]:
            self._status["rejections"] += 1
            raise TrainingFailed("validation gate: " + "; ".join(record["rejected"]))
        artifact = dump(model)
        manifest = sign(record, artifact, self._config.key)
        await self._publish(manifest, artifact)
        return manifest

    def examples(self, now: float) -> pa.Table:
        """Every usable example of the window that ends now, oldest first."""
        past = self._history(now - WINDOW_DAYS * 86400, min(now, self._started_at))
        recent = self._collected()
        parts = [past] if recent is None else [past, recent.select(past.column_names).cast(past.schema)]
        return pa.concat_tables(parts).combine_chunks()

    def _collected(self) -> pa.Table | None:
        """Examples of the flights that ended since the start, from the lake."""
        files = sorted((self._lake / "flights").rglob("*.parquet"))
        tables = [pq.ParquetFile(file).read(use_threads=False) for file in files]
        wanted = [*RAW, "event", "event_time", "arr_delay"]
        rows = [row for table in tables for row in table.to_pylist() if all(name in row for name in wanted)]
        ended: dict[str, dict[str, Any]] = {}
        for row in rows:
            late = label(row["event"], row["arr_delay"])
            usable = row["sched_dep"] is not None and row["distance"] is not None
            if late is not None and usable and row["sched_dep"] - LEAD_S >= self._started_at:
                ended[row["flight_id"]] = {**row, "late": late, "known_at": row["event_time"]}
        if not ended:
            return None
        flights = pa.Table.from_pylist(sorted(ended.values(), key=lambda row: (row["sched_dep"], row["flight_id"])))
        return build_examples(flights, self._log.read())

    async def _production(self, library: ModuleType) -> Model | None:
        """The model in production, to compare with; its artifact must be what was signed."""
        if not self._config.gated:
            return None
        try:
            version = (await self._registry.get("/stages"))["production"]
            if version is None:
                return None
            artifact = await self._registry.raw("GET", f"/models/{version}")
            manifest = await self._registry.get(f"/models/{version}/manifest")
            verify(manifest, artifact, self._config.key)
            return load(library, artifact)
        except (*UNREACHABLE, ServiceError) as error:
            raise TrainingFailed(f"registry: {error or type(error).__name__}") from error
        except (BadSignature, AttributeError, TypeError, ValueError) as error:
            raise TrainingFailed(f"production model: {error}") from error

    async def _publish(self, manifest: Mapping[str, Any], artifact: bytes) -> None:
        body = {"manifest": manifest, "artifact": base64.b64encode(artifact).decode()}
        try:
            await self._registry.post("/models", body)
        except (*UNREACHABLE, ServiceError) as error:
            raise TrainingFailed(f"registry: {error or type(error).__name__}") from error

    def _record(self, record: Mapping[str, Any]) -> None:
        self._experiments.mkdir(parents=True, exist_ok=True)
        with (self._experiments / "experiments.jsonl").open("a") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")


def create_training(trainer: Trainer) -> Starlette:
    """``POST /train`` trains and answers with the manifest, or 500 with the reason."""

    async def train(_: Request) -> Response:
        try:
            return JSONResponse(await trainer.train())
        except TrainingFailed as error:
            return JSONResponse({"detail": str(error)}, status_code=500)

    return Starlette(routes=[Route("/train", train, methods=["POST"]), *service_routes("training", trainer.status)])
