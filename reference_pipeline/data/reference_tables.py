"""Weather observations and the register of planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


def weather_table(weather: pd.DataFrame) -> pa.Table:
    """One row an airport and hour, sorted by (observed_at, origin).

    ``time_hour`` is taken for the time: the local columns are ambiguous in the hour that is lived twice in
    November.
    """
    naive = np.array([text.removesuffix("Z") for text in weather["time_hour"]], dtype="datetime64[s]")
    measures = {name: pa.array(weather[name].to_numpy(dtype=np.float64), from_pandas=True) for name in MEASURES}
    times = {"origin": pa.array(weather["origin"].tolist()), "observed_at": pa.array(naive.astype(np.int64))}
    return pa.table(times | measures).sort_by([("observed_at", "ascending"), ("origin", "ascending")])


def planes_table(planes: pd.DataFrame) -> pa.Table:
    """One row a plane, sorted by tailnum. 70 years of manufacture are unknown."""
    year = planes["year"].to_numpy(dtype=np.float64)
    missing = np.isnan(year)
    return pa.table(
        {
            "tailnum": pa.array(planes["tailnum"].tolist()),
            "year": pa.array(np.where(missing, 0, year).astype(np.int64), mask=missing),
            "manufacturer": pa.array(planes["manufacturer"].tolist()),
            "engines": pa.array(planes["engines"].to_numpy(dtype=np.int64)),
            "seats": pa.array(planes["seats"].to_numpy(dtype=np.int64)),
        }
    ).sort_by("tailnum")
