"""Conversions between units, as ``value * factor + offset``."""

from __future__ import annotations

from collections.abc import Mapping

#: {conversion: (factor, offset)}
CONVERSIONS: Mapping[str, tuple[float, float]] = {
    "celsius_to_fahrenheit": (1.8, 32.0),
    "celsius_to_kelvin": (1.0, 273.15),
    "fahrenheit_to_celsius": (1 / 1.8, -32 / 1.8),
    "fahrenheit_to_kelvin": (1 / 1.8, 273.15 - 32 / 1.8),
    "feet_to_metres": (0.3048, 0.0),
    "hours_to_minutes": (60.0, 0.0),
    "inches_to_millimetres": (25.4, 0.0),
    "kilograms_to_pounds": (1 / 0.45359237, 0.0),
    "km_to_miles": (1 / 1.609344, 0.0),
    "knots_to_kmh": (1.852, 0.0),
    "knots_to_mph": (1.852 / 1.609344, 0.0),
    "metres_to_feet": (1 / 0.3048, 0.0),
    "miles_to_km": (1.609344, 0.0),
    "millibars_to_inches_of_mercury": (1 / 33.8638866667, 0.0),
    "minutes_to_hours": (1 / 60, 0.0),
    "minutes_to_seconds": (60.0, 0.0),
    "mph_to_kmh": (1.609344, 0.0),
    "mph_to_knots": (1.609344 / 1.852, 0.0),
    "mph_to_metres_per_second": (0.44704, 0.0),
    "percent_to_ratio": (0.01, 0.0),
    "pounds_to_kilograms": (0.45359237, 0.0),
    "ratio_to_percent": (100.0, 0.0),
    "units_to_cents": (100.0, 0.0),
}
