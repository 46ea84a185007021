"""What is trained and served: a full model, a simplified one that needs no feature store, and a prior."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.features.definitions import CATEGORICAL, FEATURES, REQUEST_FEATURES

#: LightGBM's settings; one thread and a seed, so that the same rows give the same model.
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbose": -1,
}
ROUNDS = 45
SIMPLIFIED_ROUNDS = 20


class ModelError(Exception):
    """The library that trains and predicts failed, or an artifact can't be used; the message says which and why."""


@contextmanager
def _library(doing: str) -> Iterator[None]:
    """Turns whatever the library raises into `ModelError`."""
    try:
        yield
    except Exception as error:  # the boundary to a library that may be any release of it, with its own exceptions
        raise ModelError(f"{doing}: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Model:
    """Boosters, category codes, the prior (the share of late flights), and a calibration by segment, if there is one:
    what is added to the log-odds, by category and name."""

    full: Any
    simplified: Any
    codes: Mapping[str, Mapping[str, int]]
    prior: float
    offsets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(self.offsets.keys() - {*CATEGORICAL})
        if unknown:
            raise ModelError(f"calibrating: {', '.join(unknown)}: no segments of this model ({', '.join(CATEGORICAL)})")

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of being late, for rows in the order of `FEATURES`. Raises `ModelError`."""
        with _library("predicting"):
            p = np.asarray(self.full.predict(rows, num_threads=1), dtype=float)
        return self._calibrated(rows, p) if self.offsets else p

    def _calibrated(self, rows: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
        odds = np.log(np.clip(p, 1e-9, 1 - 1e-9) / (1 - np.clip(p, 1e-9, 1 - 1e-9)))
        for category, names in self.offsets.items():
            column = rows[:, FEATURES.index(category)]
            for name, offset in names.items():
                odds = odds + offset * (column == self.codes[category].get(name, math.inf))
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=float)

    def predict_simplified(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities from the request's own features alone. Raises `ModelError`."""
        with _library("predicting"):
            return np.asarray(self.simplified.predict(rows[:, : len(REQUEST_FEATURES)], num_threads=1), dtype=float)


def fit(
    library: ModuleType,
    rows: NDArray[np.float64],
    late: NDArray[np.float64],
    codes: Mapping[str, Mapping[str, int]],
) -> Model:
    """Trains both models with LightGBM (given as a module). Raises `ModelError`."""
    request_only = len(REQUEST_FEATURES)
    categorical = [FEATURES.index(name) for name in CATEGORICAL]

    def train(columns: NDArray[np.float64], rounds: int) -> Any:
        data = library.Dataset(columns, late, categorical_feature=categorical, free_raw_data=True)
        return library.train(dict(PARAMETERS), data, rounds)

    with _library("training"):
        return Model(
            full=train(rows, ROUNDS),
            simplified=train(np.ascontiguousarray(rows[:, :request_only]), SIMPLIFIED_ROUNDS),
            codes=codes,
            prior=float(late.mean()),
        )


def calibrated(model: Model, offsets: Any) -> Model:
    """The model with a calibration by segment: {category: {name: what is added to the log-odds}}.

    Raises `ModelError` for a table that isn't one, or is about categories that the model doesn't know.
    """
    try:
        table = {category: {name: float(by) for name, by in names.items()} for category, names in offsets.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError(f"calibrating: the table is not {{category: {{name: log-odds}}}}: {error}") from error
    return replace(model, offsets=table)


def dump(model: Model) -> bytes:
    """The artifact: JSON with both boosters as text. Raises `ModelError`."""
    with _library("saving the model"):
        full, simplified = model.full.model_to_string(), model.simplified.model_to_string()
    content = {
        "features": list(FEATURES),
        "full": full,
        "simplified": simplified,
        "checksum": _checksum(full, simplified),
        "codes": model.codes,
        "prior": model.prior,
        "offsets": model.offsets,
    }
    return json.dumps(content, sort_keys=True).encode()


def _checksum(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def load(library: ModuleType, artifact: bytes) -> Model:
    """Reads an artifact; raises `ModelError` for one that isn't whole or was made for other features."""
    with _library("reading the model"):
        content = json.loads(artifact)
        if content["features"] != list(FEATURES):
            raise ValueError("it was trained on other features than this service computes")
        if content["checksum"] != _checksum(content["full"], content["simplified"]):
            # Not for safety, which is the signature's business: native code aborts the process over a damaged tree.
            raise ValueError("it is damaged")
        return Model(
            full=library.Booster(model_str=content["full"]),
            simplified=library.Booster(model_str=content["simplified"]),
            codes={name: dict(content["codes"][name]) for name in CATEGORICAL},
            prior=float(content["prior"]),
            offsets=content["offsets"],
        )
