"""Categories and labels: another one of those that there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from chaos.data.cells import Victims
from chaos.data.columns import in_words, picked, plain
from chaos.data.rows import I64
from chaos.data.values import alike, places, typed
from chaos.data.where import Scalar


def another_of(values: pa.Array, items: Sequence[Scalar], victims: Victims, *, fault: str, param: str) -> pa.Array:
    """For each value another one of the items, each equally likely; null stays null."""
    if pa.types.is_dictionary(values.type) and values.dictionary.null_count:  # a word that is none
        values = values.dictionary_decode().dictionary_encode()
    if pa.types.is_dictionary(values.type) and alike(values.dictionary.type, items):
        words, numbers = in_words(values.dictionary, typed(items, values.dictionary.type, fault=fault, param=param))
        among = np.full(len(words), -1)
        among[numbers.to_numpy()] = np.arange(len(items))
        if len(values.dictionary) and among[: len(values.dictionary)].min() >= 0:
            return _another_word(values.indices, words, numbers.to_numpy(), among, victims)
    found = places(values, items, fault=fault, param=param)
    chosen = found + 1 + victims.choices("category", len(items) - 1)
    chosen -= len(items) * (chosen >= len(items))
    if found.min(initial=0) < 0:
        chosen = np.where(found >= 0, chosen, victims.choices("any category", len(items)))
    return _item(values, items, chosen, fault, param)


def _another_word(given: pa.Array, words: pa.Array, numbers: I64, among: I64, victims: Victims) -> pa.Array:
    """`another_of` for words that are all items: looked up by word and draw.

    ``numbers`` are the places of the items among the words, ``among`` those of the words among the items.
    """
    count = len(numbers) - 1
    others = (among[:, np.newaxis] + 1 + np.arange(count)) % len(numbers)
    table = numbers.astype(np.min_scalar_type(-len(words)))[others.ravel()]
    mask = None
    if given.null_count:
        given, mask = given.fill_null(0), given.is_null().to_numpy(zero_copy_only=False)
    given = given.to_numpy()
    chosen = np.empty(len(given), dtype=table.dtype)
    for first, part in victims.parts():
        place = np.multiply(given[first : first + len(part)], count, dtype=np.int64)
        place += part.choices("category", count)
        table.take(place, out=chosen[first : first + len(part)], mode="clip")  # without a buffer
    return pa.DictionaryArray.from_arrays(pa.array(chosen, mask=mask), words, safe=False)  # all are places of words


def next_of(values: pa.Array, items: Sequence[Scalar], *, fault: str, param: str) -> pa.Array:
    """For each value the item after it, the first after the last; what is no item stays.

    >>> next_of(pa.array(["a", "b", "x"]), ["a", "b"], fault="data.concept_drift", param="classes").to_pylist()
    ['b', 'a', 'x']
    """
    values = plain(values)
    found = places(values, items, fault=fault, param=param)
    return picked(found >= 0, _item(values, items, (found + 1) % len(items), fault, param), values)


def _item(values: pa.Array, items: Sequence[Scalar], chosen: I64, fault: str, param: str) -> pa.Array:
    mask = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    if not pa.types.is_dictionary(values.type):
        return typed(items, values.type, fault=fault, param=param).take(pa.array(chosen, mask=mask))
    words = values.dictionary
    words, numbers = in_words(words, typed(items, words.type, fault=fault, param=param))
    return pa.DictionaryArray.from_arrays(pa.array(numbers.to_numpy()[chosen], mask=mask), words)
