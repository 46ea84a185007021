"""Conversions between units, as ``value * factor + offset``."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

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

_MILE, _POUND = Fraction("1.609344"), Fraction("0.45359237")
#: Those of them that no float holds, and no text of a float either.
_EXACT: Mapping[str, tuple[Fraction, Fraction]] = {
    "fahrenheit_to_celsius": (Fraction(5, 9), Fraction(-160, 9)),
    "fahrenheit_to_kelvin": (Fraction(5, 9), Fraction("273.15") - Fraction(160, 9)),
    "kilograms_to_pounds": (1 / _POUND, Fraction(0)),
    "km_to_miles": (1 / _MILE, Fraction(0)),
    "knots_to_mph": (Fraction("1.852") / _MILE, Fraction(0)),
    "metres_to_feet": (1 / Fraction("0.3048"), Fraction(0)),
    "millibars_to_inches_of_mercury": (1 / Fraction("33.8638866667"), Fraction(0)),
    "minutes_to_hours": (Fraction(1, 60), Fraction(0)),
    "mph_to_knots": (_MILE / Fraction("1.852"), Fraction(0)),
}


def exact_conversion(name: str) -> tuple[Fraction, Fraction]:
    """The conversion as fractions, for numbers with more digits than a float has.

    >>> exact_conversion("fahrenheit_to_celsius")[0], exact_conversion("feet_to_metres")[0]
    (Fraction(5, 9), Fraction(381, 1250))
    """
    if name in _EXACT:
        return _EXACT[name]
    factor, offset = CONVERSIONS[name]
    return Fraction(repr(factor)), Fraction(repr(offset))
