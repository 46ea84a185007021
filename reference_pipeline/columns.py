"""The columns that each provider publishes, and their types: ``string``, ``int64``, ``float64`` or ``timestamp``.

Light on purpose: tools that only need to know what there is don't load the libraries that read it.
"""

from __future__ import annotations

from collections.abc import Mapping

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "flights": {
        "flight_id": "string",
        "carrier": "string",
        "flight": "int64",
        "tailnum": "string",
        "origin": "string",
        "dest": "string",
        "sched_dep": "timestamp",
        "distance": "float64",
        "event": "string",
        "event_time": "timestamp",
        "dep_delay": "float64",
        "arr_delay": "float64",
    },
    "weather": {
        "origin": "string",
        "observed_at": "timestamp",
        "temp": "float64",
        "dewp": "float64",
        "humid": "float64",
        "wind_dir": "float64",
        "wind_speed": "float64",
        "wind_gust": "float64",
        "precip": "float64",
        "pressure": "float64",
        "visib": "float64",
    },
    "planes": {
        "tailnum": "string",
        "year": "int64",
        "manufacturer": "string",
        "engines": "int64",
        "seats": "int64",
    },
}
