"""From examples to a candidate: trained on the older rows, measured on the newest ones beside what is in production."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reference_pipeline.features.definitions import REQUEST_FEATURES, VIEWS, columns_of
from reference_pipeline.training import gate
from reference_pipeline.training.examples import codes_of, matrix
from reference_pipeline.training.model import Model, fit

#: Rows of how many days a model is trained on, and the share of the newest that the gate holds out.
WINDOW_DAYS = 28
HOLD_OUT = 0.1


def train_candidate(
    library: ModuleType,
    examples: pa.Table,
    production: Model | None,
    *,
    trained_at: float,
    view_dropout: float,
    segments: Sequence[str] = ("origin",),
) -> tuple[Model, dict[str, Any]]:
    """A model and its record: version, lineage, metrics, and why the gate would reject it.

    ``examples`` are sorted by time; ``view_dropout`` is the share of rows in which a feature view is hidden;
    ``segments`` are columns by whose values the candidate is measured too. Raises `ModelError`.
    """
    codes = codes_of(examples)
    rows, late = matrix(examples, codes), examples["late"].to_numpy().astype(float)
    cut = int(len(late) * (1 - HOLD_OUT))
    model = fit(library, _with_dropout(rows[:cut], view_dropout), late[:cut], codes)
    parts = {name: examples[name].to_pylist()[cut:] for name in segments}
    p = model.predict(rows[cut:])
    prior = float(late[:cut].mean())
    measured = gate.metrics(p, late[cut:], parts, prior)
    before = None
    if production is not None:
        rows_before = matrix(examples.slice(cut), production.codes)
        before = gate.metrics(production.predict(rows_before), late[cut:], parts, prior)
    return model, {
        "version": datetime.fromtimestamp(trained_at, UTC).strftime("m%Y%m%d-%H%M%S"),
        "trained_at": trained_at,
        "window_days": WINDOW_DAYS,
        "rows": examples.num_rows,
        "data_sha256": hashlib.sha256(rows.tobytes() + late.tobytes()).hexdigest(),
        "library": f"lightgbm {getattr(library, '__version__', 'unknown')}",
        "metrics": measured,
        "production": before,
        "rejected": gate.judge(p, measured, before),
    }


def _with_dropout(rows: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Hides each view in a share of the rows, and all of them in another, so that the model learns to do without."""
    if not share:
        return rows
    masked = rows.copy()
    generator = np.random.Generator(np.random.PCG64(1))
    for kind in VIEWS:
        hidden = np.flatnonzero(generator.random(len(masked)) < share)
        masked[np.ix_(hidden, np.array(columns_of([kind])))] = np.nan
    masked[generator.random(len(masked)) < share, len(REQUEST_FEATURES) :] = np.nan
    return masked
