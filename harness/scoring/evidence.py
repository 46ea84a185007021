"""The journal as evidence: each arm's lines as frozen values, its requests as numpy columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from harness.errors import JournalError
from harness.scoring.plan import Plan, plan_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Record = Mapping[str, Any]


class MalformedJournal(JournalError):
    """A journal line lacks a field, or belongs to an arm that never started."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of an arm, one element a request; unknown numbers are NaN, unknown words empty."""

    ids: npt.NDArray[np.str_]
    sent_s: Floats
    latency_ms: Floats
    status: npt.NDArray[np.int64]
    p: Floats
    y: Floats
    source: npt.NDArray[np.str_]
    feature_age_s: Floats
    model: npt.NDArray[np.str_]
    model_age_s: Floats

    @property
    def answered(self) -> Bools:
        """Whether a usable answer came: a 2xx status with a probability."""
        return (self.status >= 200) & (self.status < 300) & np.isfinite(self.p)

    @property
    def brier(self) -> Floats:
        """``(p - y)^2`` of each answer whose label is known, else NaN.

        At most 1: a number outside of [0, 1] is no probability, and no worse than the worst one.
        """
        return np.where(self.answered, np.minimum(np.abs(self.p - self.y), 1.0) ** 2, np.nan)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of an alert: it began to fire, fires still, or resolved."""

    t: float
    name: str
    component: str
    severity: str
    firing: bool
    labels: tuple[tuple[str, str], ...]
    summary: str


@dataclass(frozen=True, slots=True)
class FaultLog:
    """What the journal says about one injection."""

    id: str
    fault: str
    point: str
    params: Mapping[str, Any]
    act_s: float | None = None
    end_s: float | None = None
    touched: float = 0.0
    what: str = ""
    remains: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """One run of the pipeline, a control or a treatment."""

    id: str
    role: str
    scenario: str | None
    profile: str
    backend: str
    seed: int
    start: str
    warmup_s: float
    horizon_s: float
    control: str | None
    reference: tuple[str, ...]
    plan: Plan | None
    requests: Requests
    alerts: tuple[AlertEvent, ...]
    faults: tuple[FaultLog, ...]
    steady: bool | None
    unsteady_reasons: tuple[str, ...]
    unsteady_after: tuple[str, ...] | None
    """What did not hold again at the horizon, after the last revert; None where nothing was looked at."""
    died: tuple[str, ...]
    """Which services died by themselves, and of what."""
    end_s: float | None
    end_reason: str | None
    error: str

    @property
    def planned_end_s(self) -> float:
        """Where the run would end if nothing stopped it."""
        return self.warmup_s + self.horizon_s

    @property
    def observed_end_s(self) -> float:
        """Until when the journal observed the arm."""
        return self.planned_end_s if self.end_s is None else min(self.end_s, self.planned_end_s)


_RESTORE = "Restore the journal from a copy, or run again."
_COLUMNS = ("id", "sent", "latency_ms", "status", "p", "y", "source", "feature_age_s", "model", "model_age_s")


@dataclass(slots=True)
class _Draft:
    """An arm while its lines are being read."""

    start: Record
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})
    alerts: list[AlertEvent] = field(default_factory=list)
    faults: dict[str, list[Record]] = field(default_factory=dict)
    steady: bool | None = None
    reasons: tuple[str, ...] = ()
    after: tuple[str, ...] | None = None
    died: list[str] = field(default_factory=list)
    end: Record | None = None


def read_arms(records: Iterable[Record]) -> dict[str, Arm]:
    """The arms of a journal by id, in order of id. Kinds that are not evidence are skipped.

    Raises `MalformedJournal` for a line without its fields or an arm that starts twice.
    """
    drafts: dict[str, _Draft] = {}
    for number, record in enumerate(records, start=1):
        try:
            _take(drafts, record)
        except KeyError as error:
            kind = record.get("kind", "?")
            raise MalformedJournal(
                f"line {number} of the journal ({kind}): field {error.args[0]!r} is missing; "
                "was the journal written by another version?"
            ) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise MalformedJournal(
                f"line {number} of the journal ({record.get('kind')}): {error}. {_RESTORE}"
            ) from None
    return {arm_id: _arm(arm_id, drafts[arm_id]) for arm_id in sorted(drafts)}


def _take(drafts: dict[str, _Draft], record: Record) -> None:
    kind, arm_id = record["kind"], record["arm"]
    if kind == "arm.start":
        if arm_id in drafts:
            raise MalformedJournal(f"arm {arm_id!r} starts twice in one journal; arms need ids of their own")
        drafts[arm_id] = _Draft(record)
        return
    draft = drafts.get(arm_id)
    if draft is None:
        raise MalformedJournal(f"a {kind!r} line belongs to arm {arm_id!r}, which has no 'arm.start' before it")
    if kind == "request":
        for name in _COLUMNS:
            draft.columns[name].append(record[name])
    elif kind == "alert":
        draft.alerts.append(_alert(record))
    elif kind.startswith("fault."):
        _t_of(record)
        draft.faults.setdefault(record["fault_id"], []).append(record)
        _fault_line({}, record)
    elif kind == "steady_state":
        draft.steady = bool(record["ok"])
        draft.reasons = tuple(str(reason) for reason in record.get("reasons") or ())
    elif kind == "steady_state.after":
        reasons = tuple(str(reason) for reason in record.get("reasons") or ())
        draft.after = () if record["ok"] else reasons or ("no reason was written",)
    elif kind == "service.died":
        draft.died.append(f"{record['service']} ({record['why']})")
    elif kind == "arm.end":
        draft.end = record


def _alert(record: Record) -> AlertEvent:
    labels = record.get("labels") or {}
    return AlertEvent(
        t=_t_of(record),
        name=str(record["name"]),
        component=str(record.get("component") or ""),
        severity=str(record["severity"]),
        firing=record["state"] == "firing",
        labels=tuple(sorted((str(k), str(v)) for k, v in labels.items())),
        summary=str(record.get("summary") or ""),
    )


def _t_of(record: Record) -> float:
    """When a line was written. Raises `ValueError` for what is no time: not a number, infinite, or centuries away."""
    t = float(record["t"])
    if not abs(t) < 1e10:
        raise ValueError(f"its time is {t:g}")
    return t


def _fault_line(seen: dict[str, Any], record: Record) -> None:
    """Folds one line of a fault's life into what is known of it."""
    kind, t = record["kind"], _t_of(record)
    if kind == "fault.intent":
        seen.update(fault=record["fault"], point=record["point"], params=dict(record.get("params") or {}))
    elif kind == "fault.evidence":
        seen["touched"] = float(record["touched"])
        seen["what"] = str(record.get("what") or "")
        if seen["touched"] > 0:
            seen.setdefault("act_s", t)
    elif kind == "fault.reverted":
        seen["end_s"] = t
        remains = record.get("remains")
        seen["remains"] = remains if isinstance(remains, str) else ("" if not remains else str(remains))
    elif kind == "fault.failed":
        seen["failure"] = f"{record['stage']} failed: {record['error']}"


def _column(values: list[Any]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _moments(values: list[Any]) -> Floats:
    """Seconds since the arm's start. Raises `ValueError` for what can't be that: nothing, negative, or centuries."""
    moments = _column(values)
    if not np.all((moments >= 0) & (moments < 1e10)):
        raise ValueError("a request's `sent` is no moment of the run")
    return moments


def _labels(values: list[Any]) -> Floats:
    """0 or 1 where the truth is known. Raises `ValueError` for anything else."""
    labels = _column(values)
    wrong = ~(np.isnan(labels) | (labels == 0) | (labels == 1))
    if wrong.any():
        raise ValueError(f"the label of a request is {labels[wrong][0]:g}, and 0 or 1 is expected")
    return labels


def _words(values: list[Any]) -> npt.NDArray[np.str_]:
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)


def _requests(columns: dict[str, list[Any]]) -> Requests:
    """The columns in order of id; where an id was written twice the later line holds."""
    last = {str(request): index for index, request in enumerate(columns["id"])}
    order = [last[request] for request in sorted(last)]
    picked = {name: [values[i] for i in order] for name, values in columns.items()}
    return Requests(
        ids=np.array([str(i) for i in picked["id"]], dtype=np.str_),
        sent_s=_moments(picked["sent"]),
        latency_ms=_column(picked["latency_ms"]),
        status=np.array(picked["status"], dtype=np.int64),
        p=_column(picked["p"]),
        y=_labels(picked["y"]),
        source=_words(picked["source"]),
        feature_age_s=_column(picked["feature_age_s"]),
        model=_words(picked["model"]),
        model_age_s=_column(picked["model_age_s"]),
    )


def _arm(arm_id: str, draft: _Draft) -> Arm:
    start, end = draft.start, draft.end or {}
    try:
        spec = start.get("spec")
        return Arm(
            id=arm_id,
            role=str(start["role"]),
            scenario=start.get("scenario"),
            profile=str(start["profile"]),
            backend=str(start["backend"]),
            seed=int(start["seed"]),
            start=_replayed(str(start["start"])),
            warmup_s=_span(start["warmup_s"]),
            horizon_s=_span(start["horizon_s"]),
            control=start.get("control"),
            reference=tuple(sorted(start.get("reference") or ())),
            plan=_plan(arm_id, spec) if spec else None,
            requests=_requests(draft.columns),
            alerts=tuple(sorted(draft.alerts, key=lambda event: event.t)),
            faults=tuple(_fault(fault_id, draft.faults[fault_id]) for fault_id in sorted(draft.faults)),
            steady=draft.steady,
            unsteady_reasons=draft.reasons,
            unsteady_after=draft.after,
            died=tuple(dict.fromkeys(draft.died)),
            end_s=_t_of(end) if end else None,
            end_reason=str(end["reason"]) if end else None,
            error=str(end.get("error") or ""),
        )
    except KeyError as error:
        raise MalformedJournal(f"arm {arm_id!r}: field {error.args[0]!r} is missing in its start or end") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedJournal(f"arm {arm_id!r} holds a value that can't be: {error}. {_RESTORE}") from None


def _span(value: Any) -> float:
    """A duration of the run. Raises `ValueError` for what can't be one."""
    if not 0 <= float(value) < 1e10:
        raise ValueError(f"a duration is {float(value):g}")
    return float(value)


def _replayed(start: str) -> str:
    """The replay's wall clock as it was written. Raises `ValueError` for text that is no moment."""
    datetime.fromisoformat(start)
    return start


def _plan(arm_id: str, spec: Record) -> Plan:
    try:
        return plan_of(spec)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise MalformedJournal(
            f"arm {arm_id!r} carries a scenario that this version cannot read: {place}: {first['msg']}. "
            "Run the scenario again."
        ) from None


def _fault(fault_id: str, lines: list[Record]) -> FaultLog:
    """A fault's life, whatever the order of its lines: on a live target they are written as they come to be known."""
    seen: dict[str, Any] = {}
    for line in sorted(lines, key=_t_of):
        _fault_line(seen, line)
    return FaultLog(id=fault_id, **{"fault": "", "point": "", "params": {}, **seen})
