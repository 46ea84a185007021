"""What is usual for a feed, learnt from the weeks before the replay starts.

Every limit comes about in the same way: a statistic is computed for each window of the fault-free history,
and its limits are the lowest and the highest value seen, widened by `MARGIN` of the distance between them. No
limit is chosen by hand for a column, and none knows of faults. History ends where the replay begins, so
nothing is learnt from what is to be judged.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from reference_pipeline.data import Prepared
from reference_pipeline.ingestion.contract import CONTRACTS, Contract
from reference_pipeline.ingestion.relations import Relations, learn_relations, relations_of
from reference_pipeline.ingestion.statistics import Recent, Reference, Registers, arrays, statistics_of
from reference_pipeline.ingestion.volumes import hour_of_week, volume_ratio
from reference_pipeline.sources import FEEDS, Feed, Schedule
from reference_pipeline.sources.feeds import rows_of

#: How far limits lie outside of what history holds, as a share of what history spans.
MARGIN = 0.25
#: A null rate or a distribution's distance may always exceed history by this much; otherwise a column without a null
#: in eight weeks would alarm at the first one.
SHARE_MARGIN_MIN = 0.05
#: Hours of the week have a handful of samples each; counts get this much more room.
ROWS_MARGIN_MIN = 3.0
WEEK_S = 7 * 86400
#: The code that decides the numbers.
DERIVED_BY = ("baseline.py", "contract.py", "relations.py", "statistics.py", "volumes.py")

Limits = tuple[float, float]


@dataclass(frozen=True, slots=True)
class FeedBaseline:
    """What is usual for one feed.

    ``batch`` and ``recent`` hold limits by column and statistic, for a batch and for the latest rows.
    ``distance_max`` is the largest usual distance from ``reference``. ``rows_by_hour`` are the limits of a
    batch's rows for each hour of the week (Monday 0:00 UTC first), ``rows_mean`` their means, and ``volume`` the limits
    of the latest batches' rows against these means. ``gap_s_max`` is the longest time between batches that had rows.
    ``relations`` is what ties columns and rows together, with the limits of how far it may be off.
    """

    batch: Mapping[str, Mapping[str, Limits]]
    recent: Mapping[str, Mapping[str, Limits]]
    reference: Mapping[str, Reference]
    distance_max: Mapping[str, float]
    categories: Mapping[str, tuple[str, ...]]
    rows_by_hour: tuple[Limits, ...]
    rows_mean: tuple[float, ...]
    volume: Limits
    gap_s_max: float
    relations: Relations


@dataclass(frozen=True, slots=True)
class Baseline:
    """The usual of all feeds, from ``weeks`` weeks before ``start`` (epoch seconds)."""

    start: float
    weeks: int
    feeds: Mapping[str, FeedBaseline]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Baseline:
        """Reads `to_json`'s form."""
        raw = json.loads(text)
        return cls(raw["start"], raw["weeks"], {name: _feed(feed) for name, feed in raw["feeds"].items()})


def load_baseline(prepared: Prepared, start: float, weeks: int = 8, feeds: Mapping[str, Feed] = FEEDS) -> Baseline:
    """The baseline for a replay that starts then, from the cache beside the data if it is there.

    ``feeds`` are as their providers publish them.

    Raises ``ValueError`` if the data hold less than a week before ``start``.
    """
    digest = hashlib.blake2b(f"{start}/{weeks}/{_periods(feeds)}/{np.__version__}".encode(), digest_size=8)
    for name in DERIVED_BY:
        digest.update((Path(__file__).parent / name).read_bytes())
    path = prepared.directory / "baselines" / f"{digest.hexdigest()}.json"
    if path.exists():
        return Baseline.from_json(path.read_text())
    baseline = compute_baseline(prepared, start, weeks, feeds)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(baseline.to_json())
    temporary.replace(path)
    return baseline


def _periods(feeds: Mapping[str, Feed]) -> str:
    return ",".join(f"{name}={feed.period_s}" for name, feed in feeds.items())


def compute_baseline(prepared: Prepared, start: float, weeks: int = 8, feeds: Mapping[str, Feed] = FEEDS) -> Baseline:
    """Learns from up to ``weeks`` weeks that end at ``start``; raises ``ValueError`` for less than one."""
    first = max(start - weeks * WEEK_S, prepared.span[0])
    if start - first < WEEK_S:
        raise ValueError("the data hold less than a week before the start; start the replay on 2013-01-09 or later")
    learnt = {name: _learn(contract, feeds[name], prepared, first, start) for name, contract in CONTRACTS.items()}
    return Baseline(start, weeks, learnt)


@dataclass(slots=True)
class _Samples:
    """Values of one statistic over history."""

    values: dict[tuple[str, str], list[float]]

    def add(self, statistics: Mapping[str, Mapping[str, float]]) -> None:
        for column, found in statistics.items():
            for name, value in found.items():
                self.values.setdefault((column, name), []).append(value)

    def limits(self) -> dict[str, dict[str, Limits]]:
        out: dict[str, dict[str, Limits]] = {}
        for (column, name), values in self.values.items():
            least = SHARE_MARGIN_MIN if name in ("null_rate", "unknown_rate") else 0.0
            out.setdefault(column, {})[name] = widened(values, least)
        return out


def widened(values: list[float], margin_min: float) -> Limits:
    """Lowest and highest value, widened.

    >>> widened([2.0, 4.0, 3.0], 0.0)
    (1.5, 4.5)
    """
    low, high = min(values), max(values)
    margin = max(MARGIN * (high - low), margin_min)
    return low - margin, high + margin


class _Learner:
    """Collects the statistics of one feed's windows, in order."""

    def __init__(self, contract: Contract, first: float, registers: Registers) -> None:
        self._contract = contract
        self._registers = registers
        self._batch, self._latest = _Samples({}), _Samples({})
        self._rows_by_hour: list[list[float]] = [[] for _ in range(168)]
        self._windows: list[tuple[float, int]] = []
        self._recent = Recent(contract)
        self._recents: list[Recent] = []
        self._categories: dict[str, set[str]] = {c.name: set() for c in contract.columns if c.learnt}
        self._pooled: dict[str, list[Any]] = {c.name: [] for c in contract.columns if c.watched}
        self._last_seen, self._gap_s_max = first, 0.0

    def add(self, at: float, table: pa.Table) -> None:
        """One window and its rows."""
        self._rows_by_hour[hour_of_week(at)].append(len(table))
        self._windows.append((at, len(table)))
        if not len(table):
            return
        self._gap_s_max, self._last_seen = max(self._gap_s_max, at - self._last_seen), at
        columns = arrays(self._contract, {name: table[name].to_pylist() for name in self._contract.names})
        if len(table) >= self._contract.batch_rows_min:
            self._batch.add(statistics_of(self._contract, columns, self._registers))
        self._recent = self._recent.with_rows(columns)
        if self._recent.full:
            self._latest.add(statistics_of(self._contract, self._recent.columns, self._registers))
            self._recents.append(self._recent)
        for name, seen in self._categories.items():
            seen.update(columns[name].tolist())
        for name, parts in self._pooled.items():
            parts.append(columns[name][~np.isnan(columns[name])])

    def result(self) -> FeedBaseline:
        """What was learnt."""
        reference = {name: Reference.of(np.concatenate(parts)) for name, parts in self._pooled.items() if parts}
        rows_mean = tuple(_mean(counts) for counts in self._rows_by_hour)
        return FeedBaseline(
            batch=self._batch.limits(),
            recent=self._latest.limits(),
            reference=reference,
            distance_max=_distances(self._recents, reference),
            categories={name: tuple(sorted(seen)) for name, seen in self._categories.items()},
            rows_by_hour=tuple(_around(self._rows_by_hour, hour) for hour in range(168)),
            rows_mean=rows_mean,
            volume=_volume_limits(self._windows, rows_mean, self._contract),
            gap_s_max=self._gap_s_max,
            relations=learn_relations(self._contract, self._recents, widened),
        )


def _learn(contract: Contract, feed: Feed, prepared: Prepared, first: float, start: float) -> FeedBaseline:
    learner = _Learner(contract, first, {"planes": frozenset(prepared.planes["tailnum"].to_pylist())})
    for at, table in _windows(contract, feed, prepared, first, start):
        learner.add(at, table)
    return learner.result()


def _windows(
    contract: Contract, feed: Feed, prepared: Prepared, first: float, start: float
) -> Iterator[tuple[float, pa.Table]]:
    """Start and rows of each whole window of history, in order. A snapshot is the same every day: one is enough."""
    schedule = Schedule(feed)
    begin = schedule.newest(first + feed.lag_s + feed.jitter_s) + 1
    end = schedule.newest(start) + 1
    for sequence in range(end - 1 if contract.mode == "snapshot" else begin, end):
        window_start = schedule.window_start(sequence)
        yield window_start, rows_of(feed, prepared, window_start)


def _around(rows_by_hour: list[list[float]], hour: int) -> Limits:
    """Limits of an hour of the week, from it and its two neighbours. Nothing at all is unusual where it never was."""
    counts = [n for h in (hour - 1, hour, hour + 1) for n in rows_by_hour[h % 168]]
    low, high = widened(counts, ROWS_MARGIN_MIN) if counts else (0.0, float("inf"))
    return max(low, min([1.0, *counts]) if counts else 0.0), high


def _mean(counts: list[float]) -> float:
    return round(sum(counts) / len(counts), 3) if counts else 0.0


def _volume_limits(windows: list[tuple[float, int]], rows_mean: tuple[float, ...], contract: Contract) -> Limits:
    """Limits of the latest batches' volume."""
    count, rows_min = contract.recent_windows, contract.recent_windows_rows_min
    ends = range(count, len(windows) + 1) if count else ()
    ratios = [volume_ratio(windows[end - count : end], rows_mean, count, rows_min) for end in ends]
    known = [ratio for ratio in ratios if ratio is not None]
    return widened(known, SHARE_MARGIN_MIN) if known else (0.0, float("inf"))


def _distances(recents: list[Recent], reference: Mapping[str, Reference]) -> dict[str, float]:
    """The largest usual distance of the latest rows from the reference, for columns where one says something."""
    found: dict[str, list[float]] = {}
    for recent in recents:
        for name, known in recent.watched():
            found.setdefault(name, []).append(reference[name].distance(known))
    limits = {name: widened(values, SHARE_MARGIN_MIN)[1] for name, values in found.items()}
    return {name: limit for name, limit in limits.items() if limit < 1}


def _feed(raw: Mapping[str, Any]) -> FeedBaseline:
    def limits(columns: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, Limits]]:
        return {column: {name: (low, high) for name, (low, high) in found.items()} for column, found in columns.items()}

    return FeedBaseline(
        batch=limits(raw["batch"]),
        recent=limits(raw["recent"]),
        reference={
            name: Reference(tuple(reference["grid"]), tuple(reference["shares"]))
            for name, reference in raw["reference"].items()
        },
        distance_max=raw["distance_max"],
        categories={name: tuple(seen) for name, seen in raw["categories"].items()},
        rows_by_hour=tuple((low, high) for low, high in raw["rows_by_hour"]),
        rows_mean=tuple(raw["rows_mean"]),
        volume=(raw["volume"][0], raw["volume"][1]),
        gap_s_max=raw["gap_s_max"],
        relations=relations_of(raw["relations"]),
    )
