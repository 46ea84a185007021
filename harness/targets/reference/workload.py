"""The users: a prediction is asked for each flight, some hours before it is scheduled to leave."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from chaos.rng import uniform
from harness.targets.base import Recorder

#: Where a prediction is asked for.
PREDICT = "/predict"
#: A user gives up after this long, in seconds.
PATIENCE_S = 2.0
#: The least and the most time before departure that a user asks, in seconds.
LEAD_S = (2 * 3600, 3 * 3600)
#: How long the users' gateway keeps idle connections open, in seconds.
KEEP_ALIVE_S = 600
#: Objectives that `Observed.probe` measures shares by; the scoring's policy has the same.
LATENCY_OBJECTIVE_MS = 1000.0
FEATURE_SLO_S = 2 * 3600.0
MODEL_SLO_S = 26 * 3600.0

_ROW = ("flight_id", "carrier", "origin", "dest", "tailnum", "sched_dep", "distance")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to come: ``at`` in seconds since the start, the truth, and the flight."""

    at: float
    late: int
    flight: dict[str, Any]


def plan_asks(flights: Any, start: float, end_s: float, seed: int, share: float = 1.0) -> list[Ask]:
    """Every request of a run in the order of time, or those of a ``share`` of the flights, the same for every seed.

    ``flights`` is a table with the flights' columns and ``late``; ``start`` epoch seconds. When a flight is asked
    about depends on (seed, flight) alone.
    """
    asks = []
    for row in flights.select([*_ROW, "late"]).to_pylist():
        if share < 1 and uniform(0, "sample", row["flight_id"]) >= share:
            continue
        lead = LEAD_S[0] + (LEAD_S[1] - LEAD_S[0]) * uniform(seed, "users", row["flight_id"])
        at = round(row["sched_dep"] - lead - start, 3)
        if 0 <= at < end_s:
            asks.append(Ask(at, int(row.pop("late")), row))
    return sorted(asks, key=lambda ask: (ask.at, ask.flight["flight_id"]))


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    status: int
    latency_ms: float
    squared_error: float | None
    feature_age_s: float | None
    model_age_s: float | None


class Observed:
    """What the users have seen lately, for steady state and stop conditions."""

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque(maxlen=2000)

    def add(self, seen: _Seen) -> None:
        """One finished request."""
        self._seen.append(seen)

    def probe(self, signal: str, since: float) -> float | None:
        """A share from 0 to 1 (1 minus the Brier score for quality) over requests that ended after ``since``."""
        seen = [s for s in self._seen if s.at >= since]
        answered = [s for s in seen if s.status == 200]
        if signal == "availability":
            return len(answered) / len(seen) if seen else None
        if signal == "latency":
            return _share(seen, lambda s: s.status == 200 and s.latency_ms <= LATENCY_OBJECTIVE_MS)
        if signal == "quality":
            errors = [s.squared_error for s in answered if s.squared_error is not None]
            return 1 - sum(errors) / len(errors) if errors else None
        if signal == "feature_freshness":
            return _share(answered, lambda s: s.feature_age_s is not None and s.feature_age_s <= FEATURE_SLO_S)
        if signal == "model_freshness":
            return _share(answered, lambda s: s.model_age_s is not None and s.model_age_s <= MODEL_SLO_S)
        raise ValueError(f"unknown signal {signal!r}")


def _share(seen: Sequence[_Seen], good: Callable[[_Seen], bool]) -> float | None:
    return sum(map(good, seen)) / len(seen) if seen else None


class Punctuality:
    """How late requests were sent, in seconds of the machine's time: a machine that is too slow shows here first."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []

    def note(self, lag_s: float) -> None:
        """A request is sent, so long after its intended moment."""
        self._lags_s.append(max(lag_s, 0.0))

    def summary(self) -> dict[str, float | int | None]:
        """How many were sent, and percentiles of their lag in milliseconds.

        >>> punctuality = Punctuality()
        >>> punctuality.note(0.002)
        >>> punctuality.summary()
        {'requests': 1, 'lag_ms_p50': 2.0, 'lag_ms_p99': 2.0, 'lag_ms_max': 2.0}
        """
        lags = sorted(self._lags_s)

        def at(share: float) -> float | None:
            return round(lags[min(int(share * len(lags)), len(lags) - 1)] * 1000, 3) if lags else None

        return {"requests": len(lags), "lag_ms_p50": at(0.5), "lag_ms_p99": at(0.99), "lag_ms_max": at(1.0)}


class Answers:
    """Takes answers to users into the journal, and remembers them for probes."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.observed = Observed()

    def take(self, ask: Ask, now: float, latency_ms: float, status: int, content: bytes | str) -> None:
        """An answer that came ``now``, in seconds since the start; a 200 without a JSON object is none."""
        answer: dict[str, Any] = {}
        if status == 200:
            try:
                answer = dict(json.loads(content))
            except (ValueError, TypeError):
                status = 0
        p = answer.get("p")
        if not isinstance(p, int | float):
            p = None
        self._recorder.write(
            "request",
            {
                "sent": ask.at,
                "id": ask.flight["flight_id"],
                "latency_ms": latency_ms,
                "status": status,
                "p": p,
                "y": ask.late,
                "source": answer.get("source"),
                "feature_age_s": answer.get("feature_age_s"),
                "model": answer.get("model"),
                "model_age_s": answer.get("model_age_s"),
                "segment": {"origin": ask.flight["origin"], "carrier": ask.flight["carrier"]},
            },
        )
        error = None if p is None else (p - ask.late) ** 2
        self.observed.add(_Seen(now, status, latency_ms, error, answer.get("feature_age_s"), answer.get("model_age_s")))


class Users:
    """Sends the requests, open-loop: latency counts from the intended moment, and a slow answer delays nobody else.

    ``clock`` gives seconds since the start, ``time_scale`` of which pass in one second of the event loop; latencies
    and patience are in the loop's time, where the sockets are. ``altered`` is what becomes of a request on its way.
    """

    def __init__(
        self,
        asks: Sequence[Ask],
        url: str,
        recorder: Recorder,
        clock: Callable[[], float],
        *,
        time_scale: float = 1.0,
        altered: Callable[[dict[str, Any]], dict[str, Any]] = lambda flight: flight,
    ) -> None:
        self._altered = altered
        self._asks = asks
        self._url = url
        self._clock = clock
        self._time_scale = time_scale
        self._pending: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._answers = Answers(recorder)
        self.observed = self._answers.observed
        self.punctuality = Punctuality()

    async def run(self) -> None:
        """Asks everything, then returns when all is answered. Raises what the recorder raises."""
        connector = aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_S)
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
        ) as session:
            for ask in self._asks:
                wait = ask.at - self._clock()
                if wait > 0:
                    await asyncio.sleep(wait / self._time_scale)
                self.punctuality.note((self._clock() - ask.at) / self._time_scale)
                task = asyncio.ensure_future(self._ask(session, ask))
                self._pending.add(task)
                task.add_done_callback(self._ended)
                if self._failure is not None:
                    raise self._failure
            await asyncio.gather(*self._pending)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What one request fails with, other than having no answer, is the end of them all: no journal, no users."""
        self._pending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    async def _ask(self, session: aiohttp.ClientSession, ask: Ask) -> None:
        status, content = 0, b""
        try:
            body = json.dumps(self._altered(ask.flight)).encode()
            async with session.post(self._url, data=body, headers={"content-type": "application/json"}) as response:
                content = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            status = 0
        now = self._clock()
        self._answers.take(ask, now, (now - ask.at) / self._time_scale * 1000, status, content)
