"""Reading feature views for a request: time-outs and a breaker around the store, and what stands in when it fails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from redis.exceptions import RedisError

from reference_pipeline.clock import Clock
from reference_pipeline.features.definitions import LIVE_VIEWS, VIEWS, as_number
from reference_pipeline.settings import Settings
from reference_pipeline.store.online import STAMP, FeatureStore

Views = dict[str, dict[str, Any] | None]

#: So many failures in a row open the breaker, for so many seconds; then one success closes it.
FAILURES_TO_OPEN = 3
OPEN_FOR_S = 30


class StoreUnavailable(Exception):
    """The features can't be read, and nothing may stand in for them."""


@dataclass(frozen=True, slots=True)
class Read:
    """Views by kind; ``ages_s`` of the live views that are there; ``cached`` if the store didn't answer."""

    views: Views
    ages_s: dict[str, float]
    cached: bool

    @property
    def age_s(self) -> float | None:
        """The age of the oldest live view."""
        return max(self.ages_s.values(), default=None)


class ViewReader:
    """Reads views.

    With ``checks_age``, views that are older than they may be, or don't say how old they are, count as missing.
    ``cached_s`` is how long a copy may stand in for a view that can't be read; ``open_for_s`` is in the machine's time.
    The setting ``views`` names the views that are used; without it, all are.
    """

    def __init__(
        self,
        store: FeatureStore,
        clock: Clock,
        *,
        breaker: bool,
        checks_age: bool,
        cached_s: float,
        open_for_s: float = OPEN_FOR_S,
        settings: Settings | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._checks_age = checks_age
        self._cached_s = cached_s
        self._settings = settings
        self._copies: dict[str, tuple[float, dict[str, Any]]] = {}
        self._breakers = AsyncCircuitBreakerFactory(FAILURES_TO_OPEN, open_for_s) if breaker else None
        self.suspect: frozenset[str] = frozenset()
        self.errors = 0

    @property
    def failovers(self) -> int:
        """Reads that a second store had to answer."""
        return self._store.failovers

    async def read(self, keys: Mapping[str, str]) -> Read:
        """The views of the keys; raises `StoreUnavailable`."""
        now = self._clock.now()
        try:
            stored = await self._guarded(list(keys.values()))
        except OpenedState as opened:
            # The breaker raises one and the same exception until it closes, which would collect every caller's frames.
            opened.__traceback__ = None
            return self._from_copies(keys, now, "failed repeatedly, not asked for a while")
        except (RedisError, OSError) as error:
            return self._from_copies(keys, now, f"{type(error).__name__}: {error}")
        if self._cached_s:
            self._copies.update((key, (now, view)) for key, view in zip(keys.values(), stored, strict=True) if view)
        return self._checked(dict(zip(keys, stored, strict=True)), now, cached=False)

    async def _guarded(self, keys: list[str]) -> list[dict[str, Any] | None]:
        if self._breakers is None:
            return await self._store.read(keys)
        async with await self._breakers.get_breaker("store"):
            return await self._store.read(keys)

    def _from_copies(self, keys: Mapping[str, str], now: float, reason: str) -> Read:
        self.errors += 1
        copies: Views = {}
        for kind, key in keys.items():
            read_at, view = self._copies.get(key, (-math.inf, None))
            copies[kind] = view if now - read_at <= self._cached_s else None
        if not any(copies[kind] for kind in LIVE_VIEWS):
            raise StoreUnavailable(f"feature store: {reason}")
        return self._checked(copies, now, cached=True)

    def _checked(self, views: Views, now: float, *, cached: bool) -> Read:
        ages: dict[str, float] = {}
        enabled = self._settings.current().get("views") if self._settings is not None else None
        for kind, view in views.items():
            if view is None:
                continue
            age_s = now - as_number(view.get(STAMP))  # NaN for a stamp that can't be read
            too_old = self._checks_age and not age_s <= VIEWS[kind].max_age_s
            if too_old or kind in self.suspect or (enabled is not None and kind not in enabled):
                views[kind] = None
            elif kind in LIVE_VIEWS and not math.isnan(age_s):
                ages[kind] = age_s
        return Read(views, ages, cached)
