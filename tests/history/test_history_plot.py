"""The plot on a terminal: any values, any number of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.history.plot import bars_of, draw

values = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), min_size=1, max_size=300)


@given(values, st.integers(1, 70), st.integers(1, 8))
def test_any_course_fits_and_says_its_maximum(found: list[float | None], width: int, height: int) -> None:
    bars = bars_of(found, [value is None for value in found], width)
    lines = draw(bars, height, lambda value: f"{value:.3g}")
    assert len(bars) == min(width, len(found))
    assert len(lines) == height + any(value is None for value in found)
    assert max(map(len, lines)) <= len(bars) + 12
    above = [bar.value for bar in bars if bar.value]
    if above:
        assert lines[-height].lstrip().startswith(f"{max(above):.3g} ┤")
        assert "█" in lines[-height] or height > 1


def test_values_far_apart_are_drawn_by_their_logarithm() -> None:
    lines = draw(bars_of([1.0, 100.0, 10_000.0], [False] * 3, 3), 5, lambda value: f"{value:.0f}")
    assert [line[-3:].count("█") + line[-3:].count("▁") for line in lines if "┤" in line][-1] == 3
    assert lines[0].startswith("10000 ┤")
