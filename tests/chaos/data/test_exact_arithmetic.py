"""What has more digits than a float: computed for many values at once, and the same as one by one in fractions."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaos
from chaos.data.decimals import rounded_units, rounded_whole
from chaos.data.precise import clipped, moved_by

LIMITS = {np.dtype(np.int64): (-(2**63), 2**63 - 1), np.dtype(np.uint64): (0, 2**64 - 1)}
fractions = st.fractions() | st.sampled_from([Fraction(1, 2), Fraction(9, 5), Fraction(5, 9), Fraction(3), Fraction(0)])
weights = st.floats(allow_nan=False) | st.floats(-3, 3) | st.integers(-(2**55), 2**55).map(lambda n: n / 4)


def numbers(dtype: np.dtype[Any]) -> st.SearchStrategy[list[int]]:
    low, high = LIMITS[dtype]
    near = st.integers(max(low, -(2**55)), 2**55)
    return st.lists(st.integers(low, high) | near | st.sampled_from([low, high, 2**53, 2**62, 2**63 - 1]), min_size=1)


def fits(value: int, dtype: np.dtype[Any]) -> int:
    low, high = LIMITS[dtype]
    return min(max(value, low), high)


@pytest.mark.parametrize("dtype", LIMITS, ids=str)
@given(data=st.data(), factor=fractions, offset=fractions)
def test_a_factor_and_an_offset(dtype: np.dtype[Any], data: st.DataObject, factor: Fraction, offset: Fraction) -> None:
    old = data.draw(numbers(dtype))
    expected = [round(value * factor + offset) for value in old]
    assert rounded_units(np.array(old, dtype=object), factor, offset).tolist() == expected
    found = rounded_whole(np.array(old, dtype=dtype), factor, offset)
    assert found.dtype == dtype
    assert found.tolist() == [fits(value, dtype) for value in expected]


@pytest.mark.parametrize("dtype", LIMITS, ids=str)
@given(data=st.data(), times=fractions, plus=fractions, onto=st.booleans(), one=st.booleans())
def test_weights(
    dtype: np.dtype[Any], data: st.DataObject, times: Fraction, plus: Fraction, onto: bool, one: bool
) -> None:
    if one:  # as noise is added
        times, plus = Fraction(0), Fraction(1)
    old = data.draw(numbers(dtype))
    by = data.draw(st.lists(weights, min_size=len(old), max_size=len(old)) | weights.map(lambda w: [w] * len(old)))
    largest = float(np.finfo(float).max)
    exact = [Fraction(min(max(weight, -largest), largest)) for weight in by]
    expected = [round(w * (v * times + plus) + (v if onto else 0)) for v, w in zip(old, exact, strict=True)]
    found = moved_by(np.array(old, dtype=object), np.array(by), times, plus, onto=onto)
    assert found.tolist() == expected
    found = moved_by(np.array(old, dtype=dtype), np.array(by), times, plus, onto=onto)
    assert [fits(v, dtype) for v in found.tolist()] == [fits(v, dtype) for v in expected]


@pytest.mark.parametrize("dtype", LIMITS, ids=str)
@given(data=st.data(), low=st.none() | fractions, high=st.none() | fractions, unit=st.sampled_from([1, 100, 10**20]))
def test_clipping(
    dtype: np.dtype[Any], data: st.DataObject, low: Fraction | None, high: Fraction | None, unit: int
) -> None:
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    old = data.draw(numbers(dtype))
    for array in (np.array(old, dtype=object), np.array(old, dtype=dtype)):
        expected = [Fraction(v, unit) for v in old]
        expected = expected if low is None else [max(v, low) for v in expected]
        expected = expected if high is None else [min(v, high) for v in expected]
        found = clipped(array, low, high, Fraction(unit)).tolist()
        assert [fits(v, dtype) for v in found] == [fits(round(v * unit), dtype) for v in expected]


@pytest.mark.parametrize("sigma", [1e-12, 5.0, 1e17, 1e308])
def test_noise_of_any_size_without_a_warning(sigma: float) -> None:
    table = pa.table({"a": pa.array([2**62 + 1, -(2**60), 3] * 300)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = chaos.inject(table, "data.gaussian_noise", column="a", sigma=sigma, rate=1, seed=1)
    assert made["a"].type == pa.int64()
