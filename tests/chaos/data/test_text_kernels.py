"""Typing errors and wrong encodings on any Unicode text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.data import text_scatter
from chaos.data.columns import scattered
from chaos.data.text import mojibake
from chaos.data.typing_errors import KINDS, typo

TEXTS = st.lists(st.none() | st.text(max_size=9), max_size=12)


KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")


def neighbour(character: str) -> str:
    """What a slip of the finger gives, written down a second time."""
    for row in KEYS:
        for key, beside in zip(row, row[1:] + row[-2], strict=True):
            if character in (key, key.upper()):
                return beside if character == key else beside.upper()
    if ord(character) < 32:
        return " "
    return {" ": "_", "\x7f": "~"}.get(character) or chr(ord(character) ^ 1)


def edits(text: str, kind: str) -> set[str]:
    """Every text that one error of the kind can make of this one."""
    places = range(len(text))
    slips = {text[:i] + neighbour(text[i]) + text[i + 1 :] for i in places}
    if kind == "neighbour" or len(text) == 1:
        return slips
    if kind == "omit":
        return {text[:i] + text[i + 1 :] for i in places}
    if kind == "double":
        return {text[: i + 1] + text[i:] for i in places}
    swapped = {text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in places[:-1]}
    return (swapped - {text}) | (slips if any(a == b for a, b in pairwise(text)) else set())


@settings(deadline=None, max_examples=300)
@given(
    texts=TEXTS,
    seed=st.integers(0, 2**32),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, unique=True),
    large=st.booleans(),
    cut=st.integers(0, 5),
)
def test_a_typo_is_one_error_of_one_of_the_kinds(
    texts: list[str | None], seed: int, kinds: list[str], large: bool, cut: int
) -> None:
    array = pa.array(texts, pa.large_string() if large else pa.string()).slice(cut)
    bits = np.random.Generator(np.random.Philox(seed)).integers(0, 2**64, len(array), dtype=np.uint64)
    out = typo(array, bits, kinds)
    out.validate(full=True)
    assert out.type == array.type
    for was, now in zip(array.to_pylist(), out.to_pylist(), strict=True):
        if not was:
            assert now == was
        else:
            assert now != was
            assert now in set().union(*(edits(was, kind) for kind in kinds))


@pytest.mark.parametrize("text", ["abcd", "Zürich", "東京都", "a😀ßb"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_place_of_a_text_is_hit(text: str, kind: str) -> None:
    """Over more texts than are edited at a time."""
    bits = np.random.Generator(np.random.Philox(1)).integers(0, 2**64, 20_000, dtype=np.uint64)
    assert set(typo(pa.array([text] * 20_000), bits, [kind]).to_pylist()) == edits(text, kind)


@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS])
def test_it_does_not_matter_how_many_texts_are_edited_at_a_time(kinds: list[str]) -> None:
    """Nor that there is nothing to edit among them."""
    array = pa.array(["Zürich", "", None, "UA", "東京"] * 3_000 + [""] * 20_000 + ["abc"] * 9_000)
    bits = np.random.Generator(np.random.Philox(2)).integers(0, 2**64, len(array), dtype=np.uint64)
    parts = [typo(array.slice(i, 777), bits[i : i + 777], kinds) for i in range(0, len(array), 777)]
    whole = typo(array, bits, kinds)
    whole.validate(full=True)
    assert whole.equals(pa.concat_arrays(parts))


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


_TEXTS = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["Zürich", "Québec", "", "\U0001f600"]))


@settings(deadline=None)
@given(
    parts=st.lists(st.lists(_TEXTS, max_size=6), min_size=1, max_size=5),
    large=st.booleans(),
    keep=st.booleans(),
    one_buffer=st.booleans(),
    narrow=st.booleans(),
    data=st.data(),
)
def test_texts_are_written_over_any_chunks(
    parts: list[list[str | None]], large: bool, keep: bool, one_buffer: bool, narrow: bool, data: st.DataObject
) -> None:
    kind = pa.large_string() if large else pa.string()
    # Each chunk is a slice that does not begin at the beginning of its buffers.
    chunks = [pa.array(["before", *part, "behind"], kind).slice(1, len(part)) for part in parts]
    if one_buffer:
        front = data.draw(st.lists(_TEXTS, max_size=2))
        together = pa.array([*front, *(value for part in parts for value in part)], kind)
        ends = np.cumsum([len(front), *map(len, parts)])
        chunks = [together.slice(end - len(part), len(part)) for end, part in zip(ends[1:], parts, strict=True)]
    before = [value for part in parts for value in part]
    rows = sorted(data.draw(st.sets(st.integers(0, len(before) - 1), max_size=len(before))) if before else set())
    new = data.draw(st.lists(_TEXTS, min_size=len(rows), max_size=len(rows)))
    expected = list(before)
    for row, value in zip(rows, new, strict=True):
        expected[row] = value
    with pytest.MonkeyPatch.context() as patch:
        if keep:
            patch.setattr(text_scatter, "_SMALL", 0)
        if narrow:  # as if the offsets did not reach beyond this
            patch.setattr(text_scatter, "_LARGEST", {4: 20, 8: 20})
        result = text_scatter.scattered_text(chunks, np.array(rows, dtype=np.int64), pa.array(new, kind))
    result.validate(full=True)
    assert result.type == kind
    assert result.to_pylist() == expected
    assert [value for chunk in chunks for value in chunk.to_pylist()] == before


def test_chunks_without_a_changed_text_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_scatter, "_SMALL", 0)
    chunks = [pa.array(["a", "b"]), pa.array(["c", "d"]), pa.array(["e"])]
    result = text_scatter.scattered_text(chunks, np.array([3]), pa.array(["longer"]))
    assert result.to_pylist() == ["a", "b", "c", "longer", "e"]
    addresses = [chunk.buffers()[2].address for chunk in result.chunks]
    assert addresses[0] == chunks[0].buffers()[2].address
    assert addresses[1] != chunks[1].buffers()[2].address
    assert addresses[2] == chunks[2].buffers()[2].address


def test_texts_of_the_same_lengths_share_their_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_scatter, "_SMALL", 0)
    together = pa.array(["a", "b", "c", "d", "e", "f"])
    chunks = [together.slice(0, 2), together.slice(2, 2), together.slice(4, 2)]
    result = text_scatter.scattered_text(chunks, np.array([1, 3]), pa.array(["x", "y"]))
    assert result.to_pylist() == ["a", "x", "c", "y", "e", "f"]
    begins = [chunk.buffers()[1].address + 4 * chunk.offset for chunk in result.chunks]
    assert begins == [together.buffers()[1].address + 4 * offset for offset in (0, 2, 4)]
    data = [chunk.buffers()[2].address for chunk in result.chunks]
    assert data[0] == data[1] != data[2] == together.buffers()[2].address
    assert together.to_pylist() == ["a", "b", "c", "d", "e", "f"]
