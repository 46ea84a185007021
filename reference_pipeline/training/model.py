"""What is trained and served: a full model, a simplified one that needs no feature store, and a prior."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.features.definitions import FEATURES, REQUEST_FEATURES

#: LightGBM's settings; one thread and a seed, so that the same rows give the same model.
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 1,
    "verbose": -1,
}
ROUNDS = 60
SIMPLIFIED_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class Model:
    """Boosters, category codes, and the prior (the share of late flights)."""

    full: Any
    simplified: Any
    codes: Mapping[str, Mapping[str, int]]
    prior: float

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of being late, for rows in the order of `FEATURES`."""
        return np.asarray(self.full.predict(rows, num_threads=1), dtype=float)

    def predict_simplified(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities from the request's own features alone."""
        return np.asarray(self.simplified.predict(rows[:, : len(REQUEST_FEATURES)], num_threads=1), dtype=float)


def fit(
    library: ModuleType,
    rows: NDArray[np.float64],
    late: NDArray[np.float64],
    codes: Mapping[str, Mapping[str, int]],
) -> Model:
    """Trains both models with LightGBM (given as a module)."""
    request_only = len(REQUEST_FEATURES)
    categorical = [FEATURES.index(name) for name in ("carrier", "origin", "dest")]

    def train(columns: NDArray[np.float64], rounds: int) -> Any:
        data = library.Dataset(columns, late, categorical_feature=categorical, free_raw_data=True)
        return library.train(dict(PARAMETERS), data, rounds)

    return Model(
        full=train(rows, ROUNDS),
        simplified=train(np.ascontiguousarray(rows[:, :request_only]), SIMPLIFIED_ROUNDS),
        codes=codes,
        prior=float(late.mean()),
    )


def dump(model: Model) -> bytes:
    """The artifact: JSON with both boosters as text."""
    return json.dumps(
        {
            "features": list(FEATURES),
            "full": model.full.model_to_string(),
            "simplified": model.simplified.model_to_string(),
            "codes": model.codes,
            "prior": model.prior,
        },
        sort_keys=True,
    ).encode()


def load(library: ModuleType, artifact: bytes) -> Model:
    """Reads an artifact; raises `ValueError` for one that was made for other features."""
    content = json.loads(artifact)
    expected: Sequence[str] = FEATURES
    if content.get("features") != list(expected):
        raise ValueError("the model was trained on other features than this service computes")
    return Model(
        full=library.Booster(model_str=content["full"]),
        simplified=library.Booster(model_str=content["simplified"]),
        codes=content["codes"],
        prior=content["prior"],
    )
