"""Small journals made by hand: a steady workload, and arms that differ from it in ways that a test names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HOUR = 3600.0
WARMUP = 2 * HOUR
HORIZON = 24 * HOUR
END = WARMUP + HORIZON
Record = dict[str, Any]
Change = Callable[[Record], Record]


@dataclass(frozen=True)
class Alert:
    """One alert: when it fires (seconds of the run), when it resolves (None: never), and what it says."""

    fires: float
    resolves: float | None = None
    name: str = "SourceStale"
    component: str = "ingestion"
    severity: str = "critical"
    labels: tuple[tuple[str, str], ...] = (("feed", "weather"),)
    summary: str = "weather has not arrived"

    def lines(self, arm: str) -> Iterable[Record]:
        common = {
            "arm": arm,
            "kind": "alert",
            "name": self.name,
            "component": self.component,
            "severity": self.severity,
            "labels": dict(self.labels),
            "summary": self.summary,
        }
        yield {**common, "t": self.fires, "state": "firing"}
        if self.resolves is not None:
            yield {**common, "t": self.resolves, "state": "resolved"}


@dataclass(frozen=True)
class Injected:
    """One fault of a treatment; ``touched`` 0 is a fault that was applied and met nothing."""

    acts: float
    ends: float | None
    id: str = "freeze"
    fault: str = "freshness.freeze"
    point: str = "feed:weather"
    touched: int = 12
    failed: str = ""

    def spec(self) -> Record:
        return {"id": self.id, "fault": self.fault, "point": self.point, "at": "0s"}

    def lines(self, arm: str) -> Iterable[Record]:
        common = {"arm": arm, "fault_id": self.id}
        yield {
            **common,
            "t": self.acts,
            "kind": "fault.intent",
            "fault": self.fault,
            "point": self.point,
            "params": {"rate": 1.0},
            "seed": 3,
            "do": [],
            "undo": [],
        }
        if self.failed:
            yield {**common, "t": self.acts, "kind": "fault.failed", "stage": "apply", "error": self.failed}
            return
        yield {**common, "t": self.acts, "kind": "fault.applied"}
        yield {**common, "t": self.acts, "kind": "fault.evidence", "touched": self.touched, "what": "rows"}
        if self.ends is not None:
            yield {**common, "t": self.ends, "kind": "fault.reverting"}
            yield {**common, "t": self.ends, "kind": "fault.evidence", "touched": 3 * self.touched, "what": "rows"}
            yield {**common, "t": self.ends, "kind": "fault.reverted"}


@dataclass(frozen=True)
class Made:
    """An arm to be written: a control unless it has a scenario."""

    arm: str = "control"
    profile: str = "plain"
    seed: int = 7
    start: str = "2013-06-10T00:00:00Z"
    scenario: str | None = None
    control: str = "control"
    reference: tuple[str, ...] = ()
    faults: tuple[Injected, ...] = ()
    alerts: tuple[Alert, ...] = ()
    expect: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()
    steady: bool = True
    reason: str | None = "horizon"
    ends: float = END
    every_s: float = 90.0
    drop: Callable[[Record], bool] = field(default=lambda record: False)

    def lines(self) -> list[Record]:
        """The arm's journal, in order of time."""
        body = [record for record in self._requests() if not self.drop(record)]
        for part in (*self.faults, *self.alerts):
            body.extend(part.lines(self.arm))
        body.append({"arm": self.arm, "t": WARMUP, "kind": "steady_state", "ok": self.steady, "reasons": ["why"]})
        body = sorted((r for r in body if r["t"] <= self.ends), key=lambda record: record["t"])
        end = {"arm": self.arm, "t": self.ends, "kind": "arm.end", "reason": self.reason, "error": None}
        return [self._start(), *body, *([end] if self.reason else [])]

    def _start(self) -> Record:
        start: Record = {
            "arm": self.arm,
            "t": 0.0,
            "kind": "arm.start",
            "role": "treatment" if self.scenario else "control",
            "scenario": self.scenario,
            "profile": self.profile,
            "backend": "sim",
            "seed": self.seed,
            "start": self.start,
            "warmup_s": WARMUP,
            "horizon_s": HORIZON,
        }
        if self.scenario:
            start["control"] = self.control
            start["reference"] = list(self.reference)
            start["spec"] = {
                "name": self.scenario,
                "description": f"What happens when {self.scenario.replace('-', ' ')}.",
                "faults": [fault.spec() for fault in self.faults],
                "expect": list(self.expect) or [{"detect_within": "1h"}],
            }
        return start

    def _requests(self) -> Iterable[Record]:
        draws = np.random.default_rng(11)
        for index in range(int(END / self.every_s)):
            sent = index * self.every_s
            chance, coin = float(draws.beta(1.5, 4)), float(draws.random())
            record: Record = {
                "arm": self.arm,
                "t": sent + 0.05,
                "kind": "request",
                "sent": sent,
                "id": f"r{index:05d}",
                "latency_ms": 50.0,
                "status": 200,
                "p": chance,
                "y": int(coin < chance),
                "source": "model",
                "feature_age_s": 1800.0,
                "model": "m1",
                "model_age_s": 6 * HOUR + sent % (24 * HOUR) / 2,
                "segment": {"origin": "JFK", "carrier": "B6"},
            }
            for change in self.changes:
                record = change(record)
            # As the journal writes them.
            yield {key: round(value, 6) if isinstance(value, float) else value for key, value in record.items()}


def between(start: float, end: float, **fields: Any) -> Change:
    """Sets fields of the requests sent in ``[start, end)``."""

    def change(record: Record) -> Record:
        return {**record, **fields} if start <= record["sent"] < end else record

    return change


def unanswered(start: float, end: float) -> Change:
    """No answer to requests sent in ``[start, end)``."""
    return between(start, end, status=0, p=None, source=None, feature_age_s=None, model=None, model_age_s=None)


def worse(start: float, end: float, pull: float = 0.9) -> Change:
    """Predictions pulled towards a constant, so that the model's skill is gone while every request is answered."""

    def change(record: Record) -> Record:
        if not start <= record["sent"] < end:
            return record
        return {**record, "p": (1 - pull) * record["p"] + pull * 0.75}

    return change


def jitter(scale: float, key: int = 5) -> Change:
    """Predictions moved at random, without getting better or worse on the whole."""

    def change(record: Record) -> Record:
        wave = math.sin(key * 1000 + int(record["id"][1:]) * 12.9898) * 43758.5453
        moved = record["p"] + scale * ((wave - math.floor(wave)) * 2 - 1)
        return {**record, "p": min(1.0, max(0.0, moved))}

    return change


def journal(*arms: Made) -> list[Record]:
    """The journal of a run with these arms."""
    return [line for arm in arms for line in arm.lines()]


def treated(
    faults: Sequence[Injected],
    changes: Sequence[Change] = (),
    alerts: Sequence[Alert] = (),
    expect: Sequence[Record] = (),
    **more: Any,
) -> Made:
    """A treatment arm named after its profile."""
    fields: Record = {"arm": "treated", "scenario": "weather-stops", **more}
    return Made(faults=tuple(faults), changes=tuple(changes), alerts=tuple(alerts), expect=tuple(expect), **fields)
