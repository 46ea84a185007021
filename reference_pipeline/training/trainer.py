"""Point-in-time examples in; a gated and signed model out, with lineage and an experiment record."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from reference_pipeline.clock import Clock
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.http import UNREACHABLE, Client, ServiceError
from reference_pipeline.registry.signing import BadSignature, sign, verify
from reference_pipeline.settings import Settings
from reference_pipeline.training import gate
from reference_pipeline.training.candidate import WINDOW_DAYS, train_candidate
from reference_pipeline.training.collected import Collected
from reference_pipeline.training.model import Model, ModelError, calibrated, dump, load

#: With fewer examples, a tenth of them says nothing about a model.
ROWS_AT_LEAST = 1000


class TrainingFailed(Exception):
    """No model came out; the message says why."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """``gate_segments`` are the columns by which the gate compares besides overall, None for no gate.

    ``view_dropout`` is the share of rows in which a feature view is hidden, for the model to learn without it. With
    ``needs_tracker``, a training whose experiment can't be recorded has failed.
    """

    gate_segments: tuple[str, ...] | None
    view_dropout: float
    key: bytes
    needs_tracker: bool = True


class Trainer:
    """Trains on history before ``started_at`` (epoch seconds) and on what the pipeline has collected since.

    Training keeps the service's event loop busy: it has nothing else to answer meanwhile but looks at its health. The
    setting ``offsets`` ({category: {name: log-odds}}) is the calibration table that a release comes with;
    ``signing_key`` takes the place of the key that models are signed with, ``experiments`` of the tracker's folder.
    """

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
        settings: Settings | None = None,
    ) -> None:
        self._config = config
        self._history = history
        self._collected = Collected(lake, log)
        self._registry = registry
        self._clock = clock
        self._experiments = experiments
        self._load_library = load_library
        self._settings = settings
        self._started_at = started_at
        self._counts = {"attempts": 0, "successes": 0, "failures": 0, "rejections": 0}
        self._last_success_at: float | None = None
        self._last_error: str | None = None
        self._refused_libraries: list[str] = []
        self._untracked: str | None = None

    def status(self) -> dict[str, Any]:
        """Attempts, outcomes, the last success (epoch seconds), and why the last attempt failed, if it did."""
        return {
            **self._counts,
            "last_success_at": self._last_success_at,
            "last_error": self._last_error,
            "refused_settings": self._settings.refused if self._settings is not None else None,
            "refused_libraries": self._refused_libraries,
            "untracked": self._untracked,
        }

    async def train(self, as_of: float | None = None) -> dict[str, Any]:
        """Trains and publishes; the signed manifest. Raises `TrainingFailed`.

        ``as_of`` (epoch seconds, by default now) is the moment whose examples it trains on: each attempt of a job gets
        the same model.
        """
        self._counts["attempts"] += 1
        try:
            manifest = await self._train(as_of)
        except TrainingFailed as error:
            self._counts["failures"] += 1
            self._last_error = str(error)
            raise
        self._counts["successes"] += 1
        self._last_success_at = self._clock.now()
        self._last_error = None
        return manifest

    async def _train(self, as_of: float | None) -> dict[str, Any]:
        now = self._clock.now()
        gated = self._config.gate_segments is not None
        try:
            library = self._library()
            before, uncompared = await self._production(library) if gated else (None, None)
            model, record = train_candidate(
                library,
                self.examples(now, as_of),
                before,
                trained_at=now,
                view_dropout=self._config.view_dropout,
                segments=self._config.gate_segments or (),
            )
            record["uncompared"] = uncompared
            settings = self._settings.current() if self._settings is not None else {}
            artifact = dump(calibrated(model, settings.get("offsets", {})))
            self._track(record, settings.get("experiments"))
        except (ImportError, AttributeError) as error:
            raise TrainingFailed(f"dependency: {error}") from error
        except ModelError as error:
            raise TrainingFailed(f"model: {error}") from error
        except (OSError, pa.ArrowException) as error:
            raise TrainingFailed(f"data: {type(error).__name__}: {error}") from error
        if gated and record["rejected"]:
            self._counts["rejections"] += 1
            raise TrainingFailed(f"{gate.CAUSE}: {'; '.join(record['rejected'])}")
        key = str(settings["signing_key"]).encode() if "signing_key" in settings else self._config.key
        manifest = sign(record, artifact, key)
        await self._publish(manifest, artifact)
        return manifest

    def _library(self) -> ModuleType:
        try:
            library = self._load_library("lightgbm")
        except ImportError as error:
            self._refused_libraries = [str(error)]
            raise
        self._refused_libraries = []
        return library

    def examples(self, now: float, as_of: float | None = None) -> pa.Table:
        """Every usable example of the window that ends now, or ended then, oldest first.

        Flights that were asked about before the start and ended after it are in neither part: the offline log knows
        nothing from before the start. Raises `TrainingFailed` if they are too few.
        """
        end = now if as_of is None else min(as_of, now)
        begin = end - WINDOW_DAYS * 86400
        past = self._history(begin, min(end, self._started_at))
        recent = self._collected.examples(since=max(begin, self._started_at), now=now, as_of=end)
        examples = pa.concat_tables([past, recent.select(past.column_names).cast(past.schema)]).combine_chunks()
        if examples.num_rows < ROWS_AT_LEAST:
            raise TrainingFailed(f"data: {examples.num_rows} examples, at least {ROWS_AT_LEAST} are needed")
        return examples

    async def _production(self, library: ModuleType) -> tuple[Model | None, str | None]:
        """The model in production, to compare with, or why there is none to compare with.

        A damaged one must not stop the training of its successor; a library that can't read a sound one does.
        """
        try:
            version = (await self._registry.get("/stages"))["production"]
            if version is None:
                return None, "nothing is in production"
            artifact = await self._registry.raw("GET", f"/models/{version}")
            manifest = await self._registry.get(f"/models/{version}/manifest")
            verify(manifest, artifact, self._config.key)
        except (*UNREACHABLE, ServiceError) as error:
            raise TrainingFailed(f"registry: {str(error) or type(error).__name__}") from error
        except BadSignature as error:
            return None, str(error)
        return load(library, artifact), None

    async def _publish(self, manifest: Mapping[str, Any], artifact: bytes) -> None:
        body = {"manifest": manifest, "artifact": base64.b64encode(artifact).decode()}
        try:
            await self._registry.post("/models", body)
        except (*UNREACHABLE, ServiceError) as error:
            raise TrainingFailed(f"registry: {str(error) or type(error).__name__}") from error

    def _track(self, record: Mapping[str, Any], elsewhere: str | None) -> None:
        """Records the experiment; a tracker that can't be written stops only those who need it."""
        try:
            self._record(record, elsewhere)
            self._untracked = None
        except OSError as error:
            if self._config.needs_tracker:
                raise
            self._untracked = str(error)

    def _record(self, record: Mapping[str, Any], elsewhere: str | None) -> None:
        folder = self._experiments if elsewhere is None else Path(elsewhere)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "experiments.jsonl").open("a") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")
