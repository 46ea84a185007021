"""Shadow mode: a candidate answers what production was asked lately, and nobody sees it but the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_pipeline.features.definitions import REQUEST_FEATURES
from reference_pipeline.monitoring.charts import Window
from reference_pipeline.monitoring.days import shifts
from reference_pipeline.training.model import Model

#: Without a limit from history, a segment's mean may move by so much.
_LIMIT = (-0.1, 0.1)


def apart(
    entries: Sequence[Sequence[Any]], production: Model, candidate: Model, limit: tuple[float, float] | None
) -> list[str]:
    """In which segments, and how far, a candidate's predictions differ more from production's than those of two nights
    ever did; ``entries`` are serving's log, ``limit`` the range of such shifts in history.
    """
    if not entries:
        return []
    flights = [entry[2] for entry in entries]
    features = np.array([entry[8] for entry in entries], dtype=float)
    day = Window(
        features=features,
        ages_s=np.empty((len(flights), 0)),
        p=np.empty(len(flights)),
        late=np.empty(len(flights)),
        origin=np.array([entry[3] for entry in entries]),
        carrier=np.array([entry[4] for entry in entries]),
    )
    low, high = limit or _LIMIT
    found = shifts(production.predict(features), candidate.predict(_coded(features, production, candidate)), day)
    return [f"{segment}: mean {shift:+.3f}" for segment, shift in found.items() if not low <= shift <= high]


def _coded(features: np.ndarray[Any, np.dtype[np.float64]], old: Model, new: Model) -> np.ndarray[Any, Any]:
    """The rows with each category's number in the other model."""
    coded = features.copy()
    for name in old.codes:
        column = REQUEST_FEATURES.index(name)
        names = {code: text for text, code in old.codes[name].items()}
        coded[:, column] = [new.codes[name].get(names.get(int(code), ""), -1) for code in features[:, column]]
    return coded
