"""The charts on weeks that they have not seen: how often a fault-free pipeline would be alarmed, and what they see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from reference_pipeline.data import prepare
from reference_pipeline.features.definitions import FEATURES, LIVE_VIEWS
from reference_pipeline.monitoring.calibration import CALIBRATION_WEEKS, load_charts
from reference_pipeline.monitoring.charts import (
    LABEL_LAG_S,
    QUALITY_ROWS,
    WINDOW_ROWS,
    Charts,
    Window,
    quality,
    statistics,
    window_rows,
)
from reference_pipeline.training.examples import matrix
from reference_pipeline.training.history import first_model, prepare_examples
from reference_pipeline.training.model import load

Damage = Callable[[NDArray[np.float64]], NDArray[np.float64]]
DAYS = 14
LOOK_EVERY_S = 900
#: An alert that is seen again within this time is the same alert.
QUIET_S = 3600
STARTS = [datetime(2013, month, day, 9, tzinfo=UTC) for month, day in ((6, 10), (9, 9), (11, 11))]


@dataclass
class History:
    """Two weeks after a start as the monitor would have seen them, the first model's predictions included."""

    start: float
    charts: Charts
    rows: Window
    asked_at: NDArray[np.float64]
    known_at: NDArray[np.int64]

    def outside(self, now: float) -> list[str]:
        """What is out of bounds at a moment."""
        recent = self.rows.rows(window_rows(self.asked_at, now, WINDOW_ROWS))
        older = window_rows(self.asked_at, now - LABEL_LAG_S, QUALITY_ROWS)
        labelled = self.rows.rows(older).rows(self.known_at[older] <= now)
        return [name for name, *_ in self.charts.outside(statistics(recent) | quality(labelled), "")]

    def alerts(self) -> Counter[str]:
        """How often each statistic would have raised an alert."""
        seen: dict[str, float] = {}
        raised: Counter[str] = Counter()
        for now in np.arange(self.start + 12 * 3600, self.start + DAYS * 86400, LOOK_EVERY_S):
            for name in self.outside(now):
                raised[name] += now - seen.get(name, -np.inf) > QUIET_S
                seen[name] = now
        return raised


def replayed(start: float) -> History:
    examples = prepare_examples(prepare())
    _, artifact = first_model(examples, start - 2 * 3600, view_dropout=0.05, key=b"test")
    model = load(lightgbm, artifact)
    table = examples.slice(start, start + DAYS * 86400).sort_by("t_pred")
    features = matrix(table, model.codes)
    rows = Window(
        features=features,
        ages_s=np.column_stack([table[f"age.{view}"].to_numpy() for view in LIVE_VIEWS]),
        p=model.predict(features),
        late=table["late"].to_numpy().astype(float),
        origin=np.asarray(table["origin"].to_pylist()),
        carrier=np.asarray(table["carrier"].to_pylist()),
    )
    charts = load_charts(examples, start, lightgbm)
    return History(start, charts, rows, table["t_pred"].to_numpy(), table["known_at"].to_numpy())


@pytest.fixture(scope="module")
def june() -> History:
    return replayed(STARTS[0].timestamp())


def test_two_unseen_weeks_without_a_fault_raise_less_than_an_alert_a_day() -> None:
    a_day = [replayed(start.timestamp()).alerts().total() / DAYS for start in STARTS]
    assert max(a_day) <= 1.0, a_day
    assert sum(a_day) / len(a_day) <= 0.6, a_day


def test_limits_come_from_the_weeks_before_the_start_alone(june: History) -> None:
    examples = prepare_examples(prepare())
    past = examples.slice(june.start - CALIBRATION_WEEKS * 7 * 86400, june.start)
    assert past["known_at"].to_numpy().max() < june.start
    assert june.charts.limits != load_charts(examples, STARTS[1].timestamp(), lightgbm).limits
    kinds = {"mean", "missing", "age", "prediction", "brier", "day", "shadow"}
    assert {name.partition(".")[0] for name in june.charts.limits} == kinds


@pytest.mark.parametrize(
    ("column", "damage", "seen", "hours_at_least"),
    [
        ("weather.temp", lambda value: (value - 32) / 1.8 + 273, "mean.weather.temp", 12),
        ("weather.temp", lambda value: value * np.nan, "missing.weather.temp", 12),
        ("origin.dep_delay_mean", lambda value: value * 60, "mean.origin.dep_delay_mean", 6),
    ],
    ids=["kelvin", "null", "seconds"],
)
def test_gross_damage_is_out_of_bounds_for_most_of_a_day_and_truth_is_not(
    june: History, column: str, damage: Damage, seen: str, hours_at_least: int
) -> None:
    features = june.rows.features.copy()
    index = FEATURES.index(column)
    features[:, index] = damage(features[:, index])
    damaged = replace(june, rows=replace(june.rows, features=features))
    hours = [june.start + hour * 3600 for hour in range(30, 42)]
    assert sum(seen in damaged.outside(now) for now in hours) >= hours_at_least
    assert not any(seen in june.outside(now) for now in hours)
