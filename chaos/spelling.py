"""Did-you-mean: the known name that a wrong one was most likely meant for."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

#: How alike two names must be, 0 to 1; and how much the beginning or a word of a name counts beside a whole one.
_ALIKE, _BEGINNING, _WORD = 0.65, 0.95, 0.9
#: How much the family of a fault (what stands before the dot) counts beside its own name.
_FAMILY = 0.2
#: Parts of a name count from this many letters on, and no more than these are looked at.
_SHORTEST, _LONGEST = 3, 100


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name that is most like the wrong one, if any is like it.

    The own name of a fault must be alike, not only its family; its beginning or one of its words is enough.

    >>> nearest("data.nul", ["data.fan_out", "data.disguised_null", "data.null_spike"])
    'data.null_spike'
    >>> nearest("data.xyz", ["data.typos"]) is None
    True
    """
    scored = [(_likeness(wrong.lower()[:_LONGEST], name.lower()), name) for name in sorted(known)]
    best, name = max(scored, key=lambda item: item[0], default=(0.0, ""))
    return name if best >= _ALIKE else None


def _likeness(wrong: str, name: str) -> float:
    if wrong == name:
        return 1.0
    family, _, own = wrong.rpartition(".")
    known_family, _, known_own = name.rpartition(".")
    alike = _closeness(own, known_own)
    if alike < _ALIKE or not (family and known_family):
        return alike
    return (1.0 - _FAMILY) * alike + _FAMILY * _ratio(family, known_family)


def _closeness(wrong: str, name: str) -> float:
    """How alike two words are, the second of which may be several with ``_`` between them."""
    whole = _ratio(wrong, name)
    if len(wrong) < _SHORTEST:
        return whole
    words = name.split("_")
    best = max((_ratio(wrong, word) for word in words), default=0.0) if len(words) > 1 else 0.0
    return max(whole, _WORD * best, _BEGINNING if name.startswith(wrong) else 0.0)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
