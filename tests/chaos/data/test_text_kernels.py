"""Typing errors and wrong encodings on any Unicode text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.data.columns import scattered
from chaos.data.text import KINDS, Texts, mojibake, typo

TEXTS = st.lists(st.none() | st.text(max_size=9), max_size=12)


@settings(deadline=None)
@given(texts=TEXTS, large=st.booleans(), cut=st.integers(0, 5))
def test_texts_survive_the_way_through_code_points(texts: list[str | None], large: bool, cut: int) -> None:
    array = pa.array(texts, pa.large_string() if large else pa.string()).slice(cut)
    assert Texts.of(array).to_arrow(array).to_pylist() == array.to_pylist()


@settings(deadline=None)
@given(texts=TEXTS, seed=st.integers(0, 2**32), kinds=st.lists(st.sampled_from(KINDS), min_size=1, unique=True))
def test_a_typo_is_one_edit(texts: list[str | None], seed: int, kinds: list[str]) -> None:
    bits = np.random.Generator(np.random.Philox(seed)).integers(0, 2**64, len(texts), dtype=np.uint64)
    out = typo(pa.array(texts, pa.string()), bits, kinds).to_pylist()
    for was, now in zip(texts, out, strict=True):
        if not was:
            assert now == was
            continue
        assert now is not None
        assert now != was
        assert abs(len(now) - len(was)) <= 1
        if len(now) == len(was):
            assert sum(a != b for a, b in zip(was, now, strict=True)) <= 2


@settings(deadline=None)
@given(texts=TEXTS)
def test_mojibake_is_what_a_wrong_decoder_reads(texts: list[str | None]) -> None:
    array = pa.array(texts, pa.string())

    def read(encoding: str, decoding: str) -> list[str | None]:
        return [None if t is None else t.encode(encoding).decode(decoding, "replace") for t in texts]

    assert mojibake(array, "utf8_as_latin1").to_pylist() == read("utf-8", "latin-1")
    assert mojibake(array, "utf8_as_cp1252").to_pylist() == read("utf-8", "cp1252")
    assert mojibake(array, "utf16_as_latin1").to_pylist() == read("utf-16-le", "latin-1")


@settings(deadline=None)
@given(texts=TEXTS, data=st.data(), cut=st.integers(0, 5))
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_scattering_changes_the_given_rows_only(
    kind: pa.DataType, texts: list[str | None], data: st.DataObject, cut: int
) -> None:
    array = pa.array(texts, pa.string()).cast(kind).slice(cut)
    rows = sorted(data.draw(st.sets(st.integers(0, len(array) - 1)))) if len(array) else []
    new = data.draw(st.lists(st.none() | st.text(max_size=5), min_size=len(rows), max_size=len(rows)))
    expected = array.to_pylist()
    for row, value in zip(rows, new, strict=True):
        expected[row] = value
    out = scattered(array, np.array(rows, dtype=np.int64), pa.array(new, pa.string()).cast(kind))
    out.validate(full=True)
    assert out.to_pylist() == expected
