from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.durations import DURATION_PATTERN, MAX_DURATION_S, format_duration, parse_duration


@given(st.integers(min_value=0, max_value=int(MAX_DURATION_S * 1000)))
def test_what_is_written_is_read_back_to_the_millisecond(ms: int) -> None:
    text = format_duration(ms / 1000)
    assert parse_duration(text) == ms / 1000
    assert re.search(DURATION_PATTERN, text)


@given(st.text(max_size=12) | st.from_regex(r"[-+]?[0-9.]{0,4}( ?[a-z]{1,3}[0-9]{0,2}){0,3}", fullmatch=True))
def test_reading_gives_seconds_or_says_what_to_write(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= MAX_DURATION_S
    assert re.search(DURATION_PATTERN, text)
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("4h", 14_400), ("1h30m", 5400), ("2d", 172_800), ("250ms", 0.25), ("1.5h", 5400), ("0s", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (90, "expected a duration with a unit, got the number 90. Write '90s'."),
        (1.5, "expected a duration with a unit, got the number 1.5. Write '1.5s'."),
        ("90", "expected a duration with a unit, got the number 90. Write '90s'."),
        (-3, "a duration can't be negative, got -3. Write for example '90s', '4h', '1h30m', '2d' or '250ms'."),
        ("-1h", "a duration can't be negative, got -1h. Write for example '90s', '4h', '1h30m', '2d' or '250ms'."),
        ("4 hours", "expected a duration, got '4 hours'. Write '4h'."),
        ("1H30M", "expected a duration, got '1H30M'. Write '1h30m'."),
        ("30m1h", "expected a duration, got '30m1h'. Write for example '90s', '4h', '1h30m', '2d' or '250ms'."),
        ("1:30", "expected a duration, got '1:30'. Write for example '90s', '4h', '1h30m', '2d' or '250ms'."),
        ("0.1ms", "a duration can't be finer than a millisecond, got '0.1ms'. Round it."),
        ("4000d", "a duration can't be longer than ten years, got '4000d'. Write at most '3650d'."),
        (
            "1234567890123456d",
            "expected a duration, got '1234567890123456d'. Write for example '90s', '4h', '1h30m', '2d' or '250ms'.",
        ),
        (True, "expected a duration, got True. Write for example '90s', '4h', '1h30m', '2d' or '250ms'."),
    ],
)
def test_what_is_refused_and_how_it_is_said(value: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        parse_duration(value)
