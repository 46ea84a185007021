"""What was asked before the start: a monitor of days begins with the days that it has seen already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from reference_pipeline.features.definitions import LIVE_VIEWS
from reference_pipeline.training.examples import matrix
from reference_pipeline.training.model import Model


@dataclass(frozen=True, slots=True)
class Asked:
    """One prediction of the past: moment in epoch seconds, and the label if it was known at the start."""

    at: float
    flight_id: str
    origin: str
    carrier: str
    p: float
    features: Sequence[float]
    ages_s: Mapping[str, float]
    late: int | None


def asked_before(examples: pa.Table, model: Model, start: float) -> list[Asked]:
    """The predictions that a model made before ``start`` (epoch seconds), oldest first, from examples around it."""
    past = examples.filter(pa.array(examples["t_pred"].to_numpy() < start)).sort_by("t_pred")
    rows = matrix(past, model.codes)
    p = model.predict(rows)
    ages = np.column_stack([past[f"age.{kind}"].to_numpy() for kind in LIVE_VIEWS])
    columns = [past[name].to_pylist() for name in ("t_pred", "flight_id", "origin", "carrier", "known_at", "late")]
    return [
        Asked(
            at=at,
            flight_id=flight_id,
            origin=origin,
            carrier=carrier,
            p=float(p[i]),
            features=rows[i].tolist(),
            ages_s=dict(zip(LIVE_VIEWS, ages[i].tolist(), strict=True)),
            late=late if known_at <= start else None,
        )
        for i, (at, flight_id, origin, carrier, known_at, late) in enumerate(zip(*columns, strict=True))
    ]
