"""What users and monitors see of the pipeline, live: signals over the last half hour, and the alerts that fire."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SAMPLE_S", "Signals"]

#: How far back a signal looks, and how often it is sampled for the charts, in seconds of the pipeline's time.
WINDOW_S = 1800.0
SAMPLE_S = 300.0
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class _Seen:
    t: float
    answered: bool
    latency_ms: float
    feature_age_s: float | None
    model_age_s: float | None
    full: bool


@dataclass(slots=True)
class Signals:
    """Fed with the journal's ``request`` and ``alert`` lines of one round, in order.

    >>> signals = Signals()
    >>> request = {"kind": "request", "t": 5.0, "status": 200, "latency_ms": 3.0, "source": "model"}
    >>> signals.take(request | {"feature_age_s": 60.0, "model_age_s": None})
    []
    >>> signals.now()["availability"], signals.now()["feature_age_s"], signals.now()["model_age_s"]
    (1.0, 60.0, None)
    """

    samples: list[dict[str, float | None]] = field(default_factory=list)
    firing: dict[str, dict[str, Any]] = field(default_factory=dict)
    _seen: deque[_Seen] = field(default_factory=deque)
    _next_sample: float = SAMPLE_S

    def take(self, record: Mapping[str, Any]) -> list[dict[str, float | None]]:
        """A line of the journal; the samples that became due before it."""
        t = float(record["t"])
        new = []
        while t >= self._next_sample:
            self._forget(self._next_sample)
            new.append({"t": self._next_sample, **self.now()})
            self._next_sample += SAMPLE_S
        self.samples += new
        del self.samples[:-_KEPT]
        if record["kind"] == "request":
            self._request(t, record)
        elif record["kind"] == "alert":
            self._alert(t, record)
        return new

    def now(self) -> dict[str, float | None]:
        """Availability and the share of full answers (0 to 1), the latency (95th percentile) and the ages (median)."""
        seen = self._seen
        answered = [s for s in seen if s.answered]
        return {
            "availability": len(answered) / len(seen) if seen else None,
            "latency_ms": _quantile([s.latency_ms for s in seen], 0.95),
            "feature_age_s": _quantile([s.feature_age_s for s in answered if s.feature_age_s is not None], 0.5),
            "model_age_s": _quantile([s.model_age_s for s in answered if s.model_age_s is not None], 0.5),
            "full": sum(s.full for s in answered) / len(answered) if answered else None,
        }

    def alerts(self) -> list[dict[str, Any]]:
        """What fires, the most severe and oldest first."""
        order = {"critical": 0, "warning": 1}
        return sorted(self.firing.values(), key=lambda alert: (order.get(alert["severity"], 2), alert["t"]))

    def _request(self, t: float, record: Mapping[str, Any]) -> None:
        self._forget(t)
        answered = record["status"] == 200
        self._seen.append(
            _Seen(
                t,
                answered,
                float(record["latency_ms"]),
                record["feature_age_s"],
                record["model_age_s"],
                answered and record["source"] == "model",
            )
        )

    def _alert(self, t: float, record: Mapping[str, Any]) -> None:
        key = f"{record['name']} {record['component']} {sorted(record['labels'].items())}"
        if record["state"] != "firing":
            self.firing.pop(key, None)
        elif key not in self.firing:
            shown = {name: str(record[name])[:300] for name in ("name", "component", "severity", "summary")}
            self.firing[key] = {**shown, "t": t}

    def _forget(self, now: float) -> None:
        while self._seen and self._seen[0].t < now - WINDOW_S:
            self._seen.popleft()


def _quantile(values: Sequence[float], q: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None
